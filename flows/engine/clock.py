"""Data time for a flow that reads it beside its data: the newest tick in Kafka, followed while it runs.

Where nobody ticks there is no time, and whoever asks must do without. As in the lanes, a tick that leaps is from a
wrong clock and refused; and if that was the newest tick when this began, the one after it tells.
"""

import time

import msgspec

from flows.engine.following import Following
from flows.engine.log import log
from flows.engine.stop import Stop
from flows.lifecycle.age import leaps
from schemas import topics
from schemas.events import Tick
from schemas.problems import UNREADABLE
from schemas.settings import Settings
from schemas.times import iso

PATIENCE = 10.0
"""Seconds to wait for a topic that may not exist."""


class Clock:
    """`wait` for what has been ticked, then ask for `now`; a thread follows the topic."""

    def __init__(self, settings: Settings) -> None:
        self._following = Following(settings, topics.TICKS.name, self._take, only_newest=True)
        self._now, self._leap = 0, settings.leap
        self._sure = False
        """Whether a second tick has come."""

    def wait(self, stop: Stop) -> None:
        """Until the newest tick is known, or that there is none."""
        until = time.monotonic() + PATIENCE
        while not (stop.asked or self._now or self._following.at_end or time.monotonic() > until):
            self._following.look()
        log("clock", newest_tick=self._now)
        self._following.begin()

    def now(self) -> int:
        """The newest tick's time, UTC ms; 0: there was none."""
        self._following.check()
        return self._now

    def _take(self, raw: bytes) -> None:
        try:
            self._pass(msgspec.json.decode(raw, type=Tick).time, int(time.time() * 1000))
        except UNREADABLE as error:
            log("a tick is refused", error=str(error)[:300])

    def _pass(self, tick: int, today: int) -> None:
        """Time passes. `today`: UTC ms by the machine's clock, as Kafka's tells a lane."""
        if leaps(tick, self._now, today, self._leap):
            log("a tick is refused", error=f"{iso(tick)} leaps too far ahead of {iso(self._now)}")
            return
        if not self._sure and self._now and leaps(self._now, tick, today, self._leap):
            log("the tick before is refused", error=f"{iso(self._now)} leaps too far ahead of {iso(tick)}")
            self._now = tick
        self._sure = self._now != 0
        self._now = max(self._now, tick)
