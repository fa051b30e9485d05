"""From Kafka to MQTT, at least once: a record is passed over only when what became of it is with the broker.

The source remembers how far it has read, the sink does not let an epoch end before MQTT has confirmed everything,
and Bytewax commits both together. So a process that dies says again what it said in its last epoch; whoever listens
knows the repeat by its id.
"""

from collections.abc import Callable
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from flows.engine import crash
from flows.engine.log import log
from flows.engine.stop import Stop
from schemas.away import kafka_log
from schemas.settings import Settings
from sinks.mqtt import Messages

AT_ONCE = 1_000
"""Records in a batch."""
WAIT = 0.05
"""Seconds to wait for a record before Bytewax may look whether the epoch is over."""

Said = tuple[str, bytes]
"""Topic and payload of an MQTT message."""
Offsets = dict[int, int]
"""By partition: where to go on."""


class Reader(StatefulSourcePartition[Any, Offsets]):
    """Hands out a topic's records; its state is how far it has come."""

    def __init__(self, settings: Settings, topic: str, offsets: Offsets, stop: Stop) -> None:
        self._offsets, self._stop = offsets, stop
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka,
                "group.id": "waybook-unused",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "topic.metadata.refresh.interval.ms": 5_000,
                **settings.kafka_options,
            },
            logger=kafka_log(),
        )
        self._consumer.assign(
            [
                TopicPartition(topic, partition, offsets.get(partition, OFFSET_BEGINNING))
                for partition in range(settings.partitions)
            ]
        )

    def next_batch(self) -> list[tuple[str, list[bytes]]]:
        """What has come since."""
        if self._stop.asked:
            raise StopIteration
        values = []
        for message in self._consumer.consume(AT_ONCE, WAIT):
            error, partition, offset = message.error(), message.partition(), message.offset()
            if error is None and partition is not None and offset is not None:
                values.append(message.value() or b"")
                self._offsets[partition] = offset + 1
            elif error is not None and error.code() not in (
                KafkaError._PARTITION_EOF,
                KafkaError.UNKNOWN_TOPIC_OR_PART,
            ):
                log("kafka", error=str(error))
        return [("all", values)] if values else []

    def snapshot(self) -> Offsets:
        """How far it has come."""
        return dict(self._offsets)

    def close(self) -> None:
        """Leave Kafka; also called after a failure."""
        self._consumer.close()


class Readers(FixedPartitionedSource[Any, Offsets]):
    """One reader of all of a topic's partitions."""

    def __init__(self, settings: Settings, topic: str, stop: Stop) -> None:
        self._settings, self._topic, self._stop = settings, topic, stop

    def list_parts(self) -> list[str]:
        """One."""
        return [self._topic]

    def build_part(self, step_id: str, for_part: str, resume_state: Offsets | None) -> Reader:  # noqa: ARG002
        """Go on where the recovery store was."""
        return Reader(self._settings, self._topic, dict(resume_state or {}), self._stop)


class Voice(StatefulSinkPartition[list[Said], None]):
    """Says everything over MQTT, and does not let an epoch end before the broker has it."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def write_batch(self, items: list[list[Said]]) -> None:
        """Lists of messages."""
        for said in items:
            for topic, payload in said:
                self._messages.publish(topic, payload)
        crash.point("said")

    def snapshot(self) -> None:
        """Everything is with the broker, or DeliveryError ends this process."""
        self._messages.flush()
        crash.point("confirmed")

    def close(self) -> None:
        """Leave the broker."""
        self._messages.close()


class Voices(FixedPartitionedSink[list[Said], None]):
    """One voice, without a state of its own."""

    def __init__(self, connect: Callable[[], Messages]) -> None:
        self._connect = connect

    def list_parts(self) -> list[str]:
        """One."""
        return ["voice"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> Voice:  # noqa: ARG002
        """A new client."""
        return Voice(self._connect())
