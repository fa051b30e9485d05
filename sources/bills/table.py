"""Tables by a column map: CSV or Excel of banks and other channels, for which `bills.toml` names the columns."""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import msgspec

from schemas.counted import counted
from schemas.payments import BillLine
from sources.bills.cells import currency_of, formatted, number_of, text_of, yuan_in
from sources.bills.model import Asked, BillError, Columns, Totals
from sources.bills.sheet import rows_of
from sources.bills.totals import Summed
from sources.bills.unpacking import lines, unpacked

_FORMULA = ("=", "@")
_BACK = ("refund", "chargeback")
CAME_BACK = {"refund_returned": "refund", "chargeback_won": "chargeback"}
"""Words of `kinds` for what comes back to us of either, whichever sign its amount has."""
Row = Sequence[str]


class _Map(msgspec.Struct, frozen=True):
    """Index of each column that the map names."""

    at: dict[str, int]
    width: int


def table(stream: BinaryIO, asked: Asked) -> Iterator[BillLine]:
    """Lines of a CSV file."""
    texts = lines(unpacked(stream), asked.source.charset)
    skipped = list(islice(texts, asked.source.skip_rows))
    reader = csv.reader(texts, strict=True)
    try:
        yield from _lines(reader, asked, len(skipped))
    except csv.Error as error:
        raise BillError("bill_unreadable", f"row {len(skipped) + reader.line_num} is no CSV") from error


def excel(stream: BinaryIO, asked: Asked) -> Iterator[BillLine]:
    """Lines of the first sheet of a workbook."""
    rows = rows_of(stream)
    skipped = list(islice(rows, asked.source.skip_rows))
    yield from _lines(rows, asked, len(skipped))


def _lines(rows: Iterator[Row], asked: Asked, skipped: int) -> Iterator[BillLine]:
    columns = asked.source.columns
    if columns is None:
        raise BillError("bill_unreadable", "bills.toml names no columns for it")
    totals = asked.source.totals
    known = _columns(next(rows, []), columns, totals)
    summed = Summed(totals, known.at) if totals is not None else None
    balance: int | None = None
    for number, row in enumerate(rows, skipped + 2):
        if not any(row):
            continue
        try:
            if summed is not None and summed.is_totals(row):
                summed.note(number, row)
                continue
            if len(row) != known.width:
                raise BillError("bill_unreadable", f"has {counted(len(row), 'cell')}, not {known.width}")
            if summed is not None:
                summed.add(row)
            line = _line(row, columns, known, asked)
            if columns.balance:
                balance = _follows(balance, _cell(row, "balance", known), line)
        except BillError as error:
            raise BillError(error.reason, f"row {number}: {error.detail}") from error
        except ValueError as error:
            raise BillError("bill_unreadable", f"row {number}: {error}") from error
        if line is not None:
            yield line
    if summed is not None:
        summed.end()


def _columns(header: Row, columns: Columns, totals: Totals | None) -> _Map:
    names = [name.strip() for name in header]
    called = {field: getattr(columns, field) for field in columns.__struct_fields__}
    if totals is not None:
        called |= {"totals": totals.column, "count": totals.count}
    at: dict[str, int] = {}
    for field, name in called.items():
        if name:
            if names.count(name) != 1:
                raise BillError("bill_unreadable", f"its header has not one column {name}")
            at[field] = names.index(name)
    return _Map(at, len(names))


def _cell(row: Row, field: str, known: _Map) -> str:
    """A cell, empty where there is no such column. Raises ValueError for a formula."""
    index = known.at.get(field)
    if index is None:
        return ""
    text = row[index].strip()
    if text.startswith(_FORMULA):
        raise ValueError(f"{field} is a formula, which no bill has")
    return text


def _line(row: Row, columns: Columns, known: _Map, asked: Asked) -> BillLine | None:
    source, scrub = asked.source, asked.hiding.scrub
    cells = {field: _cell(row, field, known) for field in known.at}
    word = cells.get("kind", "")
    kind = source.kinds.get(word, "payment" if not word else "")
    if kind == "skip":
        return None
    came_back = kind in CAME_BACK
    kind = CAME_BACK.get(kind, kind)
    if not kind:
        raise ValueError("kind is a word that is not known; `kinds` of bills.toml can say what it is")
    state = source.states.get(cells["state"], "") if columns.state else "success"
    if not state:
        raise ValueError("state is a word that is not known; `states` of bills.toml can say what it is")
    units = _amount(cells, columns)
    time = _moment(cells, columns, source.time_format, asked)
    number = cells["number"]
    if not number:
        raise ValueError("number is empty: nothing tells one row from another")
    fee = yuan_in(cells.get("fee", ""), "fee")
    comes = came_back if columns.amount and kind in _BACK else units >= 0
    return BillLine(
        "payment" if kind == "fee" else kind,  # type: ignore[arg-type]
        scrub(number_of(number)),
        scrub(number_of(cells.get("order", ""))),
        scrub(number_of(cells.get("original", ""))),
        0 if kind == "fee" else abs(units),
        -units if kind == "fee" else fee,
        time,
        "in" if comes else "out",
        state,  # type: ignore[arg-type]
        asked.hiding.token(cells["payer"]) if cells.get("payer") else "",
        scrub(text_of(cells.get("text", ""))),
        _currency(cells.get("currency", "")),
    )


def _amount(cells: dict[str, str], columns: Columns) -> int:
    """What comes to us, or negative what leaves us."""
    if columns.amount:
        if not cells["amount"]:
            raise ValueError("amount is empty")
        return yuan_in(cells["amount"], "amount")
    comes, leaves = (
        yuan_in(cells.get("money_in", ""), "money_in"),
        yuan_in(cells.get("money_out", ""), "money_out"),
    )
    if (comes != 0) == (leaves != 0):
        raise ValueError("has not one of money_in and money_out")
    return comes or -abs(leaves)


def _currency(text: str) -> str:
    try:
        return currency_of(text)
    except ValueError as error:
        raise ValueError(f"currency {error}") from None


def _moment(cells: dict[str, str], columns: Columns, form: str, asked: Asked) -> int:
    text = f"{cells['time']} {cells['clock']}" if columns.clock else cells["time"]
    try:
        time = formatted(text, form)
    except ValueError as error:
        raise ValueError(f"time {error}") from None
    asked.has_moment(time, "it")
    return time


def _follows(before: int | None, text: str, line: BillLine | None) -> int | None:
    """The balance after a row. Raises BillError when it does not follow from the one before.

    A row that is skipped may move what it likes: what it says is taken as it is, and the next one follows from it.
    """
    if line is None:
        return yuan_in(text, "balance") if text else None
    balance = yuan_in(text, "balance")
    comes = line.amount_e4 if line.direction == "in" else -line.amount_e4
    moved = comes - line.fee_e4 if line.state == "success" else 0
    if before is not None and before + moved != balance:
        raise BillError("bill_total_wrong", "its balance does not follow from the row before")
    return balance
