"""What differs between two books: settings, and rows by what they are for, wherever they stand in their files."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from flows.rating.model import ADJUSTMENTS, Book, PriceTable, Row
from flows.rating.spelling import conditions, prices, sentence, settings
from schemas.times import date_of

Key = tuple[str, ...]


class Change(msgspec.Struct, frozen=True):
    """A difference: `+` only in the second book, `-` only in the first, `~` in both, but not the same."""

    sign: str
    table: str
    """The table by its fee, kind, name and file; "" for the book as a whole."""
    what: str
    """Settings, or the parcels that the row is for."""
    before: str
    after: str

    def __str__(self) -> str:
        said = f"{self.before} → {self.after}" if self.sign == "~" else self.before or self.after
        return f"{self.sign} {self.table + ': ' if self.table else ''}{self.what}: {said}"


def difference(one: Book, other: Book) -> Iterator[Change]:
    """The changes that lead from one book to the other, in order of the tables."""
    yield from _changed("", "name", one.name, other.name)
    yield from _changed("", "weight policy", _policy(one), _policy(other))
    yield from _words(one, other)
    yield from _order(one, other)
    yield from _calendar(one, other)
    pairs = _paired(one, other)
    rows, others = _rows(one), _rows(other)
    for before, after in pairs:
        if before is None or after is None:
            table = before or after
            sign = "-" if after is None else "+"
            said = sentence(settings(table)) if table is not None else ""
            yield Change(
                sign, _title(table), "table", "" if sign == "+" else said, said if sign == "+" else ""
            )
        else:
            yield from _table(before, after)
        yield from _table_rows(before, after, rows.get(id(before), []), others.get(id(after), []))


def _order(one: Book, other: Book) -> Iterator[Change]:
    """Of surcharges and discounts that both have."""
    before, after = _adjustments(one), _adjustments(other)
    for fee in [fee for fee in before if fee in after]:
        both = {*before[fee]} & {*after[fee]}
        told = ["、".join(name for _, name in names[fee] if (_, name) in both) for names in (before, after)]
        yield from _changed(fee, "order of surcharges and discounts", *told)


def _adjustments(book: Book) -> dict[str, list[tuple[str, str]]]:
    """By fee: kinds and names in the order in which they are taken."""
    found: dict[str, dict[tuple[str, str], None]] = {}
    for table in sorted(book.tables, key=lambda table: not table.listed and table.kind != "surcharge"):
        if table.kind in ADJUSTMENTS:
            found.setdefault(table.fee, {})[table.kind, table.name] = None
    return {fee: list(names) for fee, names in found.items()}


def _policy(book: Book) -> str:
    return msgspec.json.encode(book.policy).decode() if book.policy is not None else ""


def _words(one: Book, other: Book) -> Iterator[Change]:
    for factor in sorted({*one.words, *other.words}):
        before, after = ("|".join(book.words.get(factor, ())) for book in (one, other))
        yield from _changed("", f"words {factor}", before, after)


def _calendar(one: Book, other: Book) -> Iterator[Change]:
    for day in sorted({*one.holidays, *other.holidays}):
        yield from _changed(
            "", f"holiday {date_of(day)}", one.holidays.get(day, ""), other.holidays.get(day, "")
        )


def _changed(table: str, what: str, before: str, after: str) -> Iterator[Change]:
    if before != after:
        sign = "~" if before and after else "-" if before else "+"
        yield Change(sign, table, what, before, after)


def _title(table: PriceTable | None) -> str:
    assert table is not None
    return " ".join(word for word in (table.fee, table.kind, table.name, table.file) if word)


def _paired(one: Book, other: Book) -> list[tuple[PriceTable | None, PriceTable | None]]:
    """Tables that are each other's: of the same fee, kind, name and file, else of the same first day."""
    ways: tuple[Callable[[PriceTable], Key], ...] = (
        lambda table: (table.fee, table.kind, table.name, table.file, str(table.first_day)),
        lambda table: (table.fee, table.kind, table.name, table.file),
        lambda table: (table.fee, table.kind, table.name, str(table.first_day)),
    )
    left = list(other.tables)
    found: dict[int, PriceTable] = {}
    for way in ways:
        for table in one.tables:
            match = next((candidate for candidate in left if way(candidate) == way(table)), None)
            if match is not None and id(table) not in found:
                found[id(table)] = match
                left = [candidate for candidate in left if candidate is not match]
    return [*((table, found.get(id(table))) for table in one.tables), *((None, table) for table in left)]


def _rows(book: Book) -> dict[int, list[Row]]:
    """Rows by the identity of their table: two tables of a book may say the same."""
    found: dict[int, list[Row]] = {}
    for row in book.rows:
        found.setdefault(id(row.table), []).append(row)
    return found


def _table(before: PriceTable, after: PriceTable) -> Iterator[Change]:
    old, new = settings(before), settings(after)
    title = _title(after)
    if before.file != after.file:
        yield Change("~", title, "file", before.file, after.file)
    for name in dict.fromkeys([*old, *new]):
        yield from _changed(title, name, old.get(name, ""), new.get(name, ""))


def _table_rows(
    before: PriceTable | None, after: PriceTable | None, rows: list[Row], others: list[Row]
) -> Iterator[Change]:
    title = _title(after or before)
    old, new = _by_key(rows), _by_key(others)
    for key, row in old.items():
        match = new.get(key)
        if match is None:
            yield Change("-", title, _what(row), sentence(prices(row)), "")
        elif row.values != match.values or row.text != match.text or before != after:
            yield from _prices(title, row, match)
    for key, row in new.items():
        if key not in old:
            yield Change("+", title, _what(row), "", sentence(prices(row)))


def _by_key(rows: list[Row]) -> Mapping[Key, Row]:
    """Rows by what they are for. Equal ones are told apart by their order."""
    found: dict[Key, Row] = {}
    for row in rows:
        key: Key = tuple(part for pair in conditions(row).items() for part in pair)
        while key in found:
            key = (*key, "again")
        found[key] = row
    return found


def _prices(title: str, before: Row, after: Row) -> Iterator[Change]:
    old, new = prices(before), prices(after)
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    if names:
        said = [
            ", ".join(f"{name} {cells[name]}" if name in cells else f"{name} none" for name in names)
            for cells in (old, new)
        ]
        yield Change("~", title, _what(after), *said)


def _what(row: Row) -> str:
    return sentence(conditions(row))
