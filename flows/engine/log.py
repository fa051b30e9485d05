"""Structured logs: one JSON line on standard error for each thing worth telling, without personal data."""

import logging
import sys
import time

import msgspec

from schemas.times import iso


def log(event: str, **fields: object) -> None:
    """Write `event` with its fields and the time in UTC."""
    line = {"time": iso(int(time.time() * 1000)), "event": event, **fields}
    sys.stderr.write(msgspec.json.encode(line, enc_hook=str).decode() + "\n")
    sys.stderr.flush()


QUIET = 10.0
"""Seconds in which a library that repeats itself is not written again."""


class _Lines(logging.Handler):
    """Writes records of loggers as lines; of those that begin alike only one in a while."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if time.monotonic() > self._written.get(text[:40], 0.0) + QUIET:
            self._written[text[:40]] = time.monotonic()
            log(record.name, level=record.levelname.lower(), text=text)


def capture() -> None:
    """Write what client libraries tell loggers under `waybook` (librdkafka's `waybook.kafka`) the same way."""
    logger = logging.getLogger("waybook")
    logger.handlers[:] = [_Lines()]
    logger.setLevel(logging.INFO)
    logger.propagate = False
