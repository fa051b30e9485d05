"""Data time for a flow that reads it beside its data: the newest tick in Kafka, followed while it runs.

Where nobody ticks there is no time, and whoever asks must do without.
"""

import time

import msgspec

from flows.engine.following import Following
from flows.engine.log import log
from flows.engine.stop import Stop
from schemas import topics
from schemas.events import Tick
from schemas.problems import UNREADABLE
from schemas.settings import Settings

PATIENCE = 10.0
"""Seconds to wait for a topic that may not exist."""


class Clock:
    """`wait` for what has been ticked, then ask for `now`; a thread follows the topic."""

    def __init__(self, settings: Settings) -> None:
        self._following = Following(settings, topics.TICKS.name, self._take, only_newest=True)
        self._now = 0

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
            self._now = max(self._now, msgspec.json.decode(raw, type=Tick).time)
        except UNREADABLE as error:
            log("a tick is refused", error=str(error)[:300])
