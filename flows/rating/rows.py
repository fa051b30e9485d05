"""Reading a price table's CSV: cells to places, products, further factors and prices.

Columns of factors may be absent, and their cells blank: any. A row's end is the finest place that it names;
coarser ones may stand beside it for the reader, and must agree. A matrix (`layout = "matrix"`) has one factor
down its first column, another across its header, and a price where they meet; a blank price is none.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TypeVar, cast

import msgspec

from flows.rating import cells as read
from flows.rating.factors import (
    BY_COLUMN,
    FACTORS,
    LEAST,
    MOST_MEASURE,
    Between,
    Named,
    measure,
    no_empty_word,
    split_range,
)
from flows.rating.findings import Broken, Findings
from flows.rating.levels import KINDS, level_of
from flows.rating.measures import MEASURES
from flows.rating.model import PriceTable, Row
from flows.rating.places import Gazetteer, Names
from flows.rating.shapes import SHAPES
from schemas.counted import counted
from schemas.problems import hint

SIDES = ("origin", "destination")
COLUMNS = {side: (f"{side}_outlet", f"{side}_city", f"{side}_province") for side in SIDES}
"""A side's columns, in the order of `KINDS`."""
PLACES = tuple(f"{side}_{kind}" for side in SIDES for kind in KINDS)
CONDITIONS = (*PLACES, "product", *BY_COLUMN)
"""Columns that say which parcels a row is for."""

ANY = ("", "")
"""The kind and code of an end that is not named."""

T = TypeVar("T")


def read_rows(
    text: str, table: PriceTable, places: Gazetteer, findings: Findings
) -> tuple[PriceTable, list[Row]]:
    """The table with what its file's header adds, and its rows. Problems go to `findings`; rows with any are
    left out."""
    reader = _Reader(table, places, findings)
    rows: list[Row] = []
    source = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        header = [cell.strip() for cell in next(source, [])]
        if broken := read.separator(header):
            findings.add(table.file, 1, "", broken)
            return table, []
        take = reader.matrix(header) if table.layout == "matrix" else reader.listing(header)
        if not take:
            return table, []
        for cells in source:
            if any(map(str.strip, cells)):
                rows += reader.rows(source.line_num, cells)
    except csv.Error as error:
        findings.add(table.file, source.line_num, "", Broken("not_csv", str(error)))
        return table, []
    if not reader.seen:
        findings.add(table.file, 0, "", Broken("empty_file", "has no row below its header"))
    return reader.table, rows


class _Reader:
    """Reads the rows of one file; knows where its columns are and what it has resolved before."""

    def __init__(self, table: PriceTable, places: Gazetteer, findings: Findings) -> None:
        self.seen = 0
        self.table = table
        self._shape = SHAPES[table.shape]
        self._places = places
        self._findings = findings
        self._columns: list[str] = []
        self._across: list[str] = []
        self._corner = table.down
        """How a matrix calls what stands down."""
        self._headings: dict[str, bool] = {}
        """What stands across a matrix above a price, and whether it means anything."""
        self._ends: dict[tuple[str, ...], tuple[str, str]] = {("", "", ""): ANY}
        self._memory: dict[tuple[str, str], int | Named | str] = {}
        self._readers: dict[str, read.Read] = {}
        self._factors: list[str] = []

    # Headers

    def listing(self, columns: list[str]) -> bool:
        """Whether the header has the columns that the table's shape needs, and no other."""
        own = [column.name for column in self._shape.columns]
        known = [*CONDITIONS, *own]
        before = len(self._findings.problems)
        tiers: list[str] = []
        for n, column in enumerate(columns):
            if column in columns[:n]:
                self._broken(1, column, Broken("repeated_column", f"{column} stands twice"))
            elif self._shape.tiered and split_range(column):
                tiers.append(column)
            elif column not in known:
                more = hint(column, known) or f"; there are {', '.join(known)}"
                message = f"a {self.table.shape} table has no column {column!r}{more}"
                self._broken(1, column, Broken("unknown_column", message))
        for name in (column.name for column in self._shape.columns if column.needed):
            if name not in columns:
                message = f"a {self.table.shape} table needs a column {name}"
                self._broken(1, name, Broken("missing_column", message))
        if self._shape.tiered:
            self._tiers(tiers)
        self._columns = columns
        return self._ready(before)

    def matrix(self, header: list[str]) -> bool:
        """Whether the header is that of a matrix: any corner, then what stands across."""
        before = len(self._findings.problems)
        self._across = header[1:]
        self._corner = "".join(header[:1]) or self.table.down
        for n, heading in enumerate(self._across):
            if not heading or heading in self._across[:n]:
                self._broken(
                    1, heading, Broken("repeated_column", f"heading {heading!r} is blank or stands twice")
                )
        if not self._across:
            self._broken(
                1, "", Broken("missing_column", f"a matrix has {self.table.across} across its header")
            )
        return self._ready(before)

    def _ready(self, before: int) -> bool:
        tiers = [column for column in self._columns if self._shape.tiered and split_range(column)]
        present = {*self._columns, self.table.down, self.table.across}
        self._factors = [factor.column for factor in FACTORS if factor.column in present]
        self._readers = {
            column.name: read.reader(column, self.table)
            for column in self._shape.columns
            if column.kind != "text"
        } | dict.fromkeys(tiers, read.price)
        return len(self._findings.problems) == before

    def _tiers(self, columns: Sequence[str]) -> None:
        """Tiers follow one another without a gap, from nothing to no end."""
        unit = MEASURES[self.table.measure]
        ends: list[tuple[int, int]] = []
        for column in columns:
            found = self._value(1, column, measure(unit.per, unit.units)("tier", column))
            if found is None:
                return
            ends.append((cast("Between", found).over, cast("Between", found).upto))
        if not ends:
            message = f"a {self.table.shape} table needs columns of tiers, as ..1, 1..3 and 3.."
            self._broken(1, "", Broken("missing_column", message))
            return
        if ends[0][0] > 0:
            self._broken(1, columns[0], Broken("gap_in_tiers", "the first tier begins at nothing: write ..1"))
        for column, (_, before), (over, _) in zip(columns[1:], ends, ends[1:], strict=False):
            if over != before:
                message = "a tier begins where the one before it ends"
                self._broken(1, column, Broken("gap_in_tiers", message))
        if ends[-1][1] != MOST_MEASURE:
            message = "the last tier has no end, as 3..; a heavier parcel would be free of charge"
            self._broken(1, columns[-1], Broken("gap_in_tiers", message))
        ends[0] = LEAST, ends[0][1]
        self.table = msgspec.structs.replace(self.table, tiers=tuple(ends))

    # Rows

    def rows(self, number: int, cells: list[str]) -> Iterator[Row]:
        """The rows on a line: one, or in a matrix one for each price."""
        self.seen += 1
        width = 1 + len(self._across) if self._across else len(self._columns)
        if len(cells) != width:
            message = f"has {counted(len(cells), 'cell')}; the header has {width}"
            self._broken(number, "", Broken("wrong_width", message))
            return
        table = self.table
        if not self._across:
            row = self._row(number, dict(zip(self._columns, map(str.strip, cells), strict=True)), "")
            if row is not None:
                yield row
            return
        price, label = self._shape.columns[0].name, cells[0].strip()
        prices = {
            heading: cell.strip()
            for heading, cell in zip(self._across, cells[1:], strict=True)
            if cell.strip()
        }
        if prices and not self._understood(number, self._corner, table.down, label):
            return
        for heading, cell in prices.items():
            if self._heading(heading):
                one = {table.down: label, table.across: heading, price: cell}
                row = self._row(number, one, heading)
                if row is not None:
                    yield row

    def _heading(self, heading: str) -> bool:
        """Whether what stands across means anything; if not, that is told once, and what stands below is left out."""
        if heading not in self._headings:
            self._headings[heading] = self._understood(1, heading, self.table.across, heading)
        return self._headings[heading]

    def _understood(self, number: int, column: str, factor: str, label: str) -> bool:
        """Whether what stands down or across a matrix says something of its factor; a blank label is any."""
        for found in self._meant(factor, label) if label else ():
            if isinstance(found, Broken):
                self._broken(number, column, found)
                return False
        return True

    def _meant(self, factor: str, label: str) -> Iterator[object]:
        if factor in BY_COLUMN:
            yield BY_COLUMN[factor].read(BY_COLUMN[factor].name, label)
        elif factor == "product":
            yield from _codes(self._places.products, label)
        else:
            yield from _codes(self._places.kinds[factor.partition("_")[2]], label)

    def _row(self, number: int, cell: dict[str, str], column: str) -> Row | None:
        """A row, or None if anything about it is wrong. `column`: of a matrix the heading of the price."""
        origin, destination = self._end(number, cell, "origin"), self._end(number, cell, "destination")
        product = self._product(number, cell.get("product", ""))
        named: list[Named | None] = []
        if self._factors:
            named = [self._named(number, one, text) for one in self._factors if (text := cell.get(one))]
        values = [self._number(number, column or name, name, cell.get(name, "")) for name in self._readers]
        text = self._text(number, column, cell)
        if origin is None or destination is None:
            return None
        level = level_of(origin[0], destination[0])
        if level is None:
            message = (
                f"there is no level from {origin[0]} to {destination[0]}: a row goes from outlet to outlet, "
                "city to city, city to province or province to province, or leaves one end blank"
            )
            self._broken(number, column or f"destination_{destination[0]}", Broken("mixed_level", message))
            return None
        if product is None or text is None or None in values or None in named:
            return None
        return Row(
            self.table.file,
            number,
            level,
            origin[1],
            destination[1],
            product,
            tuple(values),  # type: ignore[arg-type]
            self.table,
            tuple(named) if named else (),  # type: ignore[arg-type]
            column,
            text,
        )

    def _end(self, number: int, cell: dict[str, str], side: str) -> tuple[str, str] | None:
        """Kind and codes of the finest place that a row names at a side."""
        outlet, city, province = COLUMNS[side]
        texts = cell.get(outlet, ""), cell.get(city, ""), cell.get(province, "")
        known = self._ends.get(texts)
        if known is not None:
            return known
        found: list[tuple[str, list[str]]] = []
        for kind, text in zip(KINDS, texts, strict=True):
            if text:
                codes = self._codes(number, f"{side}_{kind}", self._places.kinds[kind], text)
                if codes is None:
                    return None
                found.append((kind, codes))
        for column, broken in self._contradictions(side, found):
            self._broken(number, column, broken)
            return None
        end = self._ends[texts] = found[0][0], "|".join(found[0][1])
        return end

    def _codes(self, number: int, column: str, names: Names, text: str) -> list[str] | None:
        """The codes of a name, or of a list of names."""
        codes = [self._value(number, column, found) for found in _codes(names, text)]
        found = sorted({code for code in codes if code is not None})
        return None if None in codes else found

    def _contradictions(self, side: str, found: list[tuple[str, list[str]]]) -> Iterator[tuple[str, Broken]]:
        """Coarser places of an end in which the finest does not lie."""
        kind, codes = found[0]
        for coarser, others in found[1:]:
            for code in codes:
                actual = self._places.lies_in(kind, code, coarser)
                if actual not in others:
                    message = f"{kind} {code} lies in {coarser} {actual}, not in {'|'.join(others)}"
                    yield f"{side}_{coarser}", Broken("contradicting_places", message)

    def _product(self, number: int, text: str) -> str | None:
        if not text:
            return ""
        known = self._memory.get(("product", text))
        if known is None:
            codes = self._codes(number, "product", self._places.products, text)
            if codes is None:
                return None
            known = self._memory["product", text] = "|".join(codes)
        return str(known)

    def _named(self, number: int, column: str, text: str) -> Named | None:
        known = self._memory.get((column, text))
        if known is None:
            factor = BY_COLUMN[column]
            found = self._value(number, column, factor.read(factor.name, text))
            if found is None:
                return None
            known = self._memory[column, text] = cast("Named", found)
        return known  # type: ignore[return-value]

    def _number(self, number: int, at: str, column: str, text: str) -> int | None:
        known = self._memory.get((column, text))
        if known is None:
            found = self._value(number, at, self._readers[column](text))
            if found is None:
                return None
            known = self._memory[column, text] = found
        return known  # type: ignore[return-value]

    def _text(self, number: int, at: str, cell: dict[str, str]) -> str | None:
        for column in self._shape.columns:
            if column.kind == "text":
                return self._value(number, at or column.name, read.name(cell.get(column.name, "")))
        return ""

    def _value(self, number: int, column: str, found: T | Broken) -> T | None:
        return self._findings.value(self.table.file, number, column, found)

    def _broken(self, number: int, column: str, broken: Broken) -> None:
        self._findings.add(self.table.file, number, column, broken)


def _codes(names: Names, text: str) -> Iterator[str | Broken]:
    """The code of each name of a list."""
    for word in text.split("|"):
        yield names.find(word.strip()) if word.strip() else no_empty_word(text)
