"""Channels' bills: verify and send them, fetch them, list what was sent."""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from prometheus_client import Gauge

from dashboards.phrases import not_believed
from deploy.bills.job import Job, day_of
from deploy.bills.office import Note, Office, superseded
from deploy.commands import Command, day
from deploy.commands.where import settings_of
from deploy.files import utf8_of
from deploy.terminal import some, table
from flows.engine import metrics
from flows.engine.stop import Stop
from schemas.money import yuan
from schemas.problems import DocumentError
from schemas.settings import Settings
from schemas.times import business_day, date_of
from sinks.kafka import DeliveryError
from sources.channels.keys import read_tokens
from sources.channels.model import Own
from sources.channels.read import FILE as CHANNELS
from sources.channels.read import read_channels

NAME = "bills"
NOT_TAKEN = Gauge(
    "waybook_bills_not_taken", "Files and downloads of bills that the newest pass could not take"
)
NOTHING_NEW = "没有新账单 no new bill"
NONE_SENT = "还没有账单 no bill was sent yet"
SUPERSEDED = "被更正 superseded by a later bill of the day"


def bills(arguments: argparse.Namespace) -> int:
    """Channels' bills: `load` files, `pull` what is dropped and what channels give for a day, `list` what was sent."""
    settings = settings_of(arguments)
    office = Office(arguments.directory or settings.bills)
    try:
        office.require()
        if arguments.what == "list":
            notes = [note for note in office.notes() if arguments.day in (None, note.day)]
            listed = some((*_listed(notes), *_left(office.left())), NONE_SENT)
            sys.stdout.writelines(f"{line}\n" for line in listed)
            return 0
        job = _job(settings, office, arguments.channels)
        if arguments.what == "load":
            if not arguments.files:
                raise ValueError("say which: waybook bills load FILE…")
            if missing := [str(file) for file in arguments.files if not file.is_file()]:
                raise LookupError(f"there is no file {', '.join(missing)}: nothing is sent")
            source = job.named(arguments.source) if arguments.source else None
            notes = [note for file in arguments.files for note in job.load(file, arguments.day, source)]
            return 1 if any(note.reason for note in notes) else 0
        return _pull(job, settings, arguments)
    except (DocumentError, LookupError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
    return 1


def _job(settings: Settings, office: Office, channels: Path | None) -> Job:
    own = read_channels({CHANNELS: utf8_of(channels)}).own if channels else Own()
    return Job(settings, office, read_tokens(own, settings.keys), lambda line: sys.stdout.write(f"{line}\n"))


def _pull(job: Job, settings: Settings, arguments: argparse.Namespace) -> int:
    """Once, or one pass after the other until told to stop."""
    if not arguments.follow:
        notes = job.pull(day := arguments.day or _yesterday(), arguments.quiet)
        if not (notes or job.left):
            sys.stdout.write(
                f"{NOTHING_NEW}: none to be taken is dropped, and no channel has one of {day} to give "
                "(each is asked from its `ready` of the next day on)\n"
            )
        return 1 if job.left or any(note.reason for note in notes) else 0
    stop = Stop()
    metrics.serve(settings.metrics_port, settings.home / NAME, settings.metrics_host)
    while not stop.asked:
        try:
            job.pull(arguments.day or _yesterday(), arguments.quiet)
        except DeliveryError as error:
            sys.stderr.write(f"Kafka is away: {error}\n")
            return 2
        NOT_TAKEN.set(len(job.left))
        sys.stdout.flush()
        stop.wait(arguments.every)
    return 0


def _yesterday() -> date:
    """In Shanghai: the newest day whose bills channels give."""
    return date_of(business_day(int(time.time() * 1000))) - timedelta(days=1)


def _listed(notes: Sequence[Note]) -> list[str]:
    if not notes:
        return []
    former = superseded(notes)
    head = ["day", "channel", "merchant", "sort", "lines", "paid", "refunded", "fees", "file"]
    rows = [
        [
            *(
                day_of(one),
                one.channel,
                one.merchant,
                f"{one.sort} {one.statement}".rstrip(),
                str(one.lines),
            ),
            *(yuan(one.paid_e4), yuan(one.refunded_e4), yuan(one.fee_e4)),
            f"{one.file}  {SUPERSEDED if one in former else _refusal(one)}".rstrip(),
        ]
        for one in notes
    ]
    return list(table([head, *rows], right=(4, 5, 6, 7), indent=0))


def _refusal(note: Note) -> str:
    """Why a bill is not believed; empty: it is."""
    return not_believed(note.reason, note.detail) if note.reason else ""


def _left(lines: Sequence[str]) -> list[str]:
    """What nobody has taken."""
    return (
        ["未取用 not taken, as the newest pass found it:", *(f"  {line}" for line in lines)] if lines else []
    )


def add(command: Command) -> None:
    """bills."""
    one = command("bills", bills)
    one.add_argument("what", choices=("load", "pull", "list"))
    one.add_argument("files", type=Path, nargs="*", help="load: the bills")
    one.add_argument("--directory", type=Path, help="with bills.toml; default: WAYBOOK_BILLS")
    one.add_argument(
        "--day",
        type=day,
        help="load: of which the bill has to be; default: as it says itself, or else its name. pull: yesterday. "
        "list: whose bills; default: all days",
    )
    one.add_argument(
        "--as", dest="source", default="", help="load: CHANNEL/MERCHANT/SORT, whatever its name is"
    )
    one.add_argument(
        "--channels", type=Path, metavar="FILE", help="channels.toml, if it names our key otherwise"
    )
    one.add_argument("--follow", action="store_true", help="pull: go on until told to stop")
    one.add_argument("--every", type=float, default=60, help="pull --follow: seconds between two passes")
    one.add_argument("--quiet", type=float, default=5, help="pull: seconds since a dropped file was written")
