"""The embedded MQTT broker keeps its one promise: what is not acknowledged comes again."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from deploy.embedded.mqtt.sessions import matches
from tests.servers.install import ROOT
from tests.servers.process import Server

MESSAGES = 4_000


class Broker(Server):
    """The embedded broker's process."""

    def command(self) -> list[str]:
        """On any free port."""
        return [sys.executable, "-m", "deploy.embedded.mqtt", "--port-file", str(self.directory / "address")]

    def environment(self) -> dict[str, str]:
        """Our own packages on the path."""
        return {**super().environment(), "PYTHONPATH": str(ROOT)}

    def ready(self) -> bool:
        """Once it says where it is."""
        return (self.directory / "address").exists()

    @property
    def port(self) -> int:
        """Its port."""
        return int((self.directory / "address").read_text().rpartition(":")[2])


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker."""
    with Broker(tmp_path_factory.mktemp("mqtt")) as server:
        assert isinstance(server, Broker)
        yield server


class Client:
    """A subscriber that acknowledges when it is told to."""

    def __init__(self, broker: Broker, name: str, topic: str, durable: bool = True) -> None:
        self.got: list[paho.MQTTMessage] = []
        self.subscribed = threading.Event()
        self.session_present = False
        self.client = paho.Client(CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5, manual_ack=True)
        self.client.on_message = lambda *arguments: self.got.append(arguments[2])
        self.client.on_subscribe = lambda *_: self.subscribed.set()

        def on_connect(client: paho.Client, _data: Any, flags: Any, _reason: Any, _more: Any) -> None:
            self.session_present = flags.session_present
            client.subscribe(topic, qos=1)

        self.client.on_connect = on_connect
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600 if durable else 0
        properties.ReceiveMaximum = 65_535
        self.client.connect("127.0.0.1", broker.port, clean_start=False, properties=properties)
        self.client.loop_start()
        assert self.subscribed.wait(10)

    def acknowledge(self, most: int | None = None) -> int:
        """Acknowledge what came; how much."""
        taken = self.got[:most]
        for message in taken:
            self.client.ack(message.mid, 1)
        return len(taken)

    def vanish(self) -> None:
        """End the connection without a word."""
        self.client.loop_stop()
        sock = self.client.socket()
        if sock is not None:
            sock.close()

    def wait(self, count: int) -> None:
        """Until so many have come."""
        until = time.monotonic() + 30
        while len(self.got) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.got) >= count


def publish(broker: Broker, topic: str, count: int) -> None:
    """Publish 0, 1, 2… at QoS 1, until all is confirmed."""
    client = paho.Client(CallbackAPIVersion.VERSION2, f"p-{topic}", protocol=paho.MQTTv5)
    client.max_inflight_messages_set(1000)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    sent = [client.publish(topic, str(n), qos=1) for n in range(count)]
    for each in sent:
        each.wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def test_unacknowledged_messages_come_again_in_order_and_flagged(broker: Broker) -> None:
    one = Client(broker, "again", "again/#")
    publish(broker, "again/x", MESSAGES)
    one.wait(MESSAGES)
    assert one.acknowledge(1_000) == 1_000
    time.sleep(0.3)
    one.vanish()
    two = Client(broker, "again", "again/#")
    assert two.session_present
    two.wait(MESSAGES - 1_000)
    assert [int(message.payload) for message in two.got] == list(range(1_000, MESSAGES))
    assert all(message.dup for message in two.got)
    two.vanish()


def test_a_durable_session_is_owed_what_came_while_it_was_away(broker: Broker) -> None:
    Client(broker, "away", "away/+/x").vanish()
    time.sleep(0.2)
    publish(broker, "away/1/x", 500)
    back = Client(broker, "away", "away/+/x")
    back.wait(500)
    assert [int(message.payload) for message in back.got] == list(range(500))
    back.vanish()


def test_a_group_shares_and_loses_nothing_when_a_member_leaves(broker: Broker) -> None:
    members = [Client(broker, f"member-{n}", "$share/group/shared/#", durable=n != 0) for n in range(3)]
    publish(broker, "shared/x", 3_000)
    until = time.monotonic() + 20
    while sum(len(member.got) for member in members) < 3_000 and time.monotonic() < until:
        time.sleep(0.01)
    assert all(len(member.got) > 500 for member in members)
    members[0].vanish()
    until = time.monotonic() + 20
    while time.monotonic() < until and len({m.payload for each in members[1:] for m in each.got}) < 3_000:
        time.sleep(0.01)
    assert len({m.payload for each in members[1:] for m in each.got}) == 3_000
    for member in members[1:]:
        member.vanish()


@pytest.mark.parametrize(
    ("wanted", "topic", "fits"),
    [
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("+/b", "a/b", True),
        ("a", "b", False),
    ],
)
def test_filters(wanted: str, topic: str, fits: bool) -> None:
    assert matches(wanted.split("/"), topic.split("/")) is fits


def test_nonsense_closes_its_own_connection_only(broker: Broker) -> None:
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\x10\x04\x00\x04MQ", b"\x30\x05hello", bytes(range(256))):
        with socket.create_connection(("127.0.0.1", broker.port)) as sock:
            sock.sendall(nonsense)
            sock.settimeout(1)
            with contextlib.suppress(OSError):
                assert sock.recv(10) == b""
    publish(broker, "still/there", 10)
    assert Path(broker.directory / "server.log").read_text() == ""
