"""Tariff books: `waybook tariff …`, each of which is in `deploy.tariff.commands`."""

import argparse

from clickhouse_connect.driver.client import Client

from deploy.commands import Command
from deploy.commands.where import QUICK, settings_of, store_of
from deploy.tariff import commands
from deploy.tariff.arguments import add_commands, publish_arguments


def tariff(arguments: argparse.Namespace) -> int:
    """Tariff books: check, compare, publish, withdraw, look at, turn into Excel and back, try."""

    def connect(seconds: int = QUICK) -> Client:
        return store_of(arguments, seconds)

    return commands.run(arguments, connect, settings_of(arguments))


def publish_tariff(arguments: argparse.Namespace) -> int:
    """The same as `tariff publish`."""
    return tariff(arguments)


def add(command: Command) -> None:
    """tariff, publish-tariff."""
    add_commands(command("tariff", tariff))
    publish_arguments(command("publish-tariff", publish_tariff))
