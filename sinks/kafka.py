"""Kafka as a sink that proves delivery: `flush` returns when the brokers have everything, or raises."""

import socket
from contextlib import suppress
from typing import Any

from confluent_kafka import Producer

from schemas.away import kafka_log
from schemas.counted import counted
from schemas.settings import Settings
from schemas.topics import PARTITIONER

GIVE_UP_MS = 60_000
"""How long a record is tried while the brokers are away."""


CONNECT_S = 5
"""How long a broker has to take a connection."""


class DeliveryError(RuntimeError):
    """Kafka did not take a record; whatever depends on it must not be acknowledged."""


def producer(settings: Settings, linger_ms: int, give_up_ms: int, more: dict[str, Any]) -> Producer:
    """An idempotent producer; all brokers that must have a record confirm it. `more`: of librdkafka's options."""
    return Producer(
        {
            "bootstrap.servers": settings.kafka,
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": linger_ms,
            "partitioner": PARTITIONER,
            "queue.buffering.max.messages": 500_000,
            "message.max.bytes": 8_000_000,
            "message.timeout.ms": give_up_ms,
            "reconnect.backoff.ms": 500,
            "reconnect.backoff.max.ms": 5_000,
            **more,
            **settings.kafka_options,
        },
        logger=kafka_log(),
    )


def require(settings: Settings) -> None:
    """Raises DeliveryError at once when no broker takes a connection, for what a person waits for."""
    servers = [one.strip().rpartition("/")[2] for one in settings.kafka.split(",") if one.strip()]
    for server in servers:
        host, _, port = server.rpartition(":") if server[-1:].isdigit() else (server, "", "9092")
        with suppress(OSError, ValueError):
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
            return
    raise DeliveryError(f"{settings.kafka} takes no connection")


def sending(settings: Settings) -> "Records":
    """Records for what a person has asked for: raises DeliveryError at once, not after a minute, when Kafka is away."""
    require(settings)
    return Records(settings)


class Records:
    """An idempotent producer. Records of one key go to the partition that Java's producers choose.

    Every method raises DeliveryError once a record was given up; the producer is of no more use then.
    """

    def __init__(self, settings: Settings, linger_ms: int = 5) -> None:
        self._failed: str | None = None
        self._where = settings.kafka
        self._producer = producer(settings, linger_ms, GIVE_UP_MS, {"on_delivery": self._delivered})

    def produce(
        self, topic: str, key: str, value: bytes, at: int | None = None, partition: int | None = None
    ) -> None:
        """Send a record; `at`: its timestamp, UTC ms. Waits while the queue is full."""
        more: dict[str, Any] = {} if at is None else {"timestamp": at}
        if partition is not None:
            more["partition"] = partition
        while True:
            try:
                self._producer.produce(topic, value, key, **more)
                return
            except BufferError:
                self._producer.poll(0.05)
                self._check()

    def poll(self) -> None:
        """Take delivery reports."""
        self._producer.poll(0)
        self._check()

    def flush(self) -> None:
        """Wait until everything is in Kafka."""
        left = self._producer.flush(GIVE_UP_MS / 1000 + 30)
        self._check()
        if left:
            raise DeliveryError(f"{counted(left, 'record is', 'records are')} still on the way")

    def _check(self) -> None:
        if self._failed is not None:
            raise DeliveryError(self._failed)

    def _delivered(self, error: Any, _message: Any) -> None:
        if error is not None and self._failed is None:
            self._failed = f"{self._where} has not taken a record: {error.str()}"
