"""Data time for a flow that reads it beside its data: the newest tick in Kafka, followed while it runs.

Where nobody ticks there is no time, and whoever asks must do without.
"""

import threading
import time

import msgspec

from flows.engine.log import log
from flows.engine.stop import Stop
from schemas import topics
from schemas.events import Tick
from schemas.problems import UNREADABLE
from schemas.settings import Settings
from sources.kafka import Follower

PATIENCE = 10.0
"""Seconds to wait for a topic that may not exist."""


class Clock:
    """`wait` for what has been ticked, then ask for `now`; a thread follows the topic."""

    def __init__(self, settings: Settings) -> None:
        self._follower = Follower(settings.kafka, topics.TICKS.name, settings.kafka_options, only_newest=True)
        self._now = 0
        self._failure: BaseException | None = None

    def wait(self, stop: Stop) -> None:
        """Until the newest tick is known, or that there is none."""
        until = time.monotonic() + PATIENCE
        while not (stop.asked or self._now or self._follower.at_end or time.monotonic() > until):
            self._look(0.5)
        log("clock", newest_tick=self._now)
        threading.Thread(target=self._follow, daemon=True).start()

    def now(self) -> int:
        """The newest tick's time, UTC ms; 0: there was none."""
        if self._failure is not None:
            raise RuntimeError("the ticks are not followed") from self._failure
        return self._now

    def _follow(self) -> None:
        try:
            while True:
                self._look(0.5)
        except BaseException as error:
            self._failure = error

    def _look(self, seconds: float) -> None:
        for raw in self._follower.poll(seconds):
            try:
                self._now = max(self._now, msgspec.json.decode(raw, type=Tick).time)
            except UNREADABLE as error:
                log("a tick is refused", error=str(error)[:300])
