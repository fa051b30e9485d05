"""What devices write → exact numbers, times and words; a value that is none is a broken rule with a name.

Nothing here passes through a float: JSON's numbers arrive as int or Decimal, text is parsed as Decimal.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Literal

from flows.governance.dialects import LengthUnit, TimeFormat, VolumeUnit, WeightUnit
from schemas.times import SHANGHAI_OFFSET


class BrokenRuleError(ValueError):
    """Input that is not used. `reason` is a key of schemas.reasons.DEAD_LETTER; the text says what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def text(value: object, field: str) -> str:
    """A word: text without the space around it, or a whole number as its digits."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BrokenRuleError("wrong_type", f"{field} is neither text nor a whole number")


Unit = WeightUnit | LengthUnit | VolumeUnit | Literal["piece"]
FACTOR: dict[Unit, int] = {
    "g": 1,
    "kg": 1_000,
    "t": 1_000_000,
    "mm": 1,
    "cm": 10,
    "l": 1_000,
    "m3": 1_000_000,
    "piece": 1,
}
"""Grams, millimetres, cubic centimetres or pieces in a unit."""
MOST_NUMBER = 10**9


def quantity(value: object, unit: Unit, field: str, rule: str) -> int:
    """A number in whole grams, millimetres, cm³ or pieces, halves up. `rule` is broken by what no device can mean."""
    number = _number(value, field)
    if not -MOST_NUMBER < number < MOST_NUMBER:
        raise BrokenRuleError(rule, f"{field} {number} {unit} is not believable")
    return int((number * FACTOR[unit]).quantize(Decimal(1), ROUND_HALF_UP))


def _number(value: object, field: str) -> Decimal:
    """A finite decimal number; text may have one in it, but not as Python alone writes it (1_000)."""
    own = isinstance(value, bool) or (isinstance(value, str) and "_" in value)
    if isinstance(value, int | Decimal | str) and not own:
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise BrokenRuleError("wrong_type", f"{field} {value!r} is no number") from None
        if number.is_finite():
            return number
    raise BrokenRuleError("wrong_type", f"{field} is no number")


def instant(value: object, written: TimeFormat, field: str) -> int:
    """UTC milliseconds of a time as a dialect writes it."""
    try:
        ms = _INSTANT[written](value)
    except (ValueError, OverflowError):
        raise BrokenRuleError("time_unreadable", f"{field} {value!r} is no time") from None
    if not 0 <= ms < MOST_INSTANT:
        raise BrokenRuleError("time_unreadable", f"{field} {value!r} is no believable time")
    return ms


MOST_INSTANT = 2**42
"""The year 2109; also the wire's bound."""

_LOCAL = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?"
    r" ?(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?",
    re.ASCII,
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})?()", re.ASCII)
_EPOCH = datetime(1970, 1, 1)
"""By whichever clock the time is written; the zone is taken off afterwards."""
_MILLISECOND = timedelta(milliseconds=1)


def _clock(pattern: re.Pattern[str]) -> Callable[[object], int]:
    """Reads a written time; without a zone it is Shanghai's. Digits beyond the millisecond are dropped."""

    def read(value: object) -> int:
        if not isinstance(value, str) or (found := pattern.fullmatch(value.strip())) is None:
            raise ValueError
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
        ms = (moment - _EPOCH) // _MILLISECOND + (int(f"{fraction:0<3}"[:3]) if fraction else 0)
        return ms - (_offset(zone) if zone else SHANGHAI_OFFSET)

    return read


def _offset(zone: str) -> int:
    """Milliseconds that the clocks of `Z`, `+08:00` or `+0800` are ahead of UTC."""
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return minutes * 60_000 if zone[0] == "+" else -minutes * 60_000


def _epoch(unit_ms: int) -> Callable[[object], int]:
    """Reads a count of seconds or milliseconds since 1970, also as text or with decimals."""

    def read(value: object) -> int:
        number = _number(value, "")
        if not 0 <= number < MOST_INSTANT:
            raise ValueError
        return int(number * unit_ms)

    return read


_INSTANT: dict[TimeFormat, Callable[[object], int]] = {
    "epoch_ms": _epoch(1),
    "epoch_s": _epoch(1000),
    "local": _clock(_LOCAL),
    "compact": _clock(_COMPACT),
}
