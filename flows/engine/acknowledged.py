"""From MQTT to Kafka, at least once: a message is acknowledged only when what became of it is safe.

An epoch's end is a barrier: the sink's snapshot flushes Kafka, then Bytewax commits the epoch, then it asks the
source for its next batch. So the first `next_batch` after a snapshot proves that everything which was handed
out before that snapshot is in Kafka and the epoch durable; there it is acknowledged. A process that dies
before has acknowledged nothing of it, and the messages come again.
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import run_main
from prometheus_client import Counter, Gauge, Histogram

from flows.engine import crash
from flows.engine.log import log
from flows.engine.recovery import recovery
from flows.engine.stop import Stop
from sinks.kafka import DeliveryError, Records
from sources.mqtt import Received, Subscriber, SubscriptionError

ACKNOWLEDGED = Counter("waybook_device_acknowledged_total", "Messages acknowledged to MQTT")
IN_FLIGHT = Gauge("waybook_device_in_flight", "Messages that came and are not acknowledged")
CONNECTED = Gauge("waybook_device_connected", "MQTT clients that are connected")
EPOCH_SECONDS = Histogram(
    "waybook_device_epoch_seconds",
    "From handing out an epoch's first message until all of them are acknowledged",
    buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1, 2, 5, 10, 30, 60),
)

WAIT = 0.02
"""Seconds to wait for a message before Bytewax may look whether the epoch is over."""

Record = tuple[str, str, bytes, int]
"""Topic, key, value, timestamp (UTC ms)."""


class Inbox(StatefulSourcePartition[Any, Any]):
    """Hands out batches of messages; acknowledges those of a committed epoch."""

    def __init__(self, subscriber: Subscriber, budget: int, stop: Stop) -> None:
        self._subscriber, self._budget, self._stop = subscriber, budget, stop
        self._open: list[Received] = []
        """Handed out in the epoch that runs."""
        self._closed: list[Received] = []
        """Handed out in the epoch that is being committed."""
        self._began = 0.0
        CONNECTED.set_function(lambda: subscriber.connected)
        IN_FLIGHT.set_function(lambda: subscriber.waiting + len(self._open) + len(self._closed))
        subscriber.start()

    def next_batch(self) -> list[tuple[str, list[Received]]]:
        """What has come since. Raises SubscriptionError when nothing will come any more."""
        if self._closed:
            self._acknowledge()
        if self._stop.asked:
            if not self._open:
                raise StopIteration
            return []
        room = self._budget - len(self._open)
        taken = self._subscriber.take(room, WAIT) if room else []
        if not taken:
            return []
        if not self._open:
            self._began = time.monotonic()
        self._open += taken
        return [("all", taken)]

    def _acknowledge(self) -> None:
        crash.point("before_acknowledge")
        self._subscriber.acknowledge(self._closed)
        ACKNOWLEDGED.inc(len(self._closed))
        EPOCH_SECONDS.observe(time.monotonic() - self._began)
        self._closed = []
        crash.point("acknowledged")

    def snapshot(self) -> dict[str, int]:
        """The epoch ends: what was handed out is safe when this is committed."""
        self._closed, self._open = self._closed + self._open, []
        return {"clients": self._subscriber.size}

    def close(self) -> None:
        """Leave the broker. This runs after a crash, too: it acknowledges nothing."""
        self._subscriber.stop()


class Inboxes(FixedPartitionedSource[Any, Any]):
    """One inbox. `connect` makes the subscriber with a number of clients.

    The messages are the broker's to keep; what the recovery store keeps is the number of clients, because a
    session that nobody resumes would keep its messages.
    """

    def __init__(self, connect: Callable[[int], Subscriber], clients: int, budget: int, stop: Stop) -> None:
        self._connect, self._clients, self._budget, self._stop = connect, clients, budget, stop

    def list_parts(self) -> list[str]:
        """One."""
        return ["inbox"]

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> Inbox:  # noqa: ARG002
        """With as many clients as are wanted, and as there were."""
        before = resume_state["clients"] if resume_state else 0
        if before > self._clients:
            log("keeping the sessions of before", clients=before, wanted=self._clients)
        return Inbox(self._connect(max(before, self._clients)), self._budget, self._stop)


class Outbox(StatefulSinkPartition[list[Record], None]):
    """Writes to Kafka, and does not let an epoch end before Kafka has it."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def write_batch(self, items: list[list[Record]]) -> None:
        """Lists of records. Raises DeliveryError."""
        for records in items:
            for topic, key, value, at in records:
                self._records.produce(topic, key, value, at)
            self._records.poll()
        crash.point("handed_out")

    def snapshot(self) -> None:
        """Everything is in Kafka, or DeliveryError ends this process."""
        self._records.flush()
        crash.point("flushed")


class Outboxes(FixedPartitionedSink[list[Record], None]):
    """One outbox, without a state of its own."""

    def __init__(self, connect: Callable[[], Records]) -> None:
        self._connect = connect

    def list_parts(self) -> list[str]:
        """One."""
        return ["outbox"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Outbox:  # noqa: ARG002
        """A new producer."""
        return Outbox(self._connect())


def run(flow: Dataflow, home: Path, epoch: float) -> None:
    """Run a flow until its source ends; its recovery store is in `home`, its epochs last `epoch` seconds.

    When Kafka or MQTT gave up, the process ends with EX_TEMPFAIL (75): start it again.
    """
    try:
        with recovery(home) as store:
            run_main(flow, epoch_interval=timedelta(seconds=epoch), recovery_config=store)
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, DeliveryError | SubscriptionError):
            cause = cause.__cause__
        if cause is None:
            raise
        log("gave up", error=f"{type(cause).__name__}: {cause}")
        sys.exit(os.EX_TEMPFAIL)
