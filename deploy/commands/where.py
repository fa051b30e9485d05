"""Where the store and the brokers are, for a command."""

import argparse
import os
from collections.abc import Callable

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.blocks import as_of_now
from deploy.evidence import unsealing
from deploy.home import SETTINGS, USUAL, HomeError, told
from schemas.settings import Settings, from_environment, to_environment
from sinks.clickhouse import connect, readers

QUICK, LONG = 10, 600
"""Seconds in which a store must answer that is there, and a question to all of it."""


def writers_settings(arguments: argparse.Namespace) -> Settings:
    """The environment's settings, with the store that the command names; else a demo's.

    Raises HomeError where `--home` is no demo's, or where something else names the store, too.
    """
    inherited = "WAYBOOK_CLICKHOUSE" in os.environ
    if arguments.home is not None and (arguments.url or inherited):
        other = "--url" if arguments.url else "WAYBOOK_CLICKHOUSE"
        raise HomeError(f"--home and {other} both say where the store is: leave one of them out")
    if arguments.url:
        return msgspec.structs.replace(from_environment(), clickhouse=arguments.url)
    demos = None if inherited else told(arguments.home or USUAL)
    if demos is None and arguments.home is not None:
        raise HomeError(f"no demo has run in {arguments.home}: it has no {SETTINGS}")
    return from_environment(os.environ if demos is None else {**to_environment(demos), **os.environ})


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The same for those who only read."""
    return readers(writers_settings(arguments))


def store_of(arguments: argparse.Namespace, seconds: int = QUICK) -> Client:
    """The store. Raises StoreAwayError, soon."""
    return opened(settings_of(arguments), seconds)


def opened(settings: Settings, seconds: int = QUICK) -> Client:
    """The same, where the settings are known."""
    client = connect(settings, QUICK)
    return client if seconds == QUICK else connect(settings, seconds)


def books_of(arguments: argparse.Namespace, seconds: int = QUICK) -> Client:
    """The store, all of whose answers are as of one moment: for what is told once, and not waited for."""
    return as_of_now(store_of(arguments, seconds))


def vault_of(arguments: argparse.Namespace, client: Client) -> Callable[[str, bytes], bytes]:
    """What opens sealed evidence, with the keys of `WAYBOOK_KEYS`. Raises OSError or ValueError without them."""
    return unsealing(client, settings_of(arguments).keys)
