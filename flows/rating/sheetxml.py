"""The cells of a worksheet out of its XML, five times as fast as openpyxl gives them.

openpyxl opens the workbook and knows its sheets, styles and shared texts; the rows, of which there may be a million,
are read here (ECMA-376 part 1, 18.3.1).
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE
from openpyxl.utils import column_index_from_string
from openpyxl.utils.datetime import from_excel

from flows.rating.excel import Cell, Refused, text_of

MOST_ROWS = 1_048_576
MOST_COLUMNS = 1_000
PIECE = 1 << 18
"""Bytes of XML that are looked at at a time."""
REMEMBERED = 100_000
"""Numbers whose cells are kept."""

NAMESPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
"""Of worksheets: as nearly all programs write them, and the strict one."""

BLANK = Cell("")
Row = list[Cell | Refused]


def rows_of(sheet: Any) -> Iterator[Row]:
    """A worksheet's rows, blank ones in between included.

    Raises ValueError, LookupError and expat.ExpatError for XML that is no worksheet.
    """
    reader = _Reader(sheet)
    with sheet._get_source() as source:
        while piece := source.read(PIECE):
            reader.parser.Parse(piece, False)
            yield from reader.rows
            reader.rows.clear()
        reader.parser.Parse(b"", True)
    yield from reader.rows


class _Reader:
    """Takes a sheet's elements as they come: row, c(ell), f(ormula), v(alue), t(ext of an inline string)."""

    def __init__(self, sheet: Any) -> None:
        self.rows: list[Row] = []
        self._book, self._texts = sheet.parent, sheet._shared_strings
        self._columns: dict[str, int] = {}
        self._numbers: dict[tuple[str, int], Cell | Refused] = {}
        self._row: Row = []
        self._number = 0
        self._column, self._kind, self._style, self._formula = 0, "n", 0, False
        self._text: list[str] = []
        self._hears = self._phonetic = False
        begins = {
            "c": self._begin_cell,
            "v": self._begin_text,
            "t": self._begin_text,
            "f": self._begin_formula,
        }
        begins |= {"rPh": self._begin_phonetic, "row": self._begin_row}
        ends = {"c": self._end_cell, "v": self._end_text, "t": self._end_text}
        ends |= {"rPh": self._end_phonetic, "row": self._end_row}
        self._begins = {f"{space} {tag}": begin for space in NAMESPACES for tag, begin in begins.items()}
        self._ends = {f"{space} {tag}": end for space in NAMESPACES for tag, end in ends.items()}
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = _doctype

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        begin = self._begins.get(name)
        if begin is not None:
            begin(attributes)

    def _end(self, name: str) -> None:
        end = self._ends.get(name)
        if end is not None:
            end()

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r", "").rstrip("0123456789")
        self._column = self._column_of(place) if place else self._column + 1
        self._kind = attributes.get("t", "n")
        self._style = int(attributes.get("s", "0"))
        self._formula = False
        self._text.clear()

    def _begin_text(self, _: dict[str, str]) -> None:
        self._hears = not self._phonetic

    def _begin_formula(self, _: dict[str, str]) -> None:
        self._formula = True

    def _begin_phonetic(self, _: dict[str, str]) -> None:
        self._phonetic = True

    def _begin_row(self, attributes: dict[str, str]) -> None:
        self._begin(int(attributes.get("r", self._number + 1)))

    def _end_cell(self) -> None:
        if self._text or self._formula:
            self._cell("".join(self._text))

    def _end_text(self) -> None:
        self._hears = False

    def _end_phonetic(self) -> None:
        self._phonetic = False

    def _end_row(self) -> None:
        self.rows.append(self._row)

    def _characters(self, text: str) -> None:
        if self._hears:
            self._text.append(text)

    def _begin(self, number: int) -> None:
        """A row begins; those that are left out before it are blank."""
        if not self._number < number <= MOST_ROWS:
            raise ValueError(f"row {number} after row {self._number}")
        self.rows += [[] for _ in range(self._number + 1, number)]
        self._number, self._column, self._row = number, 0, []

    def _column_of(self, letters: str) -> int:
        if letters not in self._columns:
            self._columns[letters] = column_index_from_string(letters)
        return self._columns[letters]

    def _cell(self, text: str) -> None:
        if not len(self._row) < self._column <= MOST_COLUMNS:
            raise ValueError(f"row {self._number} has a cell in column {self._column}")
        row = self._row
        while len(row) < self._column - 1:
            row.append(BLANK)
        row.append(self._read(text))

    def _read(self, text: str) -> Cell | Refused:
        kind = self._kind
        if self._formula:
            return text_of(text, "f", "")
        if kind == "s":
            return Cell(str(self._texts[int(text)]))
        if kind in ("inlineStr", "str"):
            return Cell(text)
        if kind != "n":
            return _rarer(kind, text)
        key = text, self._style
        if key not in self._numbers:
            if len(self._numbers) >= REMEMBERED:
                self._numbers.clear()
            self._numbers[key] = self._number_of(text)
        return self._numbers[key]

    def _number_of(self, text: str) -> Cell | Refused:
        value = float(text) if set(text) & set(".eE") else int(text)
        book = self._book
        if self._style in book._date_formats:
            span = self._style in book._timedelta_formats
            try:
                return text_of(from_excel(value, book.epoch, timedelta=span), "d", "")
            except (ValueError, OverflowError):  # 20251111 in a cell of dates: Excel shows ####
                return Refused("not_a_date", f"is no date but the number {text}; write a date as 2025-11-11")
        number = book._cell_styles[self._style].numFmtId
        if number < BUILTIN_FORMATS_MAX_SIZE:
            return text_of(value, "n", BUILTIN_FORMATS.get(number, "General"))
        return text_of(value, "n", book._number_formats[number - BUILTIN_FORMATS_MAX_SIZE])


def _rarer(kind: str, text: str) -> Cell | Refused:
    """Truth values, dates as text, errors."""
    if kind == "b":
        return text_of(text.strip() == "1", "b", "")
    if kind == "d":
        return text_of(dt.datetime.fromisoformat(text.removesuffix("Z")), "d", "")
    return text_of(text, "e", "")


def _doctype(*_: object) -> None:
    raise ValueError("has a document type, which no worksheet has")
