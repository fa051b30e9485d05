"""What customers' months that are over came to, for minimums of stores and for packages of parcels."""

import argparse
from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from deploy import parcel_months, store_months
from deploy.commands import Command, counting, following
from deploy.commands.where import LONG, settings_of, store_of
from schemas.settings import Settings


def of_stores(arguments: argparse.Namespace) -> int:
    """Sum up what goods in stores cost each customer in months that are over, and tell the lanes."""
    return _repeatedly(arguments, store_months.run)


def of_parcels(arguments: argparse.Namespace) -> int:
    """Count the parcels that customers with packages sent in months that are over, and tell the lanes."""
    return _repeatedly(arguments, parcel_months.run)


def _repeatedly(arguments: argparse.Namespace, run: Callable[[Settings, Client, str], list[str]]) -> int:
    settings = settings_of(arguments)
    return following.repeatedly(arguments, lambda: run(settings, store_of(arguments, LONG), arguments.by))


def add(command: Command) -> None:
    """store-months, parcel-months."""
    for one in (command("store-months", of_stores), command("parcel-months", of_parcels)):
        following.add(one, 60, "counts")
        counting(one, "who counts")
