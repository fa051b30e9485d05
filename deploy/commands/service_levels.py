"""What outlets' months earn or cost them by the share of their parcels in time."""

import argparse
import os
import sys

from deploy import levels
from deploy.commands import Command
from deploy.commands.where import LONG, settings_of, store_of, writers_settings
from flows.engine.stop import Stop
from sinks.clickhouse import AWAY, connect
from sinks.kafka import DeliveryError


def service_levels(arguments: argparse.Namespace) -> int:
    """Judge outlets' months that are over by the directory's levels.csv: rewards and penalties, as claims."""
    settings = settings_of(arguments)
    stop = Stop() if arguments.follow else None
    while True:
        try:
            writer = connect(writers_settings(arguments), LONG)
            lines = levels.run(settings, store_of(arguments, LONG), writer, arguments.by)
        except (*AWAY, DeliveryError) as error:
            if stop is None:
                raise
            lines = [f"away, tried again: {error}"]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        if stop is None or stop.wait(arguments.every):
            return 0


def add(command: Command) -> None:
    """service-levels."""
    one = command("service-levels", service_levels)
    one.add_argument("--follow", action="store_true", help="go on until it is told to stop")
    one.add_argument(
        "--every", type=float, default=3600, metavar="S", help="following: seconds between looks"
    )
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who judges")
