"""Rows of a workbook's first sheet as texts, in bounded memory."""

import datetime as dt
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from sources.bills.model import BillError
from sources.bills.unpacking import BROKEN, STRANGE, guarded

MOST_UNPACKED = 400_000_000
MOST_TEXTS = 64_000_000
"""Bytes of the texts that cells share, which are kept."""
MOST_COLUMNS = 200
MOST_PARTS = 200
DIGITS = 15
"""Digits of a number that Excel keeps."""
_WRONG = (*BROKEN, *STRANGE, ParseError, InvalidFileException, KeyError, TypeError, AttributeError)


def rows_of(stream: BinaryIO) -> Iterator[list[str]]:
    """Rows of the first sheet, each as wide as the sheet. Raises BillError for formulas and what is no workbook."""
    try:
        _look(stream)
        book = load_workbook(guarded(stream), read_only=True)
        for number, cells in enumerate(book.worksheets[0].iter_rows(max_col=MOST_COLUMNS), 1):
            yield [_text(cell.value, cell.data_type, number) for cell in cells]
    except BillError:
        raise
    except _WRONG as error:
        raise BillError(
            "bill_unreadable", f"is no workbook that can be read: {type(error).__name__}"
        ) from error


def _look(stream: BinaryIO) -> None:
    """Whether a workbook's parts are of sizes that can be read; a part never gives more than it says."""
    stream.seek(0)
    with zipfile.ZipFile(guarded(stream)) as archive:
        parts = archive.infolist()
        shared = sum(
            one.file_size for one in parts if "sharedStrings" in one.filename or "/styles" in one.filename
        )
        if (
            len(parts) > MOST_PARTS
            or sum(one.file_size for one in parts) > MOST_UNPACKED
            or shared > MOST_TEXTS
        ):
            raise BillError("bill_too_large", "is larger than a workbook can be when it is unpacked")
    stream.seek(0)


def _text(value: object, kind: str, row: int) -> str:
    if kind == "f":
        raise BillError("bill_unreadable", f"row {row} has a formula, which no bill has")
    if kind == "e":
        raise BillError("bill_unreadable", f"row {row} has an error value")
    if value is None:
        return ""
    if isinstance(value, float):
        exact = Decimal(f"{value:.{DIGITS}g}")
        if not exact.is_finite():
            raise BillError("bill_unreadable", f"row {row} has a number that is none")
        text = f"{exact:f}"
        return text.rstrip("0").removesuffix(".") if "." in text else text
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(value)
