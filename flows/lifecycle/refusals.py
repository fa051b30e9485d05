"""Dead letters: how they are made, as columns, and counted for Prometheus."""

from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import Counter

from flows.engine.block import Records
from flows.lifecycle.intake import RefusedError, glimpse
from flows.lifecycle.output import Refusal
from schemas import topics
from schemas.events import DeadLetterReplayed
from sinks import columns
from sinks.columns import Made

DEAD_LETTERS = Counter("waybook_dead_letters_total", "Input that broke a rule", ["reason"])
REPEATED = Counter(
    "waybook_dead_letters_repeated_total",
    "Input that is the same, byte for byte, as a dead letter of its topic",
)


def count_refusals(rows: Sequence[Refusal], again: int) -> None:
    """Add one block's dead letters, and how often known ones came again, to the counters."""
    for reason, number in Tally(row.reason for row in rows if row.status == "open").items():
        DEAD_LETTERS.labels(reason).inc(number)
    REPEATED.inc(again)


def refusals(rows: Sequence[Refusal]) -> dict[str, Made] | None:
    """The columns of table `dead_letter`; None: there are no rows."""
    if not rows:
        return None
    return {
        "dead_letter_id": columns.texts([row.id for row in rows]),
        "status": columns.spelled([row.status for row in rows]),
        "reason": columns.spelled([row.reason for row in rows]),
        "detail": columns.texts([row.detail for row in rows]),
        "transport": columns.spelled([row.transport for row in rows]),
        "topic": columns.spelled([row.topic for row in rows]),
        "partition": columns.numbers(columns.ints([row.partition for row in rows]), "int32"),
        "offset": columns.numbers(columns.ints([row.offset for row in rows]), "int64"),
        "event_id": columns.texts([row.event_id for row in rows]),
        "waybill": columns.texts([row.waybill for row in rows]),
        "received": columns.times(columns.ints([row.received for row in rows])),
        "raw": columns.texts([row.raw for row in rows]),
    }


def refusal(
    error: RefusedError, letter: str, records: Records, offset: int, raw: bytes, received: int
) -> Refusal:
    """A record of Kafka that breaks a rule, as the dead letter `letter`. `received`: UTC ms."""
    event_id, waybill = glimpse(raw)
    return Refusal(
        letter,
        "open",
        error.reason,
        error.detail,
        "kafka",
        records.topic,
        records.partition,
        offset,
        event_id,
        waybill,
        received,
        raw,
    )


def replay(note: DeadLetterReplayed, received: int) -> Refusal:
    """The note that a dead letter was sent again."""
    return Refusal(
        note.dead_letter,
        "replayed",
        "",
        note.replayed_by,
        "kafka",
        topics.DEAD_LETTERS.name,
        -1,
        -1,
        "",
        "",
        note.time or received,
        note.sent,
    )
