"""What people speak of by its id: an exception, a decision or a close, each with all about it, for its page."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards import asked, closes, decided, named
from dashboards.queries import Row, rows
from dashboards.trail import known_of
from dashboards.words import shanghai

KIND = """
SELECT 'exception' AS kind FROM payment_exception WHERE exception_id = {id:String} LIMIT 1
UNION ALL SELECT 'decision' FROM payment_decision WHERE event_id = {id:String} LIMIT 1
UNION ALL SELECT 'close' FROM close WHERE close_id = {id:String} LIMIT 1"""
DECISION = f"""{decided.DECISIONS}
WHERE p.event_id = {{id:String}} OR p.of = {{id:String}}
ORDER BY p.event_id != {{id:String}}, event_time, event_id"""
TITLES = {"exception": "异常 exception", "decision": "裁决 decision", "close": "结账 close"}


Figure = tuple[str, str, str, str]


class Record(msgspec.Struct, frozen=True):
    """A page: what it is, all about it, the payments and documents that it is about, and those named of which the books
    know."""

    kind: str
    number: str
    lines: list[str]
    about: list[str]
    there: set[str]
    figures: Sequence[Figure] = ()


def kind_of(client: Client, number: str) -> str:
    """Which of them has this id; empty: none."""
    return next((str(row["kind"]) for row in rows(client, KIND, id=number)), "")


def record(client: Client, kind: str, number: str) -> Record:
    """All about one. Raises LookupError."""
    return RECORDS[kind](client, number)


def _exception(client: Client, number: str) -> Record:
    row = asked.found(client, number)
    lines = list(asked.about(client, row))
    about = [row["subject"], *map(unquote, row["candidates"].split())]
    return _record(client, "exception", number, lines, about)


def _decision(client: Client, number: str) -> Record:
    found = rows(client, DECISION, id=number)
    if not found:
        raise LookupError(f"there is no decision {number}")
    names = [name for row in found for name in decided.names_of(row)]
    of = decided.currencies_of(client, found)
    return _record(client, "decision", number, [_decided(row, of) for row in found], names)


def _decided(row: Row, of: Mapping[str, str]) -> str:
    about = f"  关于 of {row['exception_id']}" if row["exception_id"] else ""
    return f"{shanghai(row['event_time'])}  {decided.line(row, of)}{about}"


def _close(client: Client, number: str) -> Record:
    row = closes.found(client, number)
    lines = [
        *closes.heading(row),
        *closes.remarks(row),
        *closes.open_items(row),
        *closes.undone(client, number),
    ]
    return _record(client, "close", number, lines, (), closes.figures(row) if closes.is_close(row) else ())


def _record(
    client: Client,
    kind: str,
    number: str,
    lines: list[str],
    about: Sequence[str],
    figures: Sequence[Figure] = (),
) -> Record:
    names = [*dict.fromkeys(about)]
    return Record(kind, number, lines, names, known_of(client, [*names, *named.keys(*lines)]), figures)


RECORDS: dict[str, Callable[[Client, str], Record]] = {
    "exception": _exception,
    "decision": _decision,
    "close": _close,
}
