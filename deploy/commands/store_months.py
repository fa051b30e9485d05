"""What customers' stays came to in months that are over, for prices that have a minimum a month."""

import argparse
import os

from deploy import months
from deploy.commands import Command, following
from deploy.commands.where import LONG, settings_of, store_of


def store_months(arguments: argparse.Namespace) -> int:
    """Sum up what goods in stores cost each customer in months that are over, and tell the lanes."""
    settings = settings_of(arguments)

    def step() -> list[str]:
        return months.run(settings, store_of(arguments, LONG), arguments.by)

    return following.repeatedly(arguments, step)


def add(command: Command) -> None:
    """store-months."""
    one = command("store-months", store_months)
    following.add(one, 60, "counts")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who counts")
