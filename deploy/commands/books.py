"""Days are closed in all books."""

import argparse
import os
import sys

from deploy import books
from deploy.commands import Command, day, safely
from deploy.commands.where import LONG, settings_of, store_of
from deploy.publish import send_control
from schemas.events import BooksClosed, BooksReopened


def books_(arguments: argparse.Namespace) -> int:
    """The books: close them through a day that is over, reopen days, list what was closed and booked later."""
    if arguments.what == "list":
        lines = list(books.told(store_of(arguments, LONG))) or ["nothing is closed"]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return 0
    if arguments.through is None:
        sys.stderr.write(f"{arguments.what} needs --through, the last day that is to be closed\n")
        return 1
    settings, said = settings_of(arguments), (arguments.through, arguments.by, arguments.reason)
    if arguments.what == "reopen":
        send_control(settings, books.word(settings, BooksReopened, *said))
        sys.stdout.write(f"published: the days after {arguments.through} are open again\n")
        return 0
    event = books.word(settings, BooksClosed, *said)
    items = list(books.open_items(store_of(arguments, LONG), arguments.through))
    sys.stdout.write("".join(f"{line}\n" for line in items))
    if items and not arguments.yes:
        sys.stderr.write("not closed: say --yes, and what comes of these is booked on the first open day\n")
        return 1
    send_control(settings, event)
    sys.stdout.write(f"published: the books are closed through {arguments.through}\n")
    return 0


def add(command: Command) -> None:
    """books."""
    one = command("books", safely(books_))
    one.add_argument("what", choices=("close", "reopen", "list"))
    one.add_argument("--through", type=day, help="the last closed day, 2026-01-31")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who decided it")
    one.add_argument("--reason", default="", help="reopen: why")
    one.add_argument("--yes", action="store_true", help="close: although something of these days still waits")
