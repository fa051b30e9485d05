"""Figures of payments, and all about one of them."""

import argparse
import sys

from dashboards.payments import figures, to_text
from dashboards.trail import one_meant, trail
from deploy.commands import Command, safely
from deploy.commands.where import books_of


def payments(arguments: argparse.Namespace) -> int:
    """Money by channel, what is matched and asked, where it stands; `show` one, or a document, to its notifications."""
    client = books_of(arguments)
    if (arguments.what is None) != (arguments.name is None):
        sys.stderr.write("waybook payments show PAYMENT|DOCUMENT\n")
        return 1
    if arguments.what is None:
        sys.stdout.write(to_text(figures(client)) + "\n")
        return 0
    for step in trail(client, one_meant(client, arguments.name)):
        sys.stdout.write(f"{step.line}\n")
    return 0


def add(command: Command) -> None:
    """payments."""
    one = command("payments", safely(payments))
    one.add_argument("what", nargs="?", choices=("show",))
    one.add_argument(
        "name", nargs="?", help="show: channel/merchant/kind/number, a channel's number alone, or a document"
    )
