"""Days, weeks and months of channels' merchants: closed, listed, opened again, reported."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.commands import Command, day, safely
from deploy.commands.where import books_of, settings_of, store_of
from deploy.reconciliation import closing
from deploy.reconciliation.close_report import report_of, to_excel
from deploy.reconciliation.known import require_group
from deploy.reconciliation.pdf import to_pdf
from deploy.terminal import some
from schemas.counted import counted
from schemas.payments import CloseAsked, PreviewAsked, ReopenAsked
from sinks.kafka import sending

PREVIEW = "试结: tell what would become of it now, and why, by the same judgement; close nothing"


def close(arguments: argparse.Namespace) -> int:
    """Close a day, week or month of a group's channels: refused while something is open that is not named. With
    --preview: what must be in, what is in, what is open, and whether it would close."""
    client = store_of(arguments)
    days = closing.span(arguments.period, arguments.when)
    names = closing.names_of(arguments.name, arguments.names)
    group, by, reason = arguments.group, arguments.by, arguments.reason
    asks = PreviewAsked if arguments.preview else CloseAsked
    events = [
        closing.closing(client, group, account, arguments.period, days, names, by, reason, asks=asks)
        for account in closing.accounts(client, group, arguments.channel, arguments.merchant)
    ]
    code = _sent(arguments, *events)
    if arguments.unnamed is not None:
        lines = closing.write_unnamed(client, [event.id for event in events], arguments.unnamed)
        sys.stdout.write(
            f"{arguments.unnamed}: {counted(lines, 'item')} without a reason; with reasons: --names\n"
        )
    return code


def reopen(arguments: argparse.Namespace) -> int:
    """Undo a close, as another person than who closed."""
    event = closing.reopening(store_of(arguments), arguments.close, arguments.by, arguments.reason)
    return _sent(arguments, event)


def closes(arguments: argparse.Namespace) -> int:
    """Close days, weeks and months of channels' merchants; undo, show and report closes. Alone: those that stand."""
    return list_(arguments)


def list_(arguments: argparse.Namespace) -> int:
    """Closes that stand; with --all everything that was asked for, and what became of it."""
    client = store_of(arguments)
    require_group(client, arguments.group)
    lines = closing.history if arguments.all else closing.listing
    listed = lines(client, arguments.group, arguments.period, _first(arguments))
    return _told(some(listed, "没有这样的结账 no such close stands"))


def show(arguments: argparse.Namespace) -> int:
    """All about one: figures, what was open and why, what stood against it."""
    return _told(closing.showing(store_of(arguments), arguments.close))


def report(arguments: argparse.Namespace) -> int:
    """Closes by channel as PDF and Excel: figures, each day's, what stays open and why, what came late."""
    if arguments.pdf is None and arguments.xlsx is None:
        raise ValueError("say --pdf FILE or --xlsx FILE")
    client = books_of(arguments)
    require_group(client, arguments.group)
    made = report_of(client, arguments.close, arguments.group, arguments.period, _first(arguments))
    if arguments.xlsx is not None:
        arguments.xlsx.write_bytes(to_excel(made))
    if arguments.pdf is not None:
        arguments.pdf.write_bytes(to_pdf(made.title, made.said(), made.tables()))
    return _told(f"{one.title}  {one.row['close_id']}" for one in made.sections)


def _sent(arguments: argparse.Namespace, *events: CloseAsked | ReopenAsked) -> int:
    records = sending(settings_of(arguments))
    for event in events:
        closing.send(records, event)
    records.flush()
    refused = 0
    for event in events:
        done, lines = closing.became(store_of(arguments), event, arguments.wait)
        refused += not done
        _told(iter(lines))
    return 1 if refused else 0


def _first(arguments: argparse.Namespace) -> str:
    """The day that was named, as the books write it; empty: none was."""
    return str(arguments.first or "")


def _told(lines: Iterator[str]) -> int:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def add(command: Command) -> None:
    """close."""
    user = os.environ.get("USER", "")
    one = command("close", safely(closes))
    one.set_defaults(group="", period="", first=None, all=False)
    parts = one.add_subparsers(metavar="PART")

    def asked(part: argparse.ArgumentParser) -> None:
        part.add_argument("--by", default=user, help="who asks for it")
        part.add_argument("--reason", default="")
        part.add_argument("--wait", type=float, default=20, help="seconds until a lane has taken it, at most")

    for period, when in (
        ("day", "2025-11-11"),
        ("week", "a day of it: Monday to Sunday"),
        ("month", "2025-11"),
    ):
        part = parts.add_parser(period, help=f"close a {period}")
        part.add_argument("when", help=when)
        part.add_argument("--group", required=True, help="of merchants")
        part.add_argument("--channel", default="", help="left out: all of the group's, one by one")
        part.add_argument("--merchant", default="", help="as payments name it; left out: all")
        part.add_argument(
            "--name",
            action="append",
            default=[],
            metavar="ITEM=REASON",
            help="an open exception, or bill/SORT/DAY, and why it stays open",
        )
        part.add_argument("--names", type=Path, metavar="FILE", help="CSV with columns item and reason")
        part.add_argument("--preview", action="store_true", help=PREVIEW)
        part.add_argument(
            "--unnamed", type=Path, metavar="FILE", help="write what has to be named there, as CSV"
        )
        asked(part)
        part.set_defaults(run=safely(close), period=period)
    part = parts.add_parser("list", help=list_.__doc__)
    part.add_argument("--all", action="store_true", help="refused ones and those to undo, too")
    _of(part)
    part.set_defaults(run=safely(list_))
    part = parts.add_parser("show", help=show.__doc__)
    part.add_argument("close", help="the close's id")
    part.set_defaults(run=safely(show))
    part = parts.add_parser("reopen", help=reopen.__doc__)
    part.add_argument("close", help="the close's id")
    asked(part)
    part.set_defaults(run=safely(reopen))
    part = parts.add_parser("report", help=report.__doc__)
    part.add_argument(
        "close", nargs="*", help="ids; left out: all that stand of a --group, --period and --first"
    )
    _of(part)
    part.add_argument("--pdf", type=Path, metavar="FILE")
    part.add_argument("--xlsx", type=Path, metavar="FILE")
    part.set_defaults(run=safely(report))


def _of(part: argparse.ArgumentParser) -> None:
    """Which closes."""
    part.add_argument("--group", default="")
    part.add_argument("--period", default="", choices=("day", "week", "month"))
    part.add_argument("--first", type=day, metavar="DAY", help="the period's first day")
