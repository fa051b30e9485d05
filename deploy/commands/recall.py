"""Parcels and stays that their lanes have forgotten, back from the books to be corrected."""

import argparse
import os
import sys

from dashboards.library import version_named
from deploy.commands import Command
from deploy.commands.where import LONG, settings_of, store_of
from deploy.recall.job import Job, RecallError, Tally
from flows.engine.stop import Stop
from sinks.clickhouse import AWAY
from sinks.kafka import require

SHOWN = 5
"""Refusals that are told."""


def recall(arguments: argparse.Namespace) -> int:
    """Correct parcels and stays that have left the lanes: late facts, and prices that were published backdated."""
    settings = settings_of(arguments)
    if not arguments.follow:
        require(settings)
    job = Job(settings, store_of(arguments, LONG), _progress)
    try:
        if arguments.follow:
            return _follow(job, arguments)
        tallies = _pass(job, arguments)
    except (LookupError, RecallError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for what, tally in tallies.items():
        sys.stdout.write(f"{what}: {tally}\n")
        for detail in tally.details[:SHOWN]:
            sys.stdout.write(f"    {detail}\n")
    return 1 if any(tally.refused for tally in tallies.values()) else 0


def _pass(job: Job, arguments: argparse.Namespace) -> dict[str, Tally]:
    if arguments.waybill or arguments.stay:
        waybills = [waybill.strip().upper() for waybill in arguments.waybill]
        return {"asked": job.asked(waybills, [stay.strip() for stay in arguments.stay])}
    if arguments.tariff:
        return job.backdated(version_named(store_of(arguments), arguments.tariff)) or {"backdated": Tally()}
    tallies = {"late facts": job.late(), **job.backdated()}
    if arguments.too_old:
        tallies["too old"] = job.too_old(arguments.by)
    return tallies


def _follow(job: Job, arguments: argparse.Namespace) -> int:
    """One pass after the other until told to stop; what is away is waited for."""
    stop = Stop()
    while not stop.wait(arguments.every):
        try:
            for what, tally in _pass(job, arguments).items():
                if tally.recalled or tally.refused:
                    sys.stdout.write(f"{what}: {tally}\n")
                    sys.stdout.flush()
        except (*AWAY, RecallError) as away:
            sys.stderr.write(f"waiting: {away}\n")
            sys.stderr.flush()
    return 0


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def add(command: Command) -> None:
    """recall."""
    one = command("recall", recall)
    one.add_argument("--follow", action="store_true", help="go on looking until Ctrl-C")
    one.add_argument("--every", type=float, default=5.0, help="seconds between two looks")
    one.add_argument("--waybill", action="append", default=[], help="these parcels, whatever the reason")
    one.add_argument("--stay", action="append", default=[], help="these stays in stores")
    one.add_argument("--tariff", default="", help="only what the publication of this version touched")
    one.add_argument(
        "--too-old", action="store_true", help="facts that were refused as too old, too: they are sent again"
    )
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who sends them again")
