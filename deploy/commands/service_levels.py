"""What outlets' months earn or cost them by the share of their parcels in time."""

import argparse

from deploy import levels
from deploy.commands import Command, counting, following
from deploy.commands.where import LONG, settings_of, store_of, writers_settings
from sinks.clickhouse import connect


def service_levels(arguments: argparse.Namespace) -> int:
    """Judge outlets' months that are over by the directory's levels.csv: rewards and penalties, as claims."""
    settings = settings_of(arguments)

    def step() -> list[str]:
        writer = connect(writers_settings(arguments), LONG)
        return levels.run(settings, store_of(arguments, LONG), writer, arguments.by)

    return following.repeatedly(arguments, step)


def add(command: Command) -> None:
    """service-levels."""
    one = command("service-levels", service_levels)
    following.add(one, 3600, "looks")
    counting(one, "who judges")
