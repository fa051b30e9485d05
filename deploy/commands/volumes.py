"""Customers' parcels in the month, counted for prices that depend on them."""

import argparse

from deploy import volumes
from deploy.commands import Command, counting, following
from deploy.commands.where import LONG, settings_of, store_of


def volumes_(arguments: argparse.Namespace) -> int:
    """Count customers' parcels in the month through each completed day, and publish it to the lanes."""
    settings = settings_of(arguments)

    def step() -> list[str]:
        return volumes.run(settings, store_of(arguments, LONG), arguments.by, again=arguments.again)

    return following.repeatedly(arguments, step)


def add(command: Command) -> None:
    """volumes."""
    one = command("volumes", volumes_)
    one.add_argument("--again", action="store_true", help="count days again, and publish what has changed")
    following.add(one, 60, "counts")
    counting(one, "who counts")
