"""Groups of commands of `waybook`: each module adds its own to the command line."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import date

import msgspec

from schemas.times import calendar_date

Run = Callable[[argparse.Namespace], int]
Command = Callable[[str, Run], argparse.ArgumentParser]
"""Adds a command under a name, with what it runs; gives its parser, for its arguments."""


def day(text: str) -> date:
    """An argument that is a day."""
    try:
        return calendar_date(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-01-31") from None


def count(text: str) -> int:
    """An argument that is a whole number, none or more."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def days(arguments: argparse.Namespace) -> tuple[date, date]:
    """`--from` and `--to`. Raises ValueError when the one is after the other."""
    first, last = arguments.first, arguments.last
    if first > last:
        raise ValueError(f"--from {first} is after --to {last}: there are no such days")
    return first, last


def add_reader(one: argparse.ArgumentParser) -> None:
    """`--as`: who looks."""
    one.add_argument(
        "--as",
        dest="reader",
        metavar="PARTY",
        default=os.environ.get("WAYBOOK_READER", ""),
        help="who looks, and sees what the chart of accounts lets a party see; default: $WAYBOOK_READER, or all of it",
    )


def who_decides(arguments: argparse.Namespace) -> None:
    """Raises ValueError when nobody is named by `--by`: what people decide or publish is told with who did."""
    if not arguments.by.strip():
        raise ValueError("nobody decides: say --by NAME")


def counting(one: argparse.ArgumentParser, what: str) -> None:
    """`--by` of a job that may run where nobody is logged in."""
    one.add_argument("--by", default=os.environ.get("USER", "") or "waybook", help=what)


def wrong(error: Exception) -> str:
    """What an error says to people: of a file, which it is and what is wrong with it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def safely(run: Run) -> Run:
    """A command that says what is wrong with what it was given, instead of a traceback."""

    def safe(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except BrokenPipeError:
            raise  # whoever read the answer has seen enough: the command line knows
        except (LookupError, ValueError, OSError, msgspec.ValidationError) as error:
            sys.stderr.write(f"{wrong(error)}\n")
            return 1

    safe.__doc__ = run.__doc__
    return safe
