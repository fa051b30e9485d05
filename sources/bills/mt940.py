"""MT940 statements (SWIFT, category 9): fields `:61:` and `:86:` between an opening and a closing balance.

The reader is ours because it must not guess: the library that is well kept (`mt-940`) reads a statement as a whole,
tries charsets in turn, passes over what it cannot read and logs it, account numbers included.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import BinaryIO

import msgspec

from schemas.money import yuan
from schemas.payments import BillLine
from schemas.times import DAY, SHANGHAI_OFFSET, day_of
from sources.bills.cells import number_of, text_of, yuan_of
from sources.bills.model import Asked, BillError
from sources.bills.unpacking import lines, unpacked

_TAG = re.compile(r":([0-9]{2}[A-Z]?):")
_BALANCE = re.compile(r"([CD])([0-9]{6})([A-Z]{3})([0-9]{1,12},[0-9]{0,4})", re.ASCII)
_LINE = re.compile(
    r"(?P<value>[0-9]{6})(?P<entry>[0-9]{4})?(?P<mark>R?[CD])[A-Z]?(?P<amount>[0-9]{1,12},[0-9]{0,4})"
    r"(?P<type>[A-Z][A-Z0-9]{3})(?P<ours>[^/\n]{0,16}(?:/[^/\n]{1,15})?)(?://(?P<bank>[^\n]{0,32}))?"
    r"(?:\n(?P<more>[^\n]{0,64}))?",
    re.ASCII,
)
_MARKS = {
    "C": ("payment", "in"),
    "D": ("payment", "out"),
    "RC": ("chargeback", "out"),
    "RD": ("chargeback", "in"),
}
MOST_FIELD = 40
"""Lines of one field."""


class _State(msgspec.Struct):
    """Where the statement is."""

    opened: bool = False
    closed: bool = False
    balance: int = 0
    currency: str = ""
    statement: str = ""
    index: int = 0
    last: BillLine | None = None
    """Waits for its `:86:`."""


def statement(stream: BinaryIO, asked: Asked) -> Iterator[BillLine]:
    """Lines of one account's statements, each of the days from its opening balance (`:60F:`) to its closing one
    (`:62F:`), which must follow."""
    state = _State()
    for tag, text in _fields(lines(unpacked(stream), asked.source.charset)):
        try:
            line = _field(state, tag, text, asked)
        except BillError:
            raise
        except (ValueError, OverflowError) as error:
            raise BillError("bill_unreadable", f"field :{tag}: {error}") from error
        if line is not None:
            yield line
    if not state.closed:
        raise BillError("bill_truncated", "ends without a closing balance")


def _field(state: _State, tag: str, text: str, asked: Asked) -> BillLine | None:
    """Take a field; the line before, when it is complete."""
    if tag == "86" and state.last is not None:
        line, state.last = state.last, None
        return msgspec.structs.replace(line, text=asked.hiding.scrub(text_of(text.replace("\n", ""))))
    before, state.last = state.last, None
    if tag == "25":
        asked.is_for(text.strip(), ":25:")
    elif tag.startswith("28"):
        state.statement = text.strip()
        asked.is_statement(state.statement)
    elif tag in ("60F", "60M"):
        _open(state, text, asked)
    elif tag == "61":
        state.last = _line(state, text, asked)
    elif tag in ("62F", "62M"):
        _close(state, text, asked, final=tag == "62F")
    return before


def _open(state: _State, text: str, asked: Asked) -> None:
    units, currency, day = _balance(text)
    if state.opened and not state.closed:
        raise BillError("bill_truncated", "a statement begins before the one before it has a closing balance")
    if state.closed and units != state.balance:
        raise BillError(
            "bill_total_wrong", "a statement does not begin with the balance of the one before it"
        )
    asked.begins()
    asked.is_from(day)
    state.opened, state.closed, state.balance, state.currency = True, False, units, currency


def _close(state: _State, text: str, asked: Asked, *, final: bool) -> None:
    if not state.opened or state.closed:
        raise BillError("bill_unreadable", "has a closing balance without an opening one")
    units, currency, day = _balance(text)
    if final:
        asked.is_of(day, ":62F:")
    if (units, currency) != (state.balance, state.currency):
        raise BillError(
            "bill_total_wrong",
            f"closes with {yuan(units)}, its lines come to {yuan(state.balance)}",
        )
    state.closed = True


def _line(state: _State, text: str, asked: Asked) -> BillLine:
    match = _LINE.fullmatch(text)
    if match is None:
        raise ValueError("is no statement line")
    if not state.opened or state.closed:
        raise BillError("bill_unreadable", "has a line outside of a statement")
    kind, way = _MARKS[match["mark"]]
    units = yuan_of(match["amount"].replace(",", ".").rstrip("."))
    state.balance += units if way == "in" else -units
    state.index += 1
    ours = match["ours"].strip()
    ours = "" if ours.upper() in ("NONREF", "NOREF") else ours
    scrub = asked.hiding.scrub
    day = _booked(_date(match["value"]), match["entry"])
    bank = (match["bank"] or "").strip() or f"{day}/{state.statement}/{state.index}"
    return BillLine(
        kind,  # type: ignore[arg-type]
        scrub(number_of(bank)),
        scrub(number_of(ours)),
        "",
        units,
        0,
        day_of(day) * DAY - SHANGHAI_OFFSET,
        way,  # type: ignore[arg-type]
        text=scrub(text_of(match["more"] or "")),
        currency=state.currency,
    )


def _booked(value: date, entry: str | None) -> date:
    """The entry's date, which has no year: the one that is nearest to the value's date."""
    if entry is None:
        return value
    found = []
    for year in (value.year - 1, value.year, value.year + 1):
        try:
            found.append(date(year, int(entry[:2]), int(entry[2:])))
        except ValueError:
            continue
    if not found:
        raise ValueError("has no entry date")
    best = min(found, key=lambda day: abs(day - value))
    if abs(best - value) > timedelta(days=180):
        raise ValueError("has no entry date")
    return best


def _balance(text: str) -> tuple[int, str, date]:
    match = _BALANCE.fullmatch(text.strip())
    if match is None:
        raise ValueError("is no balance")
    units = yuan_of(match[4].replace(",", ".").rstrip("."))
    return (units if match[1] == "C" else -units), match[3], _date(match[2])


def _date(text: str) -> date:
    return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))


def _fields(texts: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Tags with their text, which may go on for some lines; headers and ends of messages are left out."""
    tag, parts = "", list[str]()
    for text in texts:
        found = _TAG.match(text)
        if found or text.startswith(("-", "{")):
            if tag:
                yield tag, "\n".join(parts)
            tag, parts = (found[1], [text[found.end() :]]) if found else ("", [])
        elif tag:
            parts.append(text)
            if len(parts) > MOST_FIELD:
                raise BillError("bill_unreadable", f"field :{tag}: has more than {MOST_FIELD} lines")
        elif text.strip():
            raise BillError("bill_unreadable", "has text before its first field")
    if tag:
        yield tag, "\n".join(parts)
