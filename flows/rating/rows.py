"""Reading a price table's CSV: cells to places, products and prices.

Columns of places and products may be absent, and their cells blank: any. A row's end is the finest place
that it names; coarser ones may stand beside it for the reader, and must agree.
"""

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TypeVar

from flows.rating.findings import Broken, Findings
from flows.rating.levels import KINDS, level_of
from flows.rating.model import PriceTable, Row
from flows.rating.places import Gazetteer, nearest
from flows.rating.shapes import SHAPES
from schemas.limits import MOST_WEIGHT_G
from schemas.money import parse_yuan

SIDES = ("origin", "destination")
PLACES = tuple(f"{side}_{kind}" for side in SIDES for kind in KINDS)
FACTORS = (*PLACES, "product")
"""Columns that say which parcels a row is for."""

ANY = ("", "")
"""The kind and code of an end that is not named."""

T = TypeVar("T")

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


def grams(text: str) -> int | Broken:
    """Grams from kilograms with up to three decimals."""
    if not _NUMBER.fullmatch(text):
        return _no_number(text, "kilograms as 1 or 0.5")
    weight = Decimal(text) * 1000
    if weight != weight.to_integral_value():
        return Broken("too_many_decimals", f"{text!r} has more than three decimals: the gram is the least")
    if not 0 <= weight <= MOST_WEIGHT_G:
        return Broken("out_of_range", f"{text!r} is not between 0 and {MOST_WEIGHT_G // 1000} kg")
    return int(weight)


def price(text: str) -> int | Broken:
    """Money units from yuan with up to four decimals, not negative."""
    if not _NUMBER.fullmatch(text):
        return _no_number(text, "yuan as 3 or 1.50")
    try:
        units = parse_yuan(text)
    except ValueError as error:
        return Broken("too_many_decimals" if "decimals" in str(error) else "out_of_range", str(error))
    return units if units >= 0 else Broken("negative_price", f"{text!r} is negative")


def _no_number(text: str, example: str) -> Broken:
    if not text:
        return Broken("missing_value", f"is empty; write {example}")
    return Broken("not_a_number", f"{text!r} is not a number; write {example}")


def read_rows(text: str, table: PriceTable, places: Gazetteer, findings: Findings) -> list[Row]:
    """The rows of a table's file. Problems go to `findings`; rows with any are left out."""
    reader = _Reader(table, places, findings)
    rows: list[Row] = []
    source = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        if not reader.header([cell.strip() for cell in next(source, [])]):
            return []
        for cells in source:
            if any(map(str.strip, cells)):
                row = reader.row(source.line_num, cells)
                if row is not None:
                    rows.append(row)
    except csv.Error as error:
        findings.add(table.file, source.line_num, "", Broken("not_csv", str(error)))
        return []
    if not reader.seen:
        findings.add(table.file, 0, "", Broken("empty_file", "has no row below its header"))
    return rows


class _Reader:
    """Reads the rows of one file; knows where its columns are and what it has resolved before."""

    def __init__(self, table: PriceTable, places: Gazetteer, findings: Findings) -> None:
        self.seen = 0
        self._table = table
        self._shape = SHAPES[table.shape]
        self._places = places
        self._findings = findings
        self._columns: list[str] = []
        self._ends: dict[tuple[str, ...], tuple[str, str]] = {("", "", ""): ANY}
        self._prices: dict[str, int] = {}

    def header(self, columns: list[str]) -> bool:
        """Whether the header has the columns that the table's shape needs, and no other."""
        known = [*FACTORS, *self._shape.columns]
        before = len(self._findings.problems)
        for n, column in enumerate(columns):
            if column not in known:
                like = nearest(column, known)
                hint = f"; the nearest is {like}" if like else f"; there are {', '.join(known)}"
                message = f"a {self._table.shape} table has no column {column!r}{hint}"
                self._broken(1, column, Broken("unknown_column", message))
            elif column in columns[:n]:
                self._broken(1, column, Broken("repeated_column", f"{column} stands twice"))
        for column in self._shape.columns:
            if column not in columns:
                message = f"a {self._table.shape} table needs a column {column}"
                self._broken(1, column, Broken("missing_column", message))
        self._columns = columns
        return len(self._findings.problems) == before

    def row(self, number: int, cells: list[str]) -> Row | None:
        """The row on a line, or None if anything about it is wrong."""
        self.seen += 1
        if len(cells) != len(self._columns):
            message = f"has {len(cells)} cells; the header has {len(self._columns)}"
            self._broken(number, "", Broken("wrong_width", message))
            return None
        cell = dict(zip(self._columns, map(str.strip, cells), strict=True))
        origin, destination = (self._end(number, cell, side) for side in SIDES)
        product = self._product(number, cell.get("product", ""))
        shape = self._shape
        first_g = self._grams(number, shape.first_kg, cell)
        first_price = self._price(number, shape.first_price, cell)
        continued_price = self._price(number, shape.continued_price, cell)
        if origin is None or destination is None:
            return None
        level = level_of(origin[0], destination[0])
        if level is None:
            column = f"destination_{destination[0]}"
            message = (
                f"there is no level from {origin[0]} to {destination[0]}: a row goes from outlet to outlet, "
                "city to city, city to province or province to province, or leaves one end blank"
            )
            self._broken(number, column, Broken("mixed_level", message))
            return None
        if product is None or first_g is None or first_price is None or continued_price is None:
            return None
        return Row(
            self._table.file,
            number,
            level,
            origin[1],
            destination[1],
            product,
            first_g,
            first_price,
            continued_price,
            self._table.unit_g,
            f"{self._table.money_rounding}_fen",
            self._table,
        )

    def _end(self, number: int, cell: dict[str, str], side: str) -> tuple[str, str] | None:
        """Kind and code of the finest place that a row names at a side."""
        texts = tuple(cell.get(f"{side}_{kind}", "") for kind in KINDS)
        known = self._ends.get(texts)
        if known is not None:
            return known
        found: list[tuple[str, str]] = []
        for kind, text in zip(KINDS, texts, strict=True):
            if text:
                code = self._value(number, f"{side}_{kind}", self._places.kinds[kind].find(text))
                if code is None:
                    return None
                found.append((kind, code))
        for column, broken in self._contradictions(side, found):
            self._broken(number, column, broken)
            return None
        self._ends[texts] = found[0]
        return found[0]

    def _contradictions(self, side: str, found: list[tuple[str, str]]) -> Iterator[tuple[str, Broken]]:
        """Coarser places of an end in which the finest does not lie."""
        kind, code = found[0]
        for coarser, other in found[1:]:
            actual = self._places.lies_in(kind, code, coarser)
            if actual != other:
                message = f"{kind} {code} lies in {coarser} {actual}, not in {other}"
                yield f"{side}_{coarser}", Broken("contradicting_places", message)

    def _product(self, number: int, text: str) -> str | None:
        return self._value(number, "product", self._places.products.find(text)) if text else ""

    def _grams(self, number: int, column: str, cell: dict[str, str]) -> int | None:
        return self._value(number, column, grams(cell[column])) if column else 0

    def _price(self, number: int, column: str, cell: dict[str, str]) -> int | None:
        if not column:
            return 0
        text = cell[column]
        units = self._prices.get(text)
        if units is None and (units := self._value(number, column, price(text))) is not None:
            self._prices[text] = units
        return units

    def _value(self, number: int, column: str, found: T | Broken) -> T | None:
        return self._findings.value(self._table.file, number, column, found)

    def _broken(self, number: int, column: str, broken: Broken) -> None:
        self._findings.add(self._table.file, number, column, broken)
