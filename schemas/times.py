"""Times are UTC milliseconds; business dates are the calendar of Asia/Shanghai (UTC+8, no summer time)."""

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


def business_day(ms: int) -> int:
    """Shanghai's calendar day of a UTC time, as days since 1970-01-01 (ClickHouse's and Arrow's `Date`)."""
    return (ms + SHANGHAI_OFFSET) // DAY


def day_of(day: date) -> int:
    """Days since 1970-01-01 of a calendar date."""
    return (day - EPOCH).days


def date_of(day: int) -> date:
    """The calendar date of a number of days since 1970-01-01."""
    return EPOCH + timedelta(days=day)


def iso(ms: int) -> str:
    """UTC in ISO 8601 with milliseconds, for people and logs."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}Z"
