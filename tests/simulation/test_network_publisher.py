"""The devices' MQTT clients lose nothing, whatever the broker does."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sources.network.publisher import MOST_UNCONFIRMED, Publisher
from tests.servers.mosquitto import Mosquitto

WAIT = 30.0


class Listener:
    """Subscribes to everything with a durable session and counts payloads."""

    def __init__(self, broker: Mosquitto) -> None:
        self.heard: Counter[bytes] = Counter()
        self.topics: dict[str, list[bytes]] = {}
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "listener", protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 600
        self._client.connect("127.0.0.1", broker.port, clean_start=False, properties=properties)
        self._client.loop_start()
        assert self._subscribed.wait(WAIT)

    def wait(self, count: int) -> None:
        """Until so many different payloads have come."""
        until = time.monotonic() + WAIT
        while len(self.heard) < count and time.monotonic() < until:
            time.sleep(0.02)
        assert len(self.heard) == count

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe("waybook/#", qos=1)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.heard[bytes(message.payload)] += 1
        self.topics.setdefault(message.topic, []).append(bytes(message.payload))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto of one's own."""
    with Mosquitto(tmp_path / "mosquitto") as server:
        yield server


@contextmanager
def publisher(broker: Mosquitto, clients: int = 3) -> Iterator[Publisher]:
    """A publisher that leaves in the end."""
    made = Publisher(broker.address, clients=clients)
    try:
        yield made
    finally:
        made.close()


def patience() -> Callable[[], bool]:
    """Gives up after a while."""
    until = time.monotonic() + WAIT
    return lambda: time.monotonic() > until


def test_messages_of_a_device_come_once_and_in_order(broker: Mosquitto) -> None:
    listener = Listener(broker)
    with publisher(broker) as out:
        for n in range(1000):
            out.publish(f"waybook/devices/pda/s/{n % 7}", b"%d" % n)
        assert out.settle(patience())
    listener.wait(1000)
    listener.close()
    assert set(listener.heard.values()) == {1}
    assert len(listener.topics) == 7
    assert all(payloads == sorted(payloads, key=int) for payloads in listener.topics.values())


def test_what_nobody_has_subscribed_to_is_sent_again(broker: Mosquitto) -> None:
    with publisher(broker) as out:
        for n in range(50):
            out.publish("waybook/devices/pda/s/1", b"%d" % n)
        until = time.monotonic() + 0.3
        assert not out.settle(lambda: time.monotonic() > until), "nobody has it, so it is not safe"
        assert out.unconfirmed == 50
        listener = Listener(broker)
        assert out.settle(patience())
    listener.wait(50)
    listener.close()


def test_a_broker_that_is_killed_loses_nothing_that_it_did_not_confirm(broker: Mosquitto) -> None:
    """What it confirmed and not delivered is the broker's own affair: the listener takes it before the kill."""
    listener = Listener(broker)
    with publisher(broker) as out:
        for n in range(300):
            out.publish(f"waybook/devices/pda/s/{n % 7}", b"%d" % n)
        assert out.settle(patience())
        listener.wait(300)
        time.sleep(1.5)  # Mosquitto saves its sessions every second
        broker.kill()
        for n in range(300, 600):
            out.publish(f"waybook/devices/pda/s/{n % 7}", b"%d" % n, lambda: True)
        assert out.unconfirmed == 300
        broker.start()
        assert out.settle(patience())
    listener.wait(600)
    listener.close()


def test_a_broker_that_is_away_is_waited_for_until_told_otherwise(broker: Mosquitto) -> None:
    broker.kill()
    asked = 0

    def give_up() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with publisher(broker) as out:
        out.publish("waybook/devices/pda/s/1", b"0", give_up)
        assert asked == 4
        assert out.unconfirmed == 1

        def bring_back() -> bool:
            if not broker.running:
                broker.start()
            return False

        out.publish("waybook/devices/pda/s/1", b"1", bring_back)
        listener = Listener(broker)
        assert out.settle(patience())
    listener.wait(2)
    listener.close()


def test_no_more_than_so_many_are_unconfirmed_unless_told(broker: Mosquitto) -> None:
    """Nobody listens, so nothing is ever safe."""
    asked = 0

    def give_up() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with publisher(broker) as out:
        for n in range(MOST_UNCONFIRMED):
            out.publish("waybook/devices/pda/s/1", b"%d" % n)
        out.publish("waybook/devices/pda/s/1", b"one more", give_up)
        assert asked == 4
        assert out.unconfirmed == MOST_UNCONFIRMED + 1
