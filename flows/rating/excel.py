"""Cells of a workbook ↔ the texts of a book's files, exactly: no binary fraction is ever seen.

Excel keeps a number in fifteen digits. A text that is a plain decimal number of no more digits becomes a number whose
format has the text's decimals; it comes back as the same text. Any other text stays text.
"""

import datetime as dt
import re
from decimal import Decimal

import msgspec

from flows.rating.findings import Broken

DIGITS = 15
"""Digits of a number that Excel keeps."""
MOST_CHARACTERS = 32_767
"""Characters of a cell."""
FIRST_DATE = dt.date(1900, 3, 1)
"""Excel counts a day too many before."""
DATE_FORMAT = "yyyy-mm-dd"

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DECIMALS = re.compile(r"#?,?#*0\.(0+)(?:_.*)?", re.ASCII)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Cell(msgspec.Struct, frozen=True, gc=False):
    """A cell as text; `kind` text, number, date or truth; `format`: Excel's, where it needs one."""

    text: str
    kind: str = "text"
    format: str = ""


class Refused(msgspec.Struct, frozen=True):
    """A cell of a workbook that cannot be used."""

    rule: str
    message: str


def cell_of(text: str) -> Cell:
    """The cell for a text of a CSV file.

    >>> cell_of("1.50").format, cell_of("007").kind, cell_of("2025-01-31").kind, cell_of("=1+1").kind
    ('0.00', 'text', 'date', 'text')
    """
    if (number := _NUMBER.fullmatch(text)) and text != "-0":
        digits = text.lstrip("-0.").replace(".", "")
        decimals = len(number[2] or ".") - 1
        if len(digits) <= DIGITS and decimals <= DIGITS and not (text[0] == "-" and not digits):
            return Cell(text, "number", f"0.{'0' * decimals}" if decimals else "0")
    if _DATE.fullmatch(text):
        try:
            if dt.date.fromisoformat(text) >= FIRST_DATE:
                return Cell(text, "date", DATE_FORMAT)
        except ValueError:
            pass
    return Cell(text)


def excel_value(cell: Cell) -> str | int | float | bool | dt.date | Broken:
    """What is written into a workbook. A float's shortest decimal is the text that it came from."""
    if cell.kind == "number":
        return float(cell.text) if "." in cell.text else int(cell.text)
    if cell.kind == "date":
        return dt.date.fromisoformat(cell.text)
    if cell.kind == "truth":
        return cell.text == "true"
    if _CONTROL.search(cell.text):
        return Broken("control_character", "has a control character, which no workbook can hold")
    if len(cell.text) > MOST_CHARACTERS:
        return Broken("cell_too_long", f"has more than {MOST_CHARACTERS} characters")
    return cell.text


def storable(text: str) -> str:
    """As much of a text as a cell can hold."""
    return _CONTROL.sub("", text)[:MOST_CHARACTERS]


def text_of(value: object, kind: str, form: str) -> Cell | Refused:  # noqa: PLR0911
    """A cell that was read: its value, openpyxl's type of it, and its number format."""
    if kind == "f":
        return Refused("formula", "is a formula; write the number itself (paste values)")
    if kind == "e":
        return Refused("error_value", f"is the error {value}")
    if isinstance(value, bool):
        return Cell("true" if value else "false", "truth")
    if isinstance(value, int | float):
        return _number(value, form)
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return Cell(value.date().isoformat(), "date", DATE_FORMAT)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return Cell(value.isoformat(), "date", DATE_FORMAT)
    if isinstance(value, dt.datetime | dt.time | dt.timedelta):
        return Refused("time_of_day", f"is a time, {value}; write a date or a number")
    return Cell(str(value))


def _number(value: float, form: str) -> Cell | Refused:
    if "%" in form:
        return Refused("percent_format", "is formatted as a percentage; format it as a number, 8 for 8 %")
    exact = Decimal(f"{value:.{DIGITS}g}") if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        return Refused("not_a_number", f"is {value}")
    text = f"{exact:f}"
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    decimals = _DECIMALS.fullmatch(form)
    missing = len(decimals[1]) - len(text.partition(".")[2]) if decimals else 0
    if missing > 0:
        text += ("" if "." in text else ".") + "0" * missing
    return Cell(text, "number")
