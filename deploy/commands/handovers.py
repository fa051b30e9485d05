"""Outlets that go to other parties, and the tree of parties."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import date

from deploy import parties, party_card, transfers
from deploy.commands import Command, add_reader, day, safely, who_decides
from deploy.commands.where import books_of, settings_of, store_of
from schemas.settings import Settings

Changing = Callable[[Settings, str, str, date | None, str, str], str]
"""Publishes a change: of which outlet, to whom, from which day on (None: the open one), who said so and why."""


def transfer_outlet(arguments: argparse.Namespace) -> int:
    """An outlet has a new owner from a day on; its open balances go over once the day has come."""
    return _hand_over(arguments, transfers.transfer)


def merge_outlets(arguments: argparse.Namespace) -> int:
    """An outlet becomes part of another from a day on, for good."""
    return _hand_over(arguments, transfers.merge)


def withdraw_handover(arguments: argparse.Namespace) -> int:
    """A transfer or merger that was announced does not take place; before its first day."""
    who_decides(arguments)
    about = arguments.outlet, arguments.first, arguments.by, arguments.reason
    try:
        sys.stdout.write(transfers.withdraw(settings_of(arguments), *about) + "\n")
    except LookupError as error:
        return _refused(error)
    return 0


def _refused(error: LookupError) -> int:
    sys.stderr.write(f"refused, nothing is published: {error.args[0]}\n")
    return 1


def _hand_over(arguments: argparse.Namespace, changing: Changing | None = None) -> int:
    settings = settings_of(arguments)
    try:
        if changing is not None and not arguments.again:
            if not arguments.whom:
                raise LookupError(f"say to whom: {arguments.option}")
            who_decides(arguments)
            about = arguments.outlet, arguments.whom, arguments.first, arguments.by, arguments.reason
            sys.stdout.write(changing(settings, *about) + "\n")
        lines = transfers.move(settings, store_of(arguments), arguments.outlet, arguments.by)
    except LookupError as error:
        return _refused(error)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def move_balances(arguments: argparse.Namespace) -> int:
    """Move what is open of all handovers whose day has come, and has not gone over yet."""
    return _hand_over(arguments)


def parties_(arguments: argparse.Namespace) -> int:
    """The tree of parties on a day, and who runs which outlet; of one party all that is known of it."""
    if arguments.party:
        sys.stdout.write(party_card.card(books_of(arguments), arguments.party, arguments.reader) + "\n")
        return 0
    sys.stdout.write(parties.tree(store_of(arguments), arguments.at) + "\n")
    return 0


def add(command: Command) -> None:
    """transfer-outlet, merge-outlets, withdraw-handover, move-balances, parties."""
    for name, run in (("transfer-outlet", transfer_outlet), ("merge-outlets", merge_outlets)):
        one = command(name, safely(run))
        one.add_argument("outlet", help="the outlet that goes over")
        to = "--to" if run is transfer_outlet else "--into"
        whom = "the new party" if to == "--to" else "the outlet that goes on"
        one.add_argument(to, dest="whom", default="", help=whom)
        one.set_defaults(option=f"{to}, {whom}")
        _about(one)
        one.add_argument("--again", action="store_true", help="only move what is open by now")
    one = command("withdraw-handover", safely(withdraw_handover))
    one.add_argument("outlet", help="the outlet that would have gone over")
    _about(one)
    one = command("move-balances", move_balances)
    one.add_argument("outlet", nargs="?", default="", help="only this outlet's")
    one.add_argument("--by", default=os.environ.get("USER", ""))
    one = command("parties", safely(parties_))
    one.add_argument("party", nargs="?", default="", help="only this one, by code or name, with what it has")
    one.add_argument("--at", type=day, help="a day of the tree; default: the newest")
    add_reader(one)


def _about(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--from",
        dest="first",
        type=day,
        help="its first business day, 2026-01-31; default: today, from when on it is final",
    )
    command.add_argument("--by", default=os.environ.get("USER", ""), help="who decided it")
    command.add_argument("--reason", default="")
