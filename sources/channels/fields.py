"""Single fields of a notification: exact amounts, times, currencies, identifiers, text. Each raises RefusedError."""

import re
from datetime import date, timedelta

from schemas.limits import MOST_IDENTIFIER
from schemas.money import FEN, MOST, YUAN
from schemas.times import (
    DAY,
    FIRST_DAY,
    HOUR,
    LAST_DAY,
    MINUTE,
    SECOND,
    SHANGHAI_OFFSET,
    business_day,
    date_of,
    day_of,
)
from sources.channels.model import TimeFormat
from sources.channels.refused import RefusedError

MOST_TEXT = 1024
MOST_DIGITS = 40
_YUAN = re.compile(r"(-?)0*(\d{1,15})(?:\.(\d{1,4})0*)?", re.ASCII)
_WHOLE = re.compile(r"0*(\d{1,15})", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_LOCAL = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)", re.ASCII)
_YEARLESS = re.compile(r"(\d\d)(\d\d)", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
CURRENCIES = {
    "156": "CNY",
    "344": "HKD",
    "446": "MOP",
    "840": "USD",
    "978": "EUR",
    "826": "GBP",
    "392": "JPY",
}
"""ISO 4217's digits and letters."""
WITHOUT_DECIMALS = frozenset({"JPY", "KRW", "VND"})
WITH_TWO = frozenset(
    {"CNY", "HKD", "MOP", "USD", "EUR", "GBP", "TWD", "SGD", "AUD", "CAD", "CHF", "THB", "MYR"}
)
"""Currencies whose smallest unit is a hundredth."""
LATEST = 2**42
"""Times (ms) are before this one."""


def amount(field: str, text: str, unit: str, currency: str) -> int:
    """Units (0.0001) of an amount that is written in the currency's unit (yuan) or its smallest one (minor)."""
    if len(text) > MOST_DIGITS:
        raise RefusedError("amount_out_of_range", f"{field} has more than {MOST_DIGITS} characters")
    if unit == "minor":
        found, size = _WHOLE.fullmatch(text), FEN
        if currency in WITHOUT_DECIMALS:
            size = YUAN
        elif currency not in WITH_TWO:
            raise RefusedError("field_unreadable", f"{field}: the smallest unit of its currency is not known")
        units = int(found[1]) * size if found else -1
    else:
        found = _YUAN.fullmatch(text)
        units = int(found[2]) * YUAN + int((found[3] or "").ljust(4, "0")) if found and not found[1] else -1
    if found is None:
        raise RefusedError("field_unreadable", f"{field} is no amount")
    if not 0 <= units <= MOST:
        raise RefusedError("amount_out_of_range", f"{field} is negative or more than is believable")
    return units


def currency_of(field: str, text: str) -> str:
    """A currency's letters."""
    code = CURRENCIES.get(text, text)
    if not _CURRENCY.fullmatch(code):
        raise RefusedError("field_unreadable", f"{field} is no currency")
    return code


def offset_of(zone: str) -> int:
    """Milliseconds that a zone (`+08:00`) is ahead of UTC."""
    return (-1 if zone[0] == "-" else 1) * (int(zone[1:3]) * 60 + int(zone[4:6])) * MINUTE


def time(field: str, text: str, written: TimeFormat, offset: int = SHANGHAI_OFFSET) -> int:
    """UTC milliseconds of a time; `offset`: of the zone where it does not say so itself."""
    ms = _instant(text, written, offset)
    if ms is None or not 0 <= ms < LATEST:
        raise RefusedError("time_unreadable", f"{field} is no time as {written}")
    return ms


def _instant(text: str, written: TimeFormat, offset: int) -> int | None:
    if written in ("epoch_s", "epoch_ms"):
        found = _WHOLE.fullmatch(text)
        return int(found[1]) * (SECOND if written == "epoch_s" else 1) if found else None
    found = {"rfc3339": _RFC3339, "local": _LOCAL, "compact": _COMPACT}[written].fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    if written == "rfc3339":
        sign, hours, minutes = found[8], int(found[9] or 0), int(found[10] or 0)
        if hours > 14 or minutes > 59:
            return None
        offset = (-1 if sign == "-" else 1) * (hours * 60 + minutes) * MINUTE
    fraction = int((found[7] or "").ljust(3, "0")[:3]) if written != "compact" else 0
    if hour > 23 or minute > 59 or second > 59:
        return None
    try:
        midnight = day_of(date(year, month, day)) * DAY
    except ValueError:
        return None
    return midnight + hour * HOUR + minute * MINUTE + second * SECOND + fraction - offset


def settled(field: str, text: str, near: int) -> date:
    """A settlement date; without a year the one that is nearest to the payment's time (ms)."""
    try:
        if (found := _DAY.fullmatch(text)) is not None:
            day = date(*map(int, found.groups()))
            if FIRST_DAY <= day <= LAST_DAY:
                return day
        if (found := _YEARLESS.fullmatch(text)) is not None:
            return _nearest(int(found[1]), int(found[2]), date_of(business_day(near)))
    except ValueError:
        pass
    raise RefusedError("time_unreadable", f"{field} is no date")


def _nearest(month: int, day: int, near: date) -> date:
    """The date of that month and day that is nearest. Raises ValueError: there is none."""
    found = []
    for year in (near.year - 1, near.year, near.year + 1):
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return min(found, key=lambda one: (abs(one - near), one - near > timedelta(0)))


def identifier(field: str, value: str) -> str:
    """An id, a number or a name."""
    if len(value) > MOST_IDENTIFIER:
        raise RefusedError("identifier_too_long", f"{field} has more than {MOST_IDENTIFIER} characters")
    if not value.isprintable():
        raise RefusedError("field_unreadable", f"{field} has characters that cannot be read")
    return value


def readable(value: str) -> str:
    """Free text without what cannot be printed, cut where it is too long."""
    value = value[: 4 * MOST_TEXT]
    if not value.isprintable():
        value = "".join(sign if sign.isprintable() else " " for sign in value)
    return value.strip()
