"""A tariff book as one Excel workbook, and back, without loss: a sheet per CSV file, a sheet `book` for book.toml.

Numbers are cells with as many decimals as the text had (1.50 stays 1.50), dates are dates, everything else is text;
nothing is ever written as a formula, and a formula that is found is refused. The sheet `book` has the settings in
blocks that staff can edit (`flows.rating.sheets`). Two hidden sheets keep what a workbook cannot say: which file a
sheet is (`_files`), and book.toml with its comments (`_toml`), which is used for as long as its settings are those of
the sheet `book`. Sheets whose names begin with `#` are notes and are not read.
"""

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, BinaryIO
from unicodedata import east_asian_width

import msgspec
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter

from flows.rating import sheetxml
from flows.rating.excel import Cell, Refused, cell_of, excel_value, storable
from flows.rating.findings import Broken, Findings
from flows.rating.settings import FILE
from flows.rating.sheets import BOOK, Sheet, parse, rows_of, settings_of, toml_of
from flows.rating.sheetxml import BLANK, MOST_ROWS
from schemas.problems import DocumentError, Problem

MOST_BYTES = 4 << 30
"""What the parts of a workbook may unpack to."""
MOST_TITLE = 31
WIDEST = 60
"""Characters that a column shows of its cells."""
NOTE, HIDDEN = "#", "_"
TOML = ".toml"
FILES_SHEET, TOML_SHEET = "_files", "_toml"

_TITLE = re.compile(r"[^\[\]:*?/\\]+")


class Places(msgspec.Struct, frozen=True):
    """Where the lines of files stand in the workbook that they were read from."""

    workbook: str
    titles: Mapping[str, str]
    """The sheet of a file."""
    lines: Mapping[str, Sequence[int]]
    """By file: the sheet's row of each line, where they are not the same."""

    def located(self, problem: Problem) -> Problem:
        """A problem of the files with the place in the workbook; so are the files and rows that it speaks of."""
        title = self.titles.get(problem.file)
        return msgspec.structs.replace(
            problem,
            file=f"{self.workbook} sheet {title}" if title else problem.file,
            row=self._row(problem.file, problem.row),
            message=self._mentions().sub(self._there, problem.message) if self.titles else problem.message,
        )

    def _row(self, file: str, row: int) -> int:
        lines = self.lines.get(file)
        return lines[row - 1] if lines and 0 < row <= len(lines) else row

    def _mentions(self) -> re.Pattern[str]:
        """A file's name, perhaps with a row, as messages write them: `a.csv row 3`, `a.csv:3`."""
        names = "|".join(re.escape(name) for name in sorted(self.titles, key=len, reverse=True))
        return re.compile(rf"(?<![\w.-])({names})(?:(?: row |:)(\d+))?")

    def _there(self, mention: re.Match[str]) -> str:
        title = f"sheet {self.titles[mention[1]]}"
        return f"{title} row {self._row(mention[1], int(mention[2]))}" if mention[2] else title


class Imported(msgspec.Struct, frozen=True):
    """What a workbook holds: the book's files, and where their lines stand in it."""

    files: dict[str, str]
    plain: dict[str, str]
    """The same settings and prices with book.toml as the sheet `book` says it, for finding places."""
    places: Places
    """Of `plain`."""


def write_workbook(files: Mapping[str, str], target: BinaryIO) -> None:
    """Write a book's files (name → text) as a workbook. Raises DocumentError for what a workbook cannot hold."""
    findings = Findings()
    document = settings_of(files.get(FILE, ""), findings)
    findings.refuse()
    with _writing() as book:
        _fill(book.create_sheet(BOOK), rows_of(document, findings), FILE, findings)
        titles: dict[str, str] = {}
        for name in sorted(files):
            if name != FILE:
                titles[name] = _title(name, titles)
                source = csv.reader(io.StringIO(files[name].removeprefix("\ufeff"), newline=""))
                try:
                    rows: Iterator[list[Cell]] = ([cell_of(text) for text in cells] for cells in source)
                    _fill(book.create_sheet(titles[name]), rows, name, findings)
                except csv.Error as error:
                    findings.add(name, source.line_num, "", Broken("not_csv", str(error)))
        hidden: list[tuple[str, Iterator[list[Cell]]]] = [
            (FILES_SHEET, ([Cell(title), Cell(name)] for name, title in titles.items())),
            (TOML_SHEET, ([Cell(line)] for line in files[FILE].split("\n"))),
        ]
        for title, lines in hidden:
            sheet = book.create_sheet(title)
            sheet.sheet_state = "hidden"
            _fill(sheet, lines, FILE, findings)
        findings.refuse()
        book.save(target)


@contextmanager
def _writing() -> Iterator[Any]:
    """A workbook whose temporary files go when it is given up."""
    book = Workbook(write_only=True)
    try:
        yield book
    except BaseException:
        for sheet in book.worksheets:
            sheet.close()
            sheet._writer.cleanup()
        raise


def _title(name: str, taken: Mapping[str, str]) -> str:
    """A sheet's title for a file: its name where Excel allows it."""
    title = name.removesuffix(".csv")
    used = {other.lower() for other in (*taken.values(), BOOK)}
    allowed = _TITLE.fullmatch(title) and len(title) <= MOST_TITLE and "'" not in title[:1] + title[-1:]
    if allowed and title[0] not in NOTE + HIDDEN and title.lower() not in used:
        return title
    return next(free for n in range(1, len(used) + 2) if (free := f"sheet {n}") not in used)


def _fill(sheet: Any, rows: Iterator[list[Cell]], file: str, findings: Findings) -> None:
    for number, row in enumerate(rows, 1):
        cells: list[Any] = []
        if number > MOST_ROWS:
            findings.add(file, number, "", Broken("too_many_rows", f"a sheet has at most {MOST_ROWS} rows"))
            return
        for column, cell in enumerate(row, 1):
            value = excel_value(cell)
            if isinstance(value, Broken):
                findings.add(file, number, str(column), value)
                continue
            cells.append(None if value == "" else _made(sheet, cell, value))
        sheet.append(cells)


def read_workbook(source: BinaryIO, name: str) -> Imported:
    """The book in a workbook called `name`. Raises DocumentError with sheet, row and column of what is wrong."""
    findings = Findings()
    with _loading(name):
        sheets, hidden = _read(source, name, findings)
    files: dict[str, str] = {}
    titles: dict[str, str] = {FILE: BOOK}
    lines: dict[str, list[int]] = {}
    known = {row[0]: row[1] for row in hidden.get(FILES_SHEET, []) if len(row) > 1 and all(row[:2])}
    for title, (text, places) in sheets.items():
        if title != BOOK:
            file = known.get(title, f"{title}.csv")
            files[file], titles[file] = text, title
            if places:
                lines[file] = places
    if not any(problem.rule == "no_settings" for problem in findings.problems) and BOOK not in sheets:
        findings.add(name, 0, "", Broken("missing_sheet", f"a tariff book has a sheet {BOOK}"))
    findings.refuse()
    plain, lines[FILE] = sheets[BOOK]
    original = "\n".join(row[0] if row else "" for row in hidden.get(TOML_SHEET, []))
    return Imported(
        {FILE: original if _same(original, plain) else plain, **files},
        {FILE: plain, **files},
        Places(name, titles, lines),
    )


def _same(original: str, plain: str) -> bool:
    """Whether the kept book.toml says what the sheet says."""
    findings = Findings()
    one, other = settings_of(original, findings), settings_of(plain, findings)
    return not findings.problems and one == other


@contextmanager
def _loading(name: str) -> Iterator[None]:
    """Whatever the library says of bytes that are no workbook is a problem of the document."""
    try:
        yield
    except DocumentError:
        raise
    except Exception as error:
        message = f"is no Excel workbook (.xlsx), or cannot be read: {error}"
        raise DocumentError([Problem(name, 0, "", "not_a_workbook", message)]) from error


def _open(source: BinaryIO, most: int = MOST_BYTES) -> Any:
    """openpyxl's workbook. Raises ValueError for one that unpacks to more than `most` bytes."""
    with zipfile.ZipFile(source) as parts:
        if sum(part.file_size for part in parts.infolist()) > most:
            raise ValueError(f"it unpacks to more than {most} bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that we do not read
        return load_workbook(source, read_only=True)


_Sheets = dict[str, tuple[str, list[int]]]
_Hidden = dict[str, list[list[str]]]


def _read(source: BinaryIO, name: str, findings: Findings) -> tuple[_Sheets, _Hidden]:
    """By title: the sheets as text with the rows of their lines; and the hidden ones' cells."""
    with closing(_open(source)) as book:
        return _sheets(book, name, findings)


def _sheets(book: Any, name: str, findings: Findings) -> tuple[_Sheets, _Hidden]:
    sheets: _Sheets = {}
    hidden: _Hidden = {}
    for sheet in book.worksheets:
        title = sheet.title
        if title[:1] == NOTE:
            continue
        rows = _cells(sheet, name, findings)
        if title in (FILES_SHEET, TOML_SHEET):
            hidden[title] = [[cell.text for cell in cells] for cells in rows]
        elif title == BOOK:
            sheets[title] = toml_of(parse(Sheet(f"{name} sheet {title}", rows), findings))
        else:
            sheets[title] = _csv(rows)
    return sheets, hidden


def _cells(sheet: Any, name: str, findings: Findings) -> Iterator[list[Cell]]:
    """A sheet's rows without the blank cells at their ends. Refused cells go to `findings`."""
    place = f"{name} sheet {sheet.title}"
    for number, row in enumerate(sheetxml.rows_of(sheet), 1):
        for column, cell in enumerate(row, 1):
            if type(cell) is Refused:
                findings.add(place, number, get_column_letter(column), Broken(cell.rule, cell.message))
        cells = [cell if type(cell) is Cell else BLANK for cell in row]
        while cells and cells[-1].text == "":
            cells.pop()
        yield cells


def read_sheets(source: BinaryIO, name: str, most: int = MOST_BYTES) -> tuple[dict[str, str], Places]:
    """Every sheet of a workbook as a CSV file of its title, and their places; blank ones and notes are left out.
    One whose title ends with .toml is that file, a line a row.

    Raises DocumentError with sheet, row and column of what cannot be used (formulas, times of day), and for bytes that
    are no workbook or unpack to more than `most` bytes.
    """
    findings = Findings()
    with _loading(name), closing(_open(source, most)) as book:
        sheets = [sheet for sheet in book.worksheets if sheet.title[:1] != NOTE]
        read = {
            _file(sheet.title): _text(_file(sheet.title), _cells(sheet, name, findings)) for sheet in sheets
        }
        titles = {_file(sheet.title): sheet.title.strip() for sheet in sheets}
    findings.refuse()
    texts = {file: text for file, (text, _) in read.items() if text}
    return texts, Places(name, titles, {file: lines for file, (_, lines) in read.items() if lines})


def write_texts(files: Mapping[str, str], target: BinaryIO) -> None:
    """Files of TOML and CSV (name → text) as a workbook that `read_sheets` reads. Raises DocumentError for what a
    workbook cannot hold."""
    findings = Findings()
    with _writing() as book:
        for name in sorted(files):
            lines = files[name].rstrip("\n").split("\n") if name.endswith(TOML) else ()
            cells = (
                [cell_of(text) for text in row] for row in csv.reader(io.StringIO(files[name], newline=""))
            )
            rows = ([Cell(line)] for line in lines) if lines else cells
            _fill(book.create_sheet(name.removesuffix(".csv")), rows, name, findings)
        findings.refuse()
        book.save(target)


def _file(title: str) -> str:
    return title.strip() if title.strip().endswith(TOML) else f"{title.strip()}.csv"


def _text(file: str, rows: Iterator[list[Cell]]) -> tuple[str, list[int]]:
    """A sheet as a file's text, with the rows of its lines where they are not the same."""
    if not file.endswith(TOML):
        return _csv(rows)
    text = "\n".join("".join(cell.text for cell in cells) for cells in rows).rstrip("\n")
    return f"{text}\n" * bool(text), []


def read_sheet(source: BinaryIO, name: str, most: int = MOST_BYTES) -> Iterator[list[Cell | Refused]]:
    """The rows of a workbook's first sheet.

    Raises DocumentError for bytes that are no workbook, or that unpack to more than `most` bytes.
    """
    with _loading(name):
        book = _open(source, most)
        rows = sheetxml.rows_of(book.worksheets[0])
    with closing(book):
        while True:
            with _loading(name):
                row = next(rows, None)
            if row is None:
                return
            yield row


def write_sheet(rows: Iterable[Sequence[str]], target: BinaryIO) -> None:
    """A workbook of one sheet. What it cannot hold is left out: control characters, and the ends of long texts."""
    with _writing() as book:
        sheet = book.create_sheet("sheet 1")
        for row in rows:
            _append(sheet, (cell_of(storable(text)) for text in row))
        book.save(target)


def write_sheets(
    sheets: Mapping[str, Sequence[Sequence[str]]], target: BinaryIO, figures: Collection[str]
) -> None:
    """The same with several sheets, by title, whose first rows name the columns. Those are as wide as what is in them:
    a date in a narrower one is shown as ####.

    `figures`: names of the columns with numbers and dates. In all others is text, also if it consists of digits as
    merchants' numbers do, which a spreadsheet would round and sum up.
    """
    with _writing() as book:
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            sheet.freeze_panes = "A2"
            for number, column in enumerate(zip(*rows, strict=True), 1):
                widest = max(map(_width, column)) + 1
                sheet.column_dimensions[get_column_letter(number)].width = min(widest, WIDEST)
            for row in rows:
                named = zip(rows[0], map(storable, row), strict=True)
                _append(sheet, (cell_of(text) if name in figures else Cell(text) for name, text in named))
        book.save(target)


def _width(text: str) -> int:
    """Characters that a text takes in a cell: East Asian ones count twice."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _append(sheet: Any, cells: Iterable[Cell]) -> None:
    sheet.append([_made(sheet, cell, excel_value(cell)) for cell in cells])


def _made(sheet: Any, cell: Cell, value: object) -> Any:
    """A cell for openpyxl with its `excel_value`, never a formula."""
    made = WriteOnlyCell(sheet, value)
    if isinstance(value, str):
        made.data_type = "s"  # or `=1+1` would be a formula
    if cell.format:
        made.number_format = cell.format
    return made


def _csv(rows: Iterator[list[Cell]]) -> tuple[str, list[int]]:
    """CSV of a sheet, rows as wide as the header; and the rows of its lines where some have several lines."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    width = 0
    lines: list[int] = []
    broken = False
    blank = 0
    for number, cells in enumerate(rows, 1):
        if not cells:
            blank += 1
            continue
        for _ in range(blank):  # blank rows at the end are none
            writer.writerow(())
            lines.append(number)
        blank = 0
        words = [cell.text for cell in cells]
        width = width or len(words)
        writer.writerow(words + [""] * (width - len(words)))
        more = sum(word.count("\n") for word in words)
        broken = broken or more > 0
        lines += [number] * (1 + more)
    return text.getvalue(), lines if broken else []
