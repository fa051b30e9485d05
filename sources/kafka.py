"""Kafka as a source of published documents: what a topic of one partition holds, from its beginning."""

from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition


class Follower:
    """Reads a topic's only partition from the beginning; `poll` gives what is new."""

    def __init__(self, kafka: str, topic: str, options: dict[str, str] | None = None) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka,
                "group.id": "waybook-unused",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                **(options or {}),
            }
        )
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])

    def poll(self, seconds: float = 0.0) -> list[bytes]:
        """New records' values, waiting at most `seconds`."""
        messages: list[Any] = self._consumer.consume(1000, seconds)
        return [message.value() or b"" for message in messages if message.error() is None]

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()
