"""For which fees and days prices may differ between two sets of books in force: what a publication touches.

On a day that is not touched every fee's tables that are valid then say the same, in the same order of precedence. A day
that is touched need not have another price for any parcel.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec
from xxhash import xxh3_128_digest

from flows.rating.factors import When
from flows.rating.model import ADJUSTMENTS, NO_END, Book, PriceTable, Row, as_listed
from flows.rating.spelling import named_text
from flows.rating.tariffs import in_force

Spans = tuple[tuple[int, int], ...]
"""First and last days, in order, not touching each other."""


def touched(before: Sequence[Book], after: Sequence[Book]) -> dict[str, Spans]:
    """By fee of the tariff, the days on which its prices may differ; fees without any are left out.

    `before`, `after`: books in order of publication, as `Tariffs` takes them.
    """
    old, new = _Prices(in_force(before)), _Prices(in_force(after))
    found = {}
    for fee in sorted({*old.tables, *new.tables} - {""}):
        if spans := _joined(_differing(fee, old, new)):
            found[fee] = spans
    return found


def covers(spans: Spans, day: int) -> bool:
    """Whether a day is one of those touched."""
    return any(first <= day <= last for first, last in spans)


class _Table(msgspec.Struct, frozen=True):
    """A table by what it says, and how it stands among others."""

    said: bytes
    table: PriceTable
    zones: frozenset[str]
    """Maps of zones that its rows name."""
    by_holiday: bool


class _Prices:
    """The tables of some books by fee ("": maps of zones), in order of publication, and their holidays."""

    def __init__(self, books: Sequence[Book]) -> None:
        self.tables: dict[str, list[_Table]] = {}
        for book in books:
            for one in _tables(book):
                self.tables.setdefault(one.table.fee, []).append(one)
        self.holidays = {day: name for book in books for day, name in book.holidays.items()}

    def of(self, fee: str) -> list[_Table]:
        """What prices a fee: its own tables, and the maps of zones that they name."""
        own = self.tables.get(fee, [])
        names = {name for one in own for name in one.zones}
        return [*own, *(one for one in self.tables.get("", []) if one.table.name in names)]


def _differing(fee: str, old: _Prices, new: _Prices) -> Iterator[tuple[int, int]]:
    before, after = old.of(fee), new.of(fee)
    ends = {0, NO_END + 1}
    for one in (*before, *after):
        ends |= {max(one.table.first_day, 0), one.table.last_day + 1}
    for first, beyond in pairwise(sorted(ends)):
        if _on(before, first) != _on(after, first):
            yield first, beyond - 1
    if any(one.by_holiday for one in (*before, *after)):
        for day in sorted({*old.holidays, *new.holidays}):
            if old.holidays.get(day) != new.holidays.get(day):
                yield day, day


def _on(tables: Sequence[_Table], day: int) -> tuple[list[bytes], list[tuple[str, str]], bool]:
    """What tables say on a day: as they go before each other, the order of their names, and whether surcharges and
    discounts are taken in it."""
    valid = [one for one in tables if one.table.first_day <= day <= one.table.last_day]
    names = dict.fromkeys((one.table.kind, one.table.name) for one in valid)
    adjusted = any(kind in ADJUSTMENTS for kind, _ in names)
    said = [one.said for one in sorted(valid, key=lambda one: one.table.first_day)]
    return said, list(names), adjusted and as_listed([one.table for one in tables])


def _tables(book: Book) -> Iterator[_Table]:
    rows: dict[int, list[Row]] = {id(table): [] for table in book.tables}
    for row in book.rows:
        rows[id(row.table)].append(row)
    for table in book.tables:
        own = rows[id(table)]
        named = {one for row in own for one in row.named}
        yield _Table(
            _said(table, own),
            table,
            frozenset(one.factor for one in named) & {"zone", "line"},
            any(
                one.factor == "holiday" or (isinstance(one, When) and "holiday" in one.condition.names)
                for one in named
            ),
        )


def _said(table: PriceTable, rows: Iterable[Row]) -> bytes:
    """Hash of all that a table says, wherever it stands and whenever it is valid."""
    bare = msgspec.structs.replace(table, file="", first_day=0, last_day=0, listed=False, otherwise="")
    lines = sorted(map(_row_said, rows))
    return xxh3_128_digest(b"\n".join([msgspec.json.encode(bare), *lines]))


def _row_said(row: Row) -> bytes:
    named: Mapping[str, str] = {one.factor: named_text(one) for one in row.named}
    return msgspec.json.encode(
        (row.level, row.origin, row.destination, row.product, row.values, row.text, named)
    )


def _joined(spans: Iterable[tuple[int, int]]) -> Spans:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return tuple(joined)
