"""Kafka that is away, told in a line: its client tells of each attempt to connect to it, several a second."""

import logging
import re
import time
from collections.abc import Callable

FIRST, LAST = 15.0, 600.0
"""Seconds until it is told again: at first, and at most; each time twice as many."""
BACK = 60.0
"""Seconds without a failed attempt after which it must have been back: clients try again every few."""
_FAILED = re.compile(r"(?:FAIL|ERROR) \[[^\]]*\] \[[^\]]*\]: (?:\w+://)?(\S+?)/[\w-]+: (.*)", re.DOTALL)
_DOWN = re.compile(r".*: \d+/\d+ brokers are down", re.DOTALL)
_MORE = re.compile(r"^Connect to \S+ failed: | \(after \d+ms in state .*$", re.DOTALL)


class Away(logging.Filter):
    """Of the client's records about brokers that are away lets one through for each broker in a while, in our words."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[str, tuple[float, float]] = {}
        """By broker: when it is told again, and after how many seconds that is."""
        self._failed: dict[str, float] = {}
        """By broker: when an attempt failed last."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written; one about a broker that is away is another then."""
        text = record.getMessage()
        if record.levelno < logging.WARNING or (found := _FAILED.match(text)) is None:
            return _DOWN.match(text) is None
        broker, why = found[1], _MORE.sub("", found[2])
        if not self._is_due(broker, self._clock()):
            return False
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.args = f"Kafka is away at {broker}: retrying ({why})", ()
        return True

    def _is_due(self, broker: str, now: float) -> bool:
        again, pause = self._told.get(broker, (0.0, 0.0))
        if now > self._failed.get(broker, now) + BACK:
            again = pause = 0.0
        self._failed[broker] = now
        if now < again:
            return False
        pause = min(pause * 2 or FIRST, LAST)
        self._told[broker] = now + pause, pause
        return True


_away = Away()


def kafka_log() -> logging.Logger:
    """The logger that each client of Kafka tells what it has to tell."""
    logger = logging.getLogger("waybook.kafka")
    logger.addFilter(_away)
    return logger
