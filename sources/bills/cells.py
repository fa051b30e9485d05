"""Cells of bills as exact values. Errors are ValueErrors that say what is wrong without the cell's content."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from schemas.money import MOST, YUAN
from schemas.times import DAY, HOUR, MINUTE, SECOND, SHANGHAI_OFFSET, calendar_date, day_of
from sources.channels.fields import CURRENCIES

_AMOUNT = re.compile(r"([+-]?)([0-9]{1,12})(?:\.([0-9]{1,8}))?", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])", re.ASCII)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]+")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_YUAN = {"": "CNY", "人民币": "CNY", "人民币元": "CNY", "RMB": "CNY"}
"""What banks write for the currency of nearly all that they do."""
MOST_NUMBER = 64
MOST_TEXT = 1_000


@lru_cache(65_536)
def yuan_of(text: str) -> int:
    """Units from yuan in plain decimal digits, at most four decimals that are not 0.

    >>> yuan_of("12.30"), yuan_of("-0.00600"), yuan_of("20")
    (123000, -60, 200000)
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError("is no amount of yuan in plain digits")
    sign, whole, decimals = match[1], match[2], (match[3] or "").rstrip("0")
    if len(decimals) > 4:
        raise ValueError("has more than four decimals")
    units = int(whole) * YUAN + int(decimals.ljust(4, "0"))
    if units > MOST:
        raise ValueError("is no believable amount")
    return -units if sign == "-" else units


def yuan_in(text: str, field: str) -> int:
    """Units of a field of a table, which may have commas between thousands; 0: it is empty. Raises ValueError, which
    names the field."""
    try:
        return yuan_of(text.replace(",", "")) if text else 0
    except ValueError as error:
        raise ValueError(f"{field} {error}") from None


@lru_cache(65_536)
def fen_of(text: str) -> int:
    """Units from a whole number of fen."""
    if not _DIGITS.fullmatch(text) or (units := int(text) * 100) > MOST:
        raise ValueError("is no believable number of fen")
    return units


@lru_cache(4_096)
def midnight(text: str) -> int:
    """UTC ms of the beginning of a day in Shanghai, `2025-11-11`."""
    try:
        return day_of(calendar_date(text)) * DAY - SHANGHAI_OFFSET
    except ValueError:
        raise ValueError("is no date like 2025-11-11") from None


@lru_cache(86_400)
def clock(text: str) -> int:
    """Milliseconds since midnight, `10:00:00`."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError("is no time like 10:00:00")
    return int(match[1]) * HOUR + int(match[2]) * MINUTE + int(match[3]) * SECOND


def local(text: str) -> int:
    """UTC ms of `2025-11-11 10:00:00` in Shanghai."""
    if text[10:11] != " ":
        raise ValueError("is no time like 2025-11-11 10:00:00")
    return midnight(text[:10]) + clock(text[11:])


def formatted(text: str, form: str) -> int:
    """UTC ms of a time in Shanghai in a format of `strptime`."""
    try:
        moment = datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"is no time like {form}") from None
    return int(moment.timestamp()) * SECOND - SHANGHAI_OFFSET


def number_of(text: str) -> str:
    """An identifier: short and without control characters."""
    if len(text) > MOST_NUMBER or _CONTROL.search(text):
        raise ValueError(f"is no number of at most {MOST_NUMBER} characters")
    return text


def currency_of(text: str) -> str:
    """A currency's letters, from ISO 4217's letters or digits, or what Chinese banks write; empty: CNY.

    >>> currency_of("人民币"), currency_of("156"), currency_of("USD"), currency_of("")
    ('CNY', 'CNY', 'USD', 'CNY')
    """
    code = _YUAN.get(text) or CURRENCIES.get(text, text)
    if not _CURRENCY.fullmatch(code):
        raise ValueError("is no currency like CNY, 156 or 人民币")
    return code


def text_of(text: str) -> str:
    """Free text as it may be shown: no control characters, nothing that a spreadsheet takes for a formula."""
    return _CONTROL.sub(" ", text).strip().lstrip("=+-@\t\r ")[:MOST_TEXT]
