"""Kafka as a sink of single records, each confirmed to whoever sent it: for servers that answer when it is there.

Records of concurrent senders travel in common batches. Unlike `sinks.kafka.Records` the loss of one record is
that record's alone.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial

from confluent_kafka import KafkaError, KafkaException

from schemas.settings import Settings
from sinks.kafka import DeliveryError, producer

GIVE_UP_MS = 4_000
"""How long a record is tried: channels wait five seconds for an answer and try again later."""
LINGER_MS = 3
POLL = 0.1
"""Seconds after which the thread looks whether it should end."""

Report = tuple[asyncio.Future[None], KafkaError | None]
"""Who waits, and what became of the record; None: it is there."""


class Confirmed:
    """A producer for one event loop. `failed` is called, from another thread, when it can never send again."""

    def __init__(
        self, settings: Settings, failed: Callable[[str], object], give_up_ms: int = GIVE_UP_MS
    ) -> None:
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._producer = producer(settings, LINGER_MS, give_up_ms, {"error_cb": self._error})
        self._reports: list[Report] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="confirmations", daemon=True)
        self._thread.start()

    async def send(self, topic: str, key: str, value: bytes) -> None:
        """Return when all brokers that must have the record have it. Raises DeliveryError: it may be lost."""
        future: asyncio.Future[None] = self._loop.create_future()
        try:
            self._producer.produce(topic, value, key, on_delivery=partial(self._delivered, future))
        except (BufferError, KafkaException) as error:
            raise DeliveryError(str(error)) from None
        await future

    async def close(self) -> None:
        """Wait until what is on its way has arrived or was given up, then leave Kafka."""
        self._ending.set()
        await asyncio.to_thread(self._thread.join)

    def _listen(self) -> None:
        while not self._ending.is_set() or len(self._producer):
            self._producer.poll(POLL)  # calls `_delivered` for all that is confirmed by now
            if self._reports:
                reports, self._reports = self._reports, []
                self._loop.call_soon_threadsafe(_settle, reports)

    def _delivered(self, future: asyncio.Future[None], error: KafkaError | None, _message: object) -> None:
        self._reports.append((future, error))

    def _error(self, error: KafkaError) -> None:
        if error.fatal():
            self._failed(str(error))


def _settle(reports: list[Report]) -> None:
    for future, error in reports:
        if future.done():  # whoever waited has left
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(DeliveryError(str(error)))
