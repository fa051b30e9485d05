"""Commands that do something once, or again and again until they are told to stop."""

import argparse
import sys
from collections.abc import Callable, Iterable

from flows.engine.stop import Stop
from sinks.clickhouse import AWAY
from sinks.kafka import DeliveryError


def repeatedly(arguments: argparse.Namespace, step: Callable[[], Iterable[str]]) -> int:
    """Say what a step comes to; with --follow one step after the other, and what is away is waited for."""
    stop = Stop() if arguments.follow else None
    while True:
        try:
            lines = step()
        except (*AWAY, DeliveryError) as error:
            if stop is None:
                raise
            lines = [f"away, tried again: {error}"]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        if stop is None or stop.wait(arguments.every):
            return 0


def add(one: argparse.ArgumentParser, every: float, what: str) -> None:
    """Its arguments. `every`: seconds between two steps, unless it is said; `what`: their name for people."""
    one.add_argument("--follow", action="store_true", help="go on until it is told to stop")
    one.add_argument(
        "--every", type=float, default=every, metavar="S", help=f"following: seconds between {what}"
    )
