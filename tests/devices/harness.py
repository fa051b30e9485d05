"""A device flow between a real Mosquitto and a real Kafka, devices that publish, and what Kafka holds."""

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import paho.mqtt.client as paho
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from schemas import topics
from schemas.events import AnyEvent, NetworkPublished
from schemas.settings import Settings, to_environment
from tests.governance.material import FILES
from tests.servers.install import ROOT
from tests.servers.kafka import Kafka
from tests.servers.process import Server

PARTITIONS = 4
OUT = (topics.DEVICES.name, topics.DEAD_LETTERS.name)


def prepare(kafka: Kafka) -> None:
    """All topics, and the directory in its."""
    admin = AdminClient({"bootstrap.servers": kafka.address})
    made = admin.create_topics(
        [NewTopic(t.name, PARTITIONS if t.partitioned else 1, 1) for t in topics.TOPICS]
    )
    for future in made.values():
        future.result(30)
    document = NetworkPublished(id="network-1", time=1, version="1", files=FILES)
    producer = Producer({"bootstrap.servers": kafka.address})
    producer.produce(topics.CONTROL.name, msgspec.json.encode(document), partition=0)
    assert producer.flush(30) == 0


class Addressed(Protocol):
    """A Kafka that is somewhere."""

    @property
    def address(self) -> str:
        """Bootstrap server."""


class DeviceFlow(Server):
    """The flow's process. `crash`: the points at which it dies from its next start on, and how likely."""

    forks = True

    def __init__(self, directory: Path, settings: Settings, number: int = 0) -> None:
        super().__init__(directory)
        self.settings, self.number = settings, number
        self.crash = ""
        self.starts = 0

    def command(self) -> list[str]:
        """The device flow."""
        return [sys.executable, "-m", "flows.devices", str(self.number)]

    def environment(self) -> dict[str, str]:
        """Its settings, and the points at which it dies."""
        own = {"PYTHONPATH": str(ROOT), "WAYBOOK_CRASH": self.crash}
        return {**super().environment(), **to_environment(self.settings), **own}

    def ready(self) -> bool:
        """Nobody waits for it."""
        return True

    def start(self, wait: float = 60.0) -> None:
        """Start, and count the starts."""
        self.starts += 1
        super().start(wait)

    def tend(self) -> None:
        """Start it again if it has ended, as a supervisor would."""
        if not self.running:
            self.start()

    def log(self) -> list[dict[str, Any]]:
        """What it has said; lines that are no JSON are a failure of their own."""
        lines = (self.directory / "server.log").read_text("utf-8").splitlines()
        return [msgspec.json.decode(line) for line in lines]

    def said(self, event: str, **fields: object) -> int:
        """How many lines of the log tell this event with these fields."""
        return sum(
            line["event"] == event and all(line.get(name) == value for name, value in fields.items())
            for line in self.log()
        )

    def subscribed(self) -> bool:
        """Whether the broker has confirmed the subscriptions of all of its clients, from when on nothing is missed."""
        return self.said("mqtt subscribed") >= self.settings.mqtt_clients


class Devices:
    """A client that publishes for all devices, and does not give up a message before the broker has it."""

    def __init__(self, address: str, name: str) -> None:
        host, _, port = address.rpartition(":")
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 3600
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        self._client.max_inflight_messages_set(500)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._confirmed
        self._client.connect_async(host, int(port), clean_start=False, properties=session)
        self._client.loop_start()
        self._open = 0
        self._lock = threading.Lock()

    def _confirmed(self, *_: object) -> None:
        with self._lock:
            self._open -= 1

    def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Hand a message to the client, which sends it when it can."""
        with self._lock:
            self._open += 1
        self._client.publish(f"{topics.MQTT_ROOT}/{topic}", payload, qos)

    def settle(self) -> None:
        """Wait until the broker has all."""
        until(lambda: not self._open, "everything published", 60)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


class Records:
    """What has been added to the flow's topics since this was built."""

    def __init__(self, kafka: Addressed) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": kafka.address, "group.id": "test", "enable.auto.commit": False}
        )
        parts = [TopicPartition(topic, n) for topic in OUT for n in range(PARTITIONS)]
        until(lambda: all(map(self._at_the_end, parts)), "the topics answer")
        self._consumer.assign(parts)
        self.values: dict[str, list[bytes]] = defaultdict(list)
        """By the event's id: the records as they came."""
        self.partitions: dict[str, set[int | None]] = defaultdict(set)
        """By key."""
        self.stamps: dict[str, int] = {}
        """By the event's id: the newest record's timestamp."""

    def _at_the_end(self, part: TopicPartition) -> bool:
        """Begin where the partition ends now; a topic that was just made may have no leader yet."""
        try:
            part.offset = self._consumer.get_watermark_offsets(part, timeout=10)[1]
        except KafkaException:
            return False
        return True

    def read(self, seconds: float = 0.0) -> "Records":
        """Take what is there."""
        for message in self._consumer.consume(10_000, max(seconds, 0.05)):
            assert message.error() is None
            raw, key = message.value() or b"", (message.key() or b"").decode()
            event = msgspec.json.decode(raw, type=AnyEvent)
            assert key == getattr(event, "waybill", event.id)
            self.values[event.id].append(raw)
            self.partitions[key].add(message.partition())
            self.stamps[event.id] = message.timestamp()[1]
        return self

    def events(self) -> dict[str, Any]:
        """Each id's event. What came twice must say the same."""
        for raws in self.values.values():
            assert len({stable(raw) for raw in raws}) == 1, raws
        return {name: msgspec.json.decode(raws[0], type=AnyEvent) for name, raws in self.values.items()}

    def repeats(self) -> int:
        """How many records came twice."""
        return sum(len(raws) - 1 for raws in self.values.values())

    def wait_for(self, count: int, seconds: float = 60) -> "Records":
        """Until there are `count` different ids."""
        end = time.monotonic() + seconds
        while len(self.values) < count:
            self.read(0.1)
            assert time.monotonic() < end, f"{len(self.values)} of {count} came"
        return self

    def close(self) -> None:
        """Leave."""
        self._consumer.close()


def stable(raw: bytes) -> bytes:
    """A record without the time at which a dead letter's message arrived."""
    event = msgspec.json.decode(raw)
    if event["type"] == "dead_letter":
        del event["time"]
    return msgspec.json.encode(event)


def scan(number: int, code: str = "IN") -> tuple[str, bytes, str]:
    """Topic, payload and event id of a belt scanner's message."""
    seq = f"t{number:06d}"
    body = {
        "seq": seq,
        "code": f"YT{7_500_000_000_000 + number % 997}",
        "event": code,
        "t": 1762821000000 + number,
    }
    return "sorter/SZH1/b1", msgspec.json.encode(body), f"sorter-{seq}"


def weigh(number: int) -> tuple[str, bytes]:
    """Topic and payload of a DWS machine's message that has no id of its own."""
    body = {
        "Barcode": f"YT{7_500_000_000_000 + number % 997}",
        "Weight": f"{number % 40}.{number % 997 + 1:03d}5",
        "ScannedAt": f"2025-11-11 {number % 24:02d}:{number % 60:02d}:{number // 60 % 60:02d}",
        "ParcelId": number,
    }
    return "dws-cm/SZH1/line-1", msgspec.json.encode(body)


def until(happened: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)
