"""Structured logs: one JSON line on standard error for each thing worth telling, without personal data."""

import logging
import sys
import threading
import time
import traceback

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


LOGGERS = {
    "waybook": logging.INFO,
    "clickhouse_connect": logging.ERROR,  # what fails there is raised, and told by whoever waits for it
    "urllib3": logging.ERROR,
    "py.warnings": logging.WARNING,
}
"""Loggers whose lines are written, from which level on. librdkafka has `waybook.kafka`, paho `waybook.mqtt`."""


def capture() -> None:
    """Write what libraries tell their loggers, warnings, and what ends the process or a thread the same way."""
    lines = _Lines()
    for name, level in LOGGERS.items():
        logger = logging.getLogger(name)
        logger.handlers[:] = [lines]
        logger.setLevel(level)
        logger.propagate = False
    logging.captureWarnings(True)
    sys.excepthook = lambda _kind, error, _trace: _ended(error)
    threading.excepthook = lambda ended: _ended(ended.exc_value)


def _ended(error: BaseException | None) -> None:
    if error is not None and not isinstance(error, SystemExit):
        log("failed", error=repr(error), trace="".join(traceback.format_exception(error)))
