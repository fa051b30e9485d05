"""From a source that wants acknowledgements to Kafka, at least once: acknowledged only when it is safe.

An epoch's end is a barrier: the sink's snapshot flushes Kafka, then Bytewax commits the epoch, then it asks the
source for its next batch. So the first `next_batch` after a snapshot proves that everything which was handed
out before that snapshot is in Kafka and the epoch durable; there it is acknowledged. A process that dies
before has acknowledged nothing of it, and the messages come again.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from flows.engine import crash
from schemas.settings import Settings
from sinks.kafka import Records
from sources.mqtt import Received, Subscriber


class Inbox(StatefulSourcePartition[Any, int]):
    """Hands out batches of messages; acknowledges those of a committed epoch."""

    def __init__(
        self, subscriber: Subscriber, budget: int, stopping: Callable[[], bool], safe: Callable[[int], None]
    ) -> None:
        self._subscriber, self._budget, self._stopping, self._safe = subscriber, budget, stopping, safe
        self._open: list[Received] = []
        self._closed: list[Received] = []
        self._epoch = 0

    def next_batch(self) -> list[tuple[str, list[Received]]]:
        """What has come since."""
        if self._closed:
            crash.point("before_acknowledge")
            self._subscriber.acknowledge(self._closed)
            self._safe(len(self._closed))
            self._closed = []
        if self._stopping() and not self._open:
            raise StopIteration
        room = 0 if self._stopping() else self._budget - len(self._open)
        taken = self._subscriber.take(room, 0.02) if room > 0 else []
        if not taken:
            time.sleep(0.005)
            return []
        self._open += taken
        return [("all", taken)]

    def snapshot(self) -> int:
        """The epoch ends: what was handed out is safe when this is committed."""
        self._closed += self._open
        self._open = []
        self._epoch += 1
        return self._epoch

    def close(self) -> None:
        """Leave the broker; acknowledge nothing."""
        self._subscriber.stop()


class Inboxes(FixedPartitionedSource[Any, int]):
    """One inbox, built when the flow starts."""

    def __init__(self, build: Callable[[], Inbox]) -> None:
        self._build = build

    def list_parts(self) -> list[str]:
        """One."""
        return ["inbox"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Inbox:  # noqa: ARG002
        """Its state is the broker's."""
        return self._build()


Record = tuple[str, str, bytes, int]
"""Topic, key, value, timestamp (UTC ms)."""


class Outbox(StatefulSinkPartition[list[Record], None]):
    """Writes to Kafka, and does not let an epoch end before Kafka has it."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def write_batch(self, items: list[list[Record]]) -> None:
        """Lists of records."""
        for records in items:
            for topic, key, value, at in records:
                self._records.produce(topic, key, value, at)
            self._records.poll()

    def snapshot(self) -> None:
        """Everything is in Kafka, or this process ends."""
        self._records.flush()
        crash.point("flushed")


class Outboxes(FixedPartitionedSink[list[Record], None]):
    """One outbox."""

    def __init__(self, build: Callable[[], Records]) -> None:
        self._build = build

    def list_parts(self) -> list[str]:
        """One."""
        return ["outbox"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Outbox:  # noqa: ARG002
        """Its state is Kafka's."""
        return Outbox(self._build())


def run(flow: Dataflow, name: str, settings: Settings, epoch: float) -> None:
    """Run a flow with a recovery store of its own under the home directory."""
    recovery = settings.home / name / "recovery"
    if not (recovery / "part-0.sqlite3").exists():
        recovery.mkdir(parents=True, exist_ok=True)
        init_db_dir(recovery, 1)
    run_main(
        flow,
        epoch_interval=timedelta(seconds=epoch),
        recovery_config=RecoveryConfig(recovery, timedelta(0)),
    )
