"""A gate asks over a real Mosquitto whether goods may enter, and hears yes or why not."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
import pytest
from confluent_kafka import Producer
from paho.mqtt.enums import CallbackAPIVersion

from schemas import topics
from schemas.events import Answer, Command, Event
from schemas.settings import Settings
from schemas.topics import MQTT_ANSWERS, MQTT_ROOT
from tests.bench.workload import create_topics
from tests.crash.harness import AccountLane
from tests.devices.harness import DeviceFlow
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.store import Store
from tests.storage.world import moment, network, tick

PARTITIONS = 4


class GateFlow(DeviceFlow):
    """The flow that answers gates."""

    def command(self) -> list[str]:
        """Kafka → MQTT."""
        return [sys.executable, "-m", "flows.gates"]


class Gate:
    """A gate of a store: asks, and listens."""

    def __init__(self, address: str, name: str) -> None:
        host, _, port = address.rpartition(":")
        self.name, self.heard = name, list[Answer]()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        self._client.on_message = lambda _c, _d, message: self.heard.append(
            msgspec.json.decode(message.payload, type=Answer)
        )
        self._client.on_connect = lambda client, *_: client.subscribe(f"{MQTT_ANSWERS}/SH-A/{name}", qos=1)
        self._client.connect(host, int(port))
        self._client.loop_start()

    def ask(self, number: str, owner: str, expected: str = "") -> None:
        """May this owner's goods enter?"""
        body: dict[str, Any] = {"msgNo": number, "op": "询问", "stayNo": f"ST-{number}", "owner": owner}
        body |= {"at": "2025-11-11 08:00:00", "expected": expected}
        sent = self._client.publish(
            f"{MQTT_ROOT}/store-gate/SH-A/{self.name}", msgspec.json.encode(body), qos=1
        )
        sent.wait_for_publish(30)

    def answers(self, number: str, times: int = 1) -> list[Answer]:
        """What was said to a question, once it was said so often."""
        until = time.monotonic() + 90
        while time.monotonic() < until:
            found = [one for one in list(self.heard) if one.id == f"store-gate-{number}"]
            if len(found) >= times:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{number}: heard {self.heard}")

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


class Place:
    """Everything between a gate and the balance of whoever owns the goods."""

    def __init__(self, directory: Path, kafka: Kafka, broker: Mosquitto, store: Store) -> None:
        self.settings = Settings(
            kafka=kafka.address,
            mqtt=broker.address,
            clickhouse=store.url,
            home=directory / "home",
            partitions=PARTITIONS,
            period=0.05,
            epoch=0.5,
        )
        self._out = Producer({"bootstrap.servers": kafka.address, "partitioner": topics.PARTITIONER})
        create_topics(kafka.address, PARTITIONS)
        self.tell(network(meat="C-MEAT,credit,100,"), tick(moment("11日08:00")))
        self.devices = DeviceFlow(directory / "devices", self.settings)
        self.accounts = AccountLane(directory / "accounts", 1000, self.settings)
        self.gates = GateFlow(directory / "gates", self.settings)
        self.parts = (self.devices, self.accounts, self.gates)
        for part in self.parts:
            part.start()
        while not self.devices.subscribed():
            time.sleep(0.05)

    def tell(self, *events: Event) -> None:
        """Documents, ticks and commands."""
        for event in events:
            raw = msgspec.json.encode(event)
            if isinstance(event, Command):
                self._out.produce(topics.COMMANDS.name, raw, event.subject)
            else:
                topic = topics.TICKS if "tick" in event.id else topics.CONTROL
                self._out.produce(topic.name, raw, partition=0)
        assert self._out.flush(30) == 0


@pytest.fixture
def place(tmp_path: Path, kafka: Kafka) -> Iterator[tuple[Place, Gate]]:
    """A store with its gate, and all flows between the two."""
    store = Store(tmp_path / "store")
    with Mosquitto(tmp_path / "broker") as broker:
        assert isinstance(broker, Mosquitto)
        store.start()
        made, gate = Place(tmp_path, kafka, broker, store), Gate(broker.address, "gate-1")
        try:
            yield made, gate
        finally:
            gate.close()
            for part in made.parts:
                part.kill()
            store.kill()


def test_a_gate_hears_whether_goods_may_enter(place: tuple[Place, Gate]) -> None:
    made, gate = place
    gate.ask("q1", "C-FISH")
    gate.ask("q2", "C-MEAT")
    gate.ask("q3", "NOBODY")
    gate.ask("q4", "C-MEAT", "100.01")
    gate.ask("q5", "C-MEAT", "100")
    said = {number: gate.answers(number)[0] for number in ("q1", "q2", "q3", "q4", "q5")}
    assert {number: (one.accepted, one.reason) for number, one in said.items()} == {
        "q1": (False, "insufficient_balance"),
        "q2": (True, ""),
        "q3": (False, "unknown_party"),
        "q4": (False, "over_limit"),
        "q5": (True, ""),
    }
    assert {one.reply_to for one in said.values()} == {"SH-A/gate-1"}
    assert (said["q2"].subject, said["q2"].available_e4) == ("C-MEAT", 1_000_000)

    paid = Command(
        id="m1",
        time=moment("11日08:00"),
        name="top_up",
        subject="C-FISH",
        actor="test",
        body=msgspec.Raw(b'{"amount_e4":10000}'),
    )
    made.tell(paid)
    made.gates.kill()
    gate.ask("q6", "C-FISH")
    gate.ask("q1", "C-FISH")  # again: the answer is the same, whatever has become of the balance
    time.sleep(1)
    made.gates.start()
    assert gate.answers("q6")[0].accepted
    assert {one.reason for one in gate.answers("q1", 2)} == {"insufficient_balance"}
    made.gates.crash = "said:0.5,confirmed:0.3"
    for number in range(7, 12):
        made.gates.kill()
        made.gates.start()
        gate.ask(f"q{number}", "C-MEAT")
        until = time.monotonic() + 60
        while time.monotonic() < until and not any(one.id == f"store-gate-q{number}" for one in gate.heard):
            made.gates.tend()
            time.sleep(0.05)
        assert gate.answers(f"q{number}")[0].accepted
