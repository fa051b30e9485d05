"""A party's page: its place in the network, its virtual accounts, its statement of account down to the waybills."""

import csv
import io
from collections.abc import Mapping
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards import accounts
from dashboards.words import ACCOUNTS, NOTICES, PARTIES, fee, handover, movement
from schemas.times import calendar_date

LINES = 500
"""Waybills that are shown of a movement, at most."""
NO_DAY = "日期应为 YYYY-MM-DD，且起不晚于止 — a date is YYYY-MM-DD, and the first is not after the last"
_HEAD = ("日期 date", "摘要 what", "现金 cash", "业务 business", "保证金 deposit", "余额 balance")


class WrongDayError(ValueError):
    """What was asked for is no span of days."""


def party_page(client: Client, party: str, said: Mapping[str, str]) -> dict[str, Any] | None:
    """What the template needs; None: nobody knows the party. Raises WrongDayError.

    `said`: `from` and `to`, business dates (by default the month of the newest movement, up to it), and `day` and
    `fee` of the movement whose waybills are wanted.
    """
    found, about = accounts.balance(client, party), accounts.membership(client, party)
    told = {
        "party": party,
        "name": accounts.name_of(client, party),
        "about": about,
        "kinds": PARTIES,
        "balance": found,
        "handovers": [handover(row) for row in accounts.handed_over(client, party)],
    }
    if found is None:
        return told if about.periods else None
    first, last = _span(client, party, said)
    statement = accounts.statement(client, party, first, last)
    assert statement is not None
    day, of = _day(said.get("day", "")), said.get("fee", "")
    lines = accounts.lines(client, party, day, day, of, LINES + 1) if day and of else []
    return {
        **told,
        "accounts": [(ACCOUNTS[name], found.accounts[name]) for name in accounts.VIRTUAL],
        "notices": [NOTICES[notice["kind"]] for notice in found.notices],
        "first": first,
        "last": last,
        "opening": [*(statement.opening[name] for name in accounts.VIRTUAL), sum(statement.opening.values())],
        "rows": _movements(statement),
        "closing": [*(statement.closing[name] for name in accounts.VIRTUAL), sum(statement.closing.values())],
        "day": day,
        "of": fee(of),
        "lines": lines[:LINES],
        "more": len(lines) > LINES,
    }


def statement_csv(client: Client, party: str, said: Mapping[str, str]) -> str | None:
    """The statement for a spreadsheet; None: nobody knows the party. Raises WrongDayError."""
    first, last = _span(client, party, said)
    statement = accounts.statement(client, party, first, last)
    if statement is None:
        return None
    text = io.StringIO()
    write = csv.writer(text).writerow
    write(_HEAD)
    write(["", "期初 opening", *statement.opening.values(), sum(statement.opening.values())])
    for row in _movements(statement):
        write([row["business_date"], row["what"], *(row[name] for name in accounts.VIRTUAL), row["running"]])
    write(["", "期末 closing", *statement.closing.values(), sum(statement.closing.values())])
    return text.getvalue()


def _movements(statement: accounts.Statement) -> list[dict[str, Any]]:
    """The movements with their words and the balance that stands after each."""
    running, told = sum(statement.opening.values()), []
    for row in statement.movements:
        running += sum(row[name] for name in accounts.VIRTUAL)
        told.append({**row, "what": movement(row, statement.asked), "running": running})
    return told


def _span(client: Client, party: str, said: Mapping[str, str]) -> tuple[date, date]:
    moved = accounts.moved_days(client, party) or (date(1970, 1, 1), date(1970, 1, 1))
    last = _day(said.get("to", "")) or moved[1]
    first = _day(said.get("from", "")) or min(last, max(moved[0], last.replace(day=1)))
    if first > last:
        raise WrongDayError(NO_DAY)
    return first, last


def _day(text: str) -> date | None:
    try:
        return calendar_date(text) if text else None
    except ValueError:
        raise WrongDayError(NO_DAY) from None
