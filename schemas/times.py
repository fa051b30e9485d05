"""Times are UTC milliseconds; business dates are the calendar of Asia/Shanghai (UTC+8, no summer time)."""

import re
from datetime import UTC, date, datetime, timedelta

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SHANGHAI_OFFSET = 8 * HOUR
"""Milliseconds that Shanghai's clocks are ahead of UTC."""

EPOCH = date(1970, 1, 1)
FIRST_DAY, LAST_DAY = EPOCH, date(2149, 6, 6)
"""Days that ClickHouse's `Date` can hold."""

MOST_SPAN = 3660 * DAY
_SPAN = re.compile(r"([0-9]{1,6})([mhd])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_UNIT = {"m": MINUTE, "h": HOUR, "d": DAY}


def business_day(ms: int) -> int:
    """Shanghai's calendar day of a UTC time, as days since 1970-01-01 (ClickHouse's and Arrow's `Date`)."""
    return (ms + SHANGHAI_OFFSET) // DAY


def day_of(day: date) -> int:
    """Days since 1970-01-01 of a calendar date."""
    return (day - EPOCH).days


def calendar_date(text: str) -> date:
    """A date as people write it in files, arguments and forms: 2025-11-11 and in no other way.

    >>> calendar_date("2025-11-11")
    datetime.date(2025, 11, 11)

    Raises ValueError for any other text, other ways of ISO 8601 (20251111, 2025-W46-2) among them.
    """
    if not _DATE.fullmatch(text):
        raise ValueError(f"{text!r} is no date as 2025-11-11")
    return date.fromisoformat(text)


def date_of(day: int) -> date:
    """The calendar date of a number of days since 1970-01-01."""
    return EPOCH + timedelta(days=day)


def next_month(day: date) -> date:
    """The first day of the month after a day's.

    >>> next_month(date(2024, 1, 31))
    datetime.date(2024, 2, 1)
    """
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def iso(ms: int) -> str:
    """UTC in ISO 8601 with milliseconds, for people and logs."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}Z"


def clock(ms: int) -> str:
    """What Shanghai's clocks show at a UTC time, to the second, for people.

    >>> clock(1_762_833_600_000)
    '2025-11-11 12:00:00'
    """
    return datetime.fromtimestamp((ms + SHANGHAI_OFFSET) // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")


def span(text: str) -> int:
    """Milliseconds of a span of time, as people write it.

    >>> span("30m"), span("72h"), span("90d")
    (1800000, 259200000, 7776000000)

    Raises ValueError for anything else, and beyond ten years.
    """
    found = _SPAN.fullmatch(text)
    if found is None or int(found[1]) * _UNIT[found[2]] > MOST_SPAN:
        raise ValueError(f'{text!r} is no time such as "30m", "72h" or "90d", ten years at most')
    return int(found[1]) * _UNIT[found[2]]
