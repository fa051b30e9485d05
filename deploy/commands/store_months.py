"""What customers' stays came to in months that are over, for prices that have a minimum a month."""

import argparse
import os
import sys

from deploy import months
from deploy.commands import Command
from deploy.commands.where import LONG, settings_of, store_of
from flows.engine.stop import Stop
from sinks.clickhouse import AWAY
from sinks.kafka import DeliveryError


def store_months(arguments: argparse.Namespace) -> int:
    """Sum up what goods in stores cost each customer in months that are over, and tell the lanes."""
    settings = settings_of(arguments)
    stop = Stop() if arguments.follow else None
    while True:
        try:
            lines = months.run(settings, store_of(arguments, LONG), arguments.by)
        except (*AWAY, DeliveryError) as error:
            if stop is None:
                raise
            lines = [f"away, tried again: {error}"]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        if stop is None or stop.wait(arguments.every):
            return 0


def add(command: Command) -> None:
    """store-months."""
    one = command("store-months", store_months)
    one.add_argument("--follow", action="store_true", help="go on until it is told to stop")
    one.add_argument("--every", type=float, default=60, metavar="S", help="following: seconds between counts")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who counts")
