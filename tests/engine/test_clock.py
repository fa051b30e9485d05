"""The device flow's data time: what a wrong clock ticks does not move it."""

import time

import msgspec
import pytest

from flows.engine.clock import Clock
from schemas.events import Tick
from schemas.settings import Settings
from schemas.times import DAY, HOUR

TODAY = int(time.time() * 1000)
LONG_AGO = TODAY - 400 * DAY
"""Data time of a simulated network."""
AHEAD = TODAY + 11_000 * DAY


def after(*ticks: int | bytes) -> int:
    """Data time after these."""
    clock = Clock(Settings(kafka="127.0.0.1:1"))
    for n, tick in enumerate(ticks):
        clock._take(tick if isinstance(tick, bytes) else msgspec.json.encode(Tick(id=f"t{n}", time=tick)))
    return clock.now()


@pytest.mark.parametrize("begins", [LONG_AGO, TODAY], ids=["simulated", "today"])
def test_a_tick_that_leaps_is_refused(begins: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert after(begins, AHEAD) == begins
    assert "leaps too far ahead" in capsys.readouterr().err
    assert after(begins, AHEAD, begins + HOUR) == begins + HOUR
    assert after(begins, begins + HOUR, AHEAD, begins) == begins + HOUR


def test_where_the_first_one_leapt_the_next_tells() -> None:
    assert after(AHEAD) == AHEAD
    assert after(AHEAD, LONG_AGO) == LONG_AGO
    assert after(AHEAD, LONG_AGO, LONG_AGO + HOUR, AHEAD) == LONG_AGO + HOUR


def test_what_is_no_tick_moves_nothing() -> None:
    assert after(b"{", LONG_AGO, b"[]", b"") == LONG_AGO


def test_a_simulated_network_may_be_in_the_future() -> None:
    """As long as it goes on by less than a leap."""
    assert after(AHEAD, AHEAD + HOUR, AHEAD + 2 * HOUR) == AHEAD + 2 * HOUR
