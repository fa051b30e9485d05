"""Numbers and times are read exactly."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.governance.readings import BrokenRuleError, instant, quantity
from schemas.times import SHANGHAI_OFFSET

SHANGHAI = ZoneInfo("Asia/Shanghai")
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


def ms_of(moment: datetime) -> int:
    """Milliseconds since 1970, exactly."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(st.integers(0, 10**9 - 1))
def test_kilograms_are_grams(grams: int) -> None:
    kilograms = f"{grams // 1000}.{grams % 1000:03d}"
    assert quantity(kilograms, "kg", "w", "weight_out_of_range") == grams
    assert quantity(Decimal(kilograms), "kg", "w", "weight_out_of_range") == grams
    assert quantity(grams, "g", "w", "weight_out_of_range") == grams


@pytest.mark.parametrize(
    ("written", "unit", "whole"),
    [
        ("0.0005", "kg", 1),
        ("0.0004999", "kg", 0),
        ("2.675", "kg", 2675),
        ("1.1", "kg", 1100),
        ("30.05", "cm", 301),
        ("-0.5", "g", -1),
        (" 7 ", "mm", 7),
        ("1e3", "g", 1000),
    ],
)
def test_halves_go_up(written: str, unit: str, whole: int) -> None:
    assert quantity(written, unit, "w", "weight_out_of_range") == whole  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["1_000", "NaN", "", "1,000", True, None])
def test_what_is_no_number(written: object) -> None:
    with pytest.raises(BrokenRuleError) as caught:
        quantity(written, "g", "w", "weight_out_of_range")
    assert caught.value.reason == "wrong_type"


@given(moments)
def test_a_clock_without_a_zone_is_shanghais(moment: datetime) -> None:
    here = moment.astimezone(SHANGHAI)
    ms = ms_of(moment)
    millis = f"{moment.microsecond // 1000:03d}"
    for written, how in (
        (f"{here:%Y-%m-%d %H:%M:%S}.{millis}", "local"),
        (f"{here:%Y/%m/%d %H:%M:%S}.{millis}", "local"),
        (f"{here.year}/{here.month}/{here.day} {here.hour}:{here:%M:%S}.{millis}", "local"),
        (here.isoformat(), "local"),
        (moment.isoformat(), "local"),
        (f"{moment:%Y-%m-%dT%H:%M:%S}.{millis}Z", "local"),
        (f"{here:%Y%m%d%H%M%S}{millis}", "compact"),
        (ms, "epoch_ms"),
        (str(ms), "epoch_ms"),
        (Decimal(ms) / 1000, "epoch_s"),
    ):
        assert instant(written, how, "t") == ms, written  # type: ignore[arg-type]


@given(moments)
def test_seconds_are_enough(moment: datetime) -> None:
    ms = ms_of(moment) // 1000 * 1000
    here = moment.astimezone(SHANGHAI)
    assert instant(f"{here:%Y-%m-%d %H:%M:%S}", "local", "t") == ms
    assert instant(f"{here:%Y%m%d%H%M%S}", "compact", "t") == ms
    assert instant(ms // 1000, "epoch_s", "t") == ms
    assert instant(f"{here:%Y-%m-%d %H:%M}", "local", "t") == ms // 60_000 * 60_000


def test_the_first_moment() -> None:
    assert instant("1970-01-01 08:00:00", "local", "t") == 0
    assert instant(0, "epoch_ms", "t") == 0
    assert instant("1970-01-02 00:00:00", "local", "t") == 86_400_000 - SHANGHAI_OFFSET


@pytest.mark.parametrize(
    ("written", "how"),
    [
        ("1970-01-01 07:59:59", "local"),
        ("0001-01-01 00:00:00", "local"),
        ("2025-11-11", "local"),
        ("2025-11-11 24:00:00", "local"),
        ("2025-11-11 08:30:60", "local"),
        ("2025-11-11 08:30:00 +99:99", "local"),  # no clock on earth is as far ahead
        ("2025-11-11 08:30:00 +08:60", "local"),
        ("1_762_821_000_000", "epoch_ms"),
        ("11/11/2025 08:30:00", "local"),
        ("20251111083000", "local"),
        ("2025-11-11 08:30:00", "compact"),
        ("2025111108300", "compact"),
        (20251111083000, "compact"),
        (-1, "epoch_ms"),
        (2**45, "epoch_ms"),
        (2**45, "epoch_s"),
        (True, "epoch_s"),
        (None, "epoch_s"),
        ("", "local"),
    ],
)
def test_what_is_no_time(written: object, how: str) -> None:
    with pytest.raises(BrokenRuleError) as caught:
        instant(written, how, "t")  # type: ignore[arg-type]
    assert caught.value.reason == "time_unreadable"
