"""The command line of `waybook tariff`."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from deploy.commands import count, day
from deploy.rerating.compare import DIMENSIONS
from deploy.tariff import commands
from deploy.tariff.opening import Connect
from deploy.tariff.parallel import parallel
from deploy.tariff.what_if import what_if
from flows.rating.trial_fields import FIELDS
from schemas.settings import Settings

Run = Callable[[argparse.Namespace, Connect, Settings], int]
_OFFLINE = {
    "check": "--network DIR checks a directory or an .xlsx file without it",
    "diff": "--network DIR compares directories and .xlsx files without it",
    "try": "--network DIR and --book, a directory or an .xlsx file, do without it",
}
"""What can be said in the store's place where it is away."""
BOOK = "a directory, an .xlsx workbook, or a published version (its beginning, or a book's name)"


def add_commands(top: argparse.ArgumentParser) -> None:
    """All of them."""
    made = top.add_subparsers(required=True, metavar="what")

    def command(name: str, run: Run) -> argparse.ArgumentParser:
        one = made.add_parser(name, help=run.__doc__, description=run.__doc__)
        one.set_defaults(tariff=run, offline=_OFFLINE.get(name, ""))
        return one

    one = command("check", commands.check)
    one.add_argument("book", help=BOOK)
    one.add_argument("--date", type=day, help="business date of the warnings; default: today")
    one.add_argument("--all", action="store_true", help="each warning on a line of its own")
    _network(one)
    one = command("diff", commands.diff)
    one.add_argument("one", help=BOOK)
    one.add_argument("other", help=BOOK)
    _network(one)
    publish_arguments(command("publish", commands.publish))
    one = command("withdraw", commands.withdraw)
    one.add_argument("book", help="a version (or its beginning, or the name of the book in force)")
    one.add_argument(
        "--name", action="store_true", help="the word is a name: every book of it goes out of force"
    )
    _by(one)
    _yes(one)
    _what_if(command("what-if", what_if))
    _parallel(command("parallel", parallel))
    command("list", commands.list_)
    one = command("show", commands.show)
    one.add_argument("book", help="a published version")
    one.add_argument("file", nargs="?", default="", help="one of its files; default: all")
    one = command("import", commands.import_)
    one.add_argument("workbook", type=Path, help="an .xlsx file")
    one.add_argument("directory", type=Path, help="a new directory")
    one = command("export", commands.export)
    one.add_argument("book", help=BOOK)
    one.add_argument("to", type=Path, help="the .xlsx file to write, or a new directory")
    _try(command("try", commands.try_))


def publish_arguments(one: argparse.ArgumentParser) -> None:
    """What `publish` wants."""
    one.set_defaults(tariff=commands.publish, offline="")
    one.add_argument("book", help=BOOK)
    one.add_argument(
        "--network",
        type=Path,
        help="directory of the network; it has to be the one in force, which is the default",
    )
    _by(one)
    _yes(one)


def _yes(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--yes", action="store_true", help="do not ask, even if days that are charged already would change"
    )
    one.add_argument(
        "--recall",
        action="store_true",
        help="wait until the lanes have it, then correct parcels that have left them, as `waybook recall` does",
    )


def _what_if(one: argparse.ArgumentParser) -> None:
    one.add_argument("book", help=BOOK)
    for name, dest, end in (("--from", "first", "first"), ("--to", "last", "last")):
        one.add_argument(
            name,
            dest=dest,
            type=day,
            metavar="DAY",
            help=f"{end} business date; default: all",
        )
    one.add_argument(
        "--by", default="fee", help=f"how sums are made, some of {','.join(DIMENSIONS)}; default: fee"
    )
    one.add_argument(
        "--prices-of",
        type=day,
        metavar="DAY",
        help="every day by the prices that are valid on this one, as those of next month; default: each by its own",
    )
    one.add_argument("--csv", type=Path, metavar="FILE", help="write every sum there, amounts in yuan")
    one.add_argument(
        "--rows", type=count, default=40, help="sums that are shown, the largest differences; 0: all"
    )
    one.add_argument(
        "--alone",
        action="store_true",
        help="by this book alone; default: as if it were published to those in force",
    )
    _network(one)


def _parallel(one: argparse.ArgumentParser) -> None:
    one.add_argument("book", nargs="?", default="", help=f"{BOOK}; without: the drafts that run or have run")
    one.add_argument("--all", action="store_true", help="from the first block on; default: from now on")
    one.add_argument("--stop", action="store_true", help="end the run; its figures stay")
    one.add_argument("--once", action="store_true", help="rate the blocks that are there, and end")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who does it")


def _try(one: argparse.ArgumentParser) -> None:
    one.add_argument("--book", action="append", help=f"{BOOK}; may be repeated; default: the books in force")
    _network(one)
    for field in FIELDS:
        shown = f"{field.zh}: {field.help}, as {field.example}".replace("%", "%%")
        name = field.name
        one.add_argument(f"--{name}", dest=f"fact_{name}", metavar=name.upper(), default="", help=shown)
    one.add_argument("--all", action="store_true", help="without --fee: every fee of the books")
    one.add_argument(
        "--table", type=Path, help="a table of parcels, .csv or .xlsx, its columns named as the options"
    )
    one.add_argument("--out", type=Path, help="where the table with its answers goes, .csv or .xlsx")


def _network(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--network", type=Path, help="directory of the network; default: the newest that is published"
    )


def _by(one: argparse.ArgumentParser) -> None:
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who does it")
    one.add_argument("--comment", default="")
