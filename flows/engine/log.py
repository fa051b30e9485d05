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


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log(record.name, level=record.levelname.lower(), text=record.getMessage())


def capture() -> None:
    """Write what client libraries tell loggers under `waybook` (librdkafka's `waybook.kafka`) the same way."""
    logger = logging.getLogger("waybook")
    logger.handlers[:] = [_Lines()]
    logger.setLevel(logging.INFO)
    logger.propagate = False
