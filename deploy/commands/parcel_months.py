"""How many parcels customers sent in months that are over, for prices of packages."""

import argparse
import os

from deploy import parcel_months as months
from deploy.commands import Command, following
from deploy.commands.where import LONG, settings_of, store_of


def parcel_months(arguments: argparse.Namespace) -> int:
    """Count the parcels that customers with packages sent in months that are over, and tell the lanes."""
    settings = settings_of(arguments)

    def step() -> list[str]:
        return months.run(settings, store_of(arguments, LONG), arguments.by)

    return following.repeatedly(arguments, step)


def add(command: Command) -> None:
    """parcel-months."""
    one = command("parcel-months", parcel_months)
    following.add(one, 60, "counts")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who counts")
