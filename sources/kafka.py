"""Kafka as a source of published documents: what a topic of one partition holds, from its beginning."""

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.away import kafka_log

LAST = -2001
"""The newest record: librdkafka's RD_KAFKA_OFFSET_TAIL(1)."""


class Follower:
    """Reads a topic's only partition from the beginning, or from its newest record; `poll` gives what is new.

    A topic that does not exist yet, or a broker that is away, has nothing new.
    """

    def __init__(
        self, kafka: str, topic: str, options: dict[str, str] | None = None, *, only_newest: bool = False
    ) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka,
                "group.id": "waybook-unused",  # the client wants one; nothing is committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "topic.metadata.refresh.interval.ms": 5_000,
                "reconnect.backoff.ms": 500,
                "reconnect.backoff.max.ms": 5_000,
                **(options or {}),
            },
            logger=kafka_log(),
        )
        self.at_end = False
        """Whether everything that was there has been read once."""
        self._topic = topic
        self._consumer.assign([TopicPartition(topic, 0, LAST if only_newest else OFFSET_BEGINNING)])

    def poll(self, seconds: float = 0.0) -> list[bytes]:
        """New records' values, waiting at most `seconds` for the topic's end."""
        until = time.monotonic() + seconds
        values: list[bytes] = []
        while True:
            message: Message | None = self._consumer.poll(max(0.0, until - time.monotonic()))
            if message is None:
                return values
            error = message.error()
            if error is None:
                values.append(message.value() or b"")
            elif error.code() == KafkaError._PARTITION_EOF:
                self.at_end = True
                return values

    def is_missing(self, seconds: float) -> bool:
        """Whether Kafka says that there is no such topic; one that is away says nothing."""
        try:
            return self._topic not in self._consumer.list_topics(timeout=seconds).topics
        except KafkaException:
            return False

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()


def newest(
    kafka: str, topic: str, options: dict[str, str] | None = None, seconds: float = 10
) -> bytes | None:
    """The newest record of a topic's only partition; None: there is none, or Kafka is away."""
    return _record(kafka, topic, -1, options, seconds)


def record_at(
    kafka: str, topic: str, offset: int, options: dict[str, str] | None = None, seconds: float = 10
) -> bytes | None:
    """The record of a topic's only partition at an offset; None: it is not there any more, or Kafka is away."""
    return _record(kafka, topic, offset, options, seconds)


def _record(
    kafka: str, topic: str, offset: int, options: dict[str, str] | None, seconds: float
) -> bytes | None:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "waybook-unused",
            "enable.auto.commit": False,
            **(options or {}),
        },
        logger=kafka_log(),
    )
    try:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=seconds)
        wanted = end - 1 if offset < 0 else offset
        if not first <= wanted < end:
            return None
        consumer.assign([TopicPartition(topic, 0, wanted)])
        message: Message | None = consumer.poll(seconds)
        return message.value() if message is not None and message.error() is None else None
    except KafkaException:
        return None
    finally:
        consumer.close()
