"""The ticker: writes the passing of time to Kafka, so that what waits for a moment need not wait for input.

python -m sources.ticker [--period SECONDS]        settings from the environment: see schemas.settings

One is enough; a second one does no harm, since lanes run on the largest tick that they have read. The simulated
network writes its own ticks, of simulated time.
"""

import argparse
import signal
import threading
import time

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from schemas import topics
from schemas.away import kafka_log
from schemas.events import Tick
from schemas.settings import Settings, from_environment


class ProducerError(RuntimeError):
    """Kafka has not taken a record, in spite of all retries."""


class Kafka:
    """A producer that finds a waybill's partition as everybody does, waits while its queue is full, and fails
    loudly when a record cannot be delivered."""

    def __init__(self, settings: Settings) -> None:
        self._error = ""
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka,
                "linger.ms": 5,
                "compression.type": "lz4",
                "partitioner": topics.PARTITIONER,
                "enable.idempotence": True,
                "message.max.bytes": 8_000_000,
                "on_delivery": self._delivered,
                **settings.kafka_options,
            },
            logger=kafka_log(),
        )

    def send(self, topic: str, value: bytes, key: str = "", partition: int = -1) -> None:
        """Queue a record. Raises ProducerError if an earlier one is lost."""
        while True:
            try:
                self._producer.produce(topic, value, key or None, partition)
                break
            except BufferError:
                self.poll(0.1)
        self.poll(0)

    def poll(self, seconds: float) -> None:
        """Let deliveries be reported."""
        self._producer.poll(seconds)
        if self._error:
            raise ProducerError(self._error)

    def flush(self, seconds: float) -> bool:
        """Whether everything is with Kafka, after waiting at most so long."""
        left: int = self._producer.flush(seconds)
        self.poll(0)
        return left == 0

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._error = f"{message.topic()}: {error}"


def send_tick(kafka: Kafka, time_ms: int) -> None:
    """Time has passed to `time_ms` (UTC milliseconds)."""
    tick = Tick(id=f"tick-{time_ms}", time=time_ms)
    kafka.send(topics.TICKS.name, msgspec.json.encode(tick), partition=0)


def main() -> None:
    """Tick until told to stop."""
    parser = argparse.ArgumentParser(prog="sources.ticker")
    parser.add_argument("--period", type=float, default=0.25, help="seconds between ticks")
    period = parser.parse_args().period
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    kafka = Kafka(from_environment())
    while not stop.wait(period):
        send_tick(kafka, time.time_ns() // 1_000_000)
    kafka.flush(5)


if __name__ == "__main__":
    main()
