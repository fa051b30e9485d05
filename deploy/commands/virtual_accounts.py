"""What people ask of parties' virtual accounts and of the ledgers."""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from clickhouse_connect.driver.client import Client

from dashboards.words import FIRST_DAY, LAST_DAY, SHANGHAI
from deploy import ask as asking
from deploy import statements
from deploy.commands import Command, add_reader, count, day, days, safely, who_decides
from deploy.commands.where import books_of, settings_of, store_of
from deploy.party_card import found
from deploy.transfers import data_time
from schemas.commands import BODIES
from schemas.money import yuan
from schemas.reasons import ANSWER
from schemas.times import calendar_date


def balance(arguments: argparse.Namespace) -> int:
    """A party's virtual accounts, now or when data time was at some moment."""
    client = books_of(arguments)
    return _tell(
        client,
        arguments.party,
        lambda party: statements.balance(client, party, arguments.at, arguments.reader),
    )


def statement(arguments: argparse.Namespace) -> int:
    """A party's statement of account: opening balance, movements, closing balance. Of its virtual accounts; of who has
    none (couriers, stations, carriers, business customers), of what it is owed and owes."""
    client = books_of(arguments)
    first, last = days(arguments)
    return _tell(
        client,
        arguments.party,
        lambda party: statements.statement(
            client, party, first, last, lines=arguments.lines, reader=arguments.reader
        ),
    )


def trial_balance(arguments: argparse.Namespace) -> int:
    """Every account's debits and credits up to a date, and whether headquarters' book mirrors the parties'."""
    text, agrees = statements.trial_balance(
        books_of(arguments), arguments.at, arguments.book, arguments.reader
    )
    sys.stdout.write(text + "\n")
    return 0 if agrees else 1


def ledger(arguments: argparse.Namespace) -> int:
    """An account of a party's book, row by row."""
    client = books_of(arguments)
    first, last = days(arguments)
    text = statements.ledger(
        client, arguments.party, arguments.account, first, last, arguments.limit, arguments.reader
    )
    sys.stdout.write(text + "\n")
    return 0


def ask(arguments: argparse.Namespace) -> int:
    """Ask for something on a party's virtual accounts: top_up amount=100."""
    body = asking.body_of(arguments.name, arguments.fields)
    who_decides(arguments)
    settings = settings_of(arguments)
    at = _utc_ms(arguments.time) if arguments.time else data_time(settings)
    command = asking.command_of(arguments.party, arguments.name, body, arguments.by, at, arguments.id)
    answer = asking.ask(
        settings, command, arguments.wait, lambda: asking.kept_aside(store_of(arguments), command)
    )
    if isinstance(answer, str):
        sys.stderr.write(f"{command.id}  kept aside: {answer}\n" if answer else "there was no answer\n")
        if first := asking.asked_at(store_of(arguments), command) if answer else None:
            sys.stderr.write(
                f"command {command.id} was asked at {first}: a repeat says the same in all, also --time and --by\n"
            )
        return 1 if answer else 2
    reason = f"refused: {answer.reason} {ANSWER[answer.reason]}" if answer.reason else "accepted"
    sys.stdout.write(f"{answer.id}  {reason}, available {yuan(answer.available_e4)}\n")
    return 0 if answer.accepted else 1


def _tell(client: Client, word: str, told: Callable[[str], str]) -> int:
    """Write what there is of the virtual accounts of a party, by code or name. Raises LookupError: there is nothing."""
    text = told(word)
    if not text:
        party = found(client, word)
        text = told(party) if party != word else ""
        if not text:
            raise LookupError(
                f"nothing has moved on virtual accounts of {party}; waybook trial-balance --book {party} has its book"
            )
    sys.stdout.write(text + "\n")
    return 0


def _moment(text: str) -> datetime:
    """An argument that is a time of Shanghai, as UTC; of a date its last moment."""
    with suppress(ValueError, OverflowError):
        if len(text) == len("2025-11-11"):
            begins = datetime.combine(calendar_date(text), time())
            return begins + timedelta(days=1, milliseconds=-1) - SHANGHAI
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            return at - SHANGHAI
    raise argparse.ArgumentTypeError(
        f"{text!r} is no time of Shanghai as 2025-11-11T10:30, nor a date as 2025-11-11"
    )


def _utc_ms(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp() * 1000)


def add(command: Command) -> None:
    """balance, statement, ledger, ask, trial-balance."""
    for name, run in (
        ("balance", safely(balance)),
        ("statement", safely(statement)),
        ("ledger", safely(ledger)),
        ("ask", safely(ask)),
    ):
        one = command(name, run)
        one.add_argument("party")
        if name == "balance":
            one.add_argument("--at", type=_moment, help="Shanghai's time; default: now")
        elif name == "ask":
            one.add_argument("name", metavar="command", help="one of those below")
            one.add_argument("fields", nargs="*", metavar="key=value", help="amounts are in yuan")
            one.add_argument("--by", default=os.environ.get("USER", "") or "waybook", help="who asks")
            one.add_argument(
                "--id",
                default="",
                help="the command's number: the same again, with the same --time, is a repeat",
            )
            one.add_argument("--time", type=_moment, help="Shanghai's time; default: data time")
            one.add_argument("--wait", type=float, default=30, help="seconds until it is answered, at most")
            one.formatter_class = argparse.RawDescriptionHelpFormatter
            one.epilog = "\n  ".join(
                ["commands, what may be left out in brackets:", *map(asking.usage, BODIES)]
            )
        else:
            one.add_argument("--from", dest="first", type=day, default=FIRST_DAY)
            one.add_argument("--to", dest="last", type=day, default=LAST_DAY)
        if name != "ask":
            add_reader(one)
        if name == "statement":
            one.add_argument("--lines", action="store_true", help="down to the waybill of every row")
        if name == "ledger":
            one.add_argument("account", help="number in the chart of accounts")
            one.add_argument("--limit", type=count, default=10_000, help="rows, at most")
    one = command("trial-balance", safely(trial_balance))
    one.add_argument("--at", type=day, default=LAST_DAY, help="business date")
    one.add_argument("--book", default="", help="one party's book")
    add_reader(one)
