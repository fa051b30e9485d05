"""An Excel workbook as the CSV files of a document: one sheet a file, named as the file without `.csv`.

Cells become the text that people would write: dates as 2026-01-31, whole numbers without a point, formulas as the
value that Excel saved with them.
"""

import csv
import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from schemas.problems import DocumentError, Problem

MOST_BYTES = 400_000_000
"""Of an unpacked workbook: far more than any document, far less than a trap."""


def files_of(workbook: Path) -> dict[str, str]:
    """The sheets as CSV texts by file name; empty sheets are left out. Raises DocumentError."""
    try:
        with zipfile.ZipFile(workbook) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > MOST_BYTES:
            raise _refused(workbook, f"unpacks to {size:,} bytes, more than {MOST_BYTES:,}")
        book = openpyxl.load_workbook(workbook, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError) as error:
        raise _refused(workbook, "is no Excel workbook (.xlsx)") from error
    try:
        texts = {f"{sheet.title.strip()}.csv": _text(sheet) for sheet in book.worksheets}
    finally:
        book.close()
    return {name: text for name, text in texts.items() if text}


def _text(sheet: Any) -> str:
    """A sheet as CSV, as wide as its header."""
    rows = [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    while rows and not any(rows[-1]):
        rows.pop()
    if not rows:
        return ""
    width = max((n for n, cell in enumerate(rows[0], 1) if cell), default=0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        cells = [*row, *[""] * (width - len(row))]
        while len(cells) > width and not cells[-1]:
            cells.pop()
        writer.writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _refused(workbook: Path, message: str) -> DocumentError:
    return DocumentError([Problem(workbook.name, 0, "", "not_a_workbook", message)])
