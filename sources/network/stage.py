"""Plays the script: publishes every cue at its simulated time through MQTT and Kafka, no faster than the books.

Simulated time runs `speed` times as fast as the clock and stands still while the flows are behind: an
in-memory broker drops what nobody has read. Told to stop, it creates no more parcels and lets time jump from
cue to cue until those on the way have arrived, then passes a day so that every deadline has come.
"""

import heapq
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
from confluent_kafka import Producer
from paho.mqtt.enums import CallbackAPIVersion

from schemas import topics
from schemas.events import NetworkPublished, TariffPublished, Tick
from schemas.identity import version_of
from schemas.settings import Settings
from schemas.times import DAY, HOUR
from sources.network.directory import World
from sources.network.life import live, next_order
from sources.network.script import Cue, Script
from sources.network.truth import Truth

START = 1_762_819_200_000
"""2025-11-11 08:00 in Shanghai: the morning of the year's busiest day."""
MOST_UNCONFIRMED = 3_000
"""Messages that MQTT has not acknowledged to us."""


class Devices:
    """MQTT clients that stand for all devices."""

    def __init__(self, address: str, clients: int = 4) -> None:
        host, _, port = address.rpartition(":")
        self._lock = threading.Lock()
        self._open = 0
        self._clients = [self._client(host, int(port), n) for n in range(clients)]

    def publish(self, cue: Cue) -> None:
        """QoS 1; waits while too much is unconfirmed."""
        while self._open > MOST_UNCONFIRMED:
            time.sleep(0.01)
        with self._lock:
            self._open += 1
        self._clients[hash_of(cue.topic) % len(self._clients)].publish(cue.topic, cue.payload, qos=1)

    def settle(self, seconds: float = 60) -> bool:
        """Wait until all is confirmed."""
        until = time.monotonic() + seconds
        while self._open and time.monotonic() < until:
            time.sleep(0.02)
        return not self._open

    def close(self) -> None:
        """Leave."""
        for client in self._clients:
            client.disconnect()
            client.loop_stop()

    def _client(self, host: str, port: int, number: int) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, f"network-{number}", protocol=paho.MQTTv5)
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(1, 5)

        def on_publish(*_: Any) -> None:
            with self._lock:
                self._open -= 1

        client.on_publish = on_publish
        client.connect_async(host, port, clean_start=True)
        client.loop_start()
        return client


def hash_of(text: str) -> int:
    """A number that is the same in every run."""
    return sum(text.encode())


class Stage:
    """The whole network, live."""

    def __init__(
        self,
        world: World,
        script: Script,
        settings: Settings,
        truth: Truth,
        seed: int,
        rate: float,
        speed: float,
    ) -> None:
        self.world, self.script, self.truth, self.seed = world, script, truth, seed
        self.rate, self.speed = rate, speed
        self.devices = Devices(settings.mqtt)
        self.producer = Producer(
            {
                "bootstrap.servers": settings.kafka,
                "linger.ms": 5,
                "compression.type": "lz4",
                "partitioner": topics.PARTITIONER,
                "enable.idempotence": True,
                "message.max.bytes": 8_000_000,
                **settings.kafka_options,
            }
        )
        self.now = START
        self.published = self.parcels = self.orders = 0
        self._cues: list[Cue] = []

    def open(self, tariff: dict[str, str]) -> None:
        """Publish the directory and the tariff book."""
        network, version = version_of(self.world.files), version_of(tariff)
        documents: tuple[Any, ...] = (
            NetworkPublished(id=f"network-{network}", time=START, version=network, files=self.world.files),
            TariffPublished(
                id=f"tariff-{version}", time=START, version=version, name="simulated", files=tariff
            ),
        )
        for document in documents:
            self.producer.produce(topics.CONTROL.name, msgspec.json.encode(document), partition=0)
        self.tick()
        self.producer.flush()

    def tick(self) -> None:
        """Let data time pass to the simulated now."""
        tick = Tick(id=f"tick-{self.now}", time=self.now)
        self.producer.produce(topics.TICKS.name, msgspec.json.encode(tick), partition=0)
        self.producer.flush(10)

    def play(self, most: int | None, stopping: Callable[[], bool], behind: Callable[[], bool]) -> None:
        """Create parcels and publish cues until told to stop or `most` parcels are on the way."""
        created, per_hour = self.now, self.rate * 3_600_000 / self.speed / 1000
        last = time.monotonic()
        while not stopping() and (most is None or self.parcels < most):
            time.sleep(0.05)
            now = time.monotonic()
            if not behind():
                self.now += int((now - last) * 1000 * self.speed)
            last = now
            while created <= self.now and (most is None or self.parcels < most):
                self._create(created)
                created = next_order(created, per_hour)
            self.tick()
            self._publish_until(self.now, behind)

    def finish(self, stopping: Callable[[], bool], behind: Callable[[], bool]) -> None:
        """Let what is on the way arrive, then a day pass. `stopping`: give up."""
        while self._cues and not stopping():
            if behind():
                time.sleep(0.02)
                continue
            self.now = max(self.now, self._cues[0].at + HOUR)
            self.tick()
            self._publish_until(self.now, behind, 2_000)
        self.devices.settle()

    def end(self) -> None:
        """Everything has been read: now pass the time in which deadlines come."""
        self.now += 2 * DAY
        self.tick()
        self.producer.flush()

    def _create(self, at: int) -> None:
        self.parcels += 1
        parcel, r = live(self.world, self.parcels, at, self.seed)
        for cue in self.script.cues(parcel, r):
            heapq.heappush(self._cues, cue)

    def _publish_until(self, now: int, behind: Callable[[], bool], most: int = 100_000) -> None:
        done = 0
        while self._cues and self._cues[0].at <= now and done < most:
            cue = heapq.heappop(self._cues)
            self.truth.add(cue)
            if cue.topic:
                self.devices.publish(cue)
            else:
                self.orders += 1
                self.producer.produce(topics.ORDERS.name, cue.payload, cue.waybill)
            self.published += 1
            done += 1
            if done % 500 == 0 and behind():
                break
        self.producer.poll(0)
        self.truth.flush()


def read_tariff(directory: Path) -> dict[str, str]:
    """A tariff book's files."""
    return {
        file.name: file.read_text("utf-8")
        for file in sorted(directory.iterdir())
        if file.suffix in (".toml", ".csv")
    }
