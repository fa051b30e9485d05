"""Customers' parcels in the month, counted for prices that depend on them."""

import argparse
import os
import sys

from deploy import volumes
from deploy.commands import Command
from deploy.commands.where import LONG, settings_of, store_of
from flows.engine.stop import Stop
from sinks.clickhouse import AWAY
from sinks.kafka import DeliveryError


def volumes_(arguments: argparse.Namespace) -> int:
    """Count customers' parcels in the month through each completed day, and publish it to the lanes."""
    settings = settings_of(arguments)
    stop = Stop() if arguments.follow else None
    while True:
        try:
            lines = volumes.run(settings, store_of(arguments, LONG), arguments.by, again=arguments.again)
        except (*AWAY, DeliveryError) as error:
            if stop is None:
                raise
            lines = [f"away, tried again: {error}"]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        if stop is None or stop.wait(arguments.every):
            return 0


def add(command: Command) -> None:
    """volumes."""
    one = command("volumes", volumes_)
    one.add_argument("--again", action="store_true", help="count days again, and publish what has changed")
    one.add_argument("--follow", action="store_true", help="go on until it is told to stop")
    one.add_argument("--every", type=float, default=60, metavar="S", help="following: seconds between counts")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who counts")
