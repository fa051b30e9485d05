"""The clients of Kafka and MQTT fail loudly."""

import socket
import threading

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from deploy.embedded.mqtt import packets
from schemas import topics
from schemas.settings import Settings
from sinks.kafka import DeliveryError, Records
from sources.mqtt import Subscriber, SubscriptionError
from tests.devices.harness import PARTITIONS, until
from tests.servers.kafka import Kafka


def test_a_record_that_kafka_does_not_take(log_: Kafka) -> None:
    options = {"message.timeout.ms": "1000", "topic.metadata.propagation.max.ms": "0"}
    records = Records(Settings(kafka=log_.address, kafka_options=options))
    records.produce("no.such.topic", "key", b"value")
    with pytest.raises(DeliveryError):
        records.flush()
    records.produce(topics.DEVICES.name, "key", b"value")
    with pytest.raises(DeliveryError):  # it stays failed: nobody may think that all is well
        records.flush()


MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
}
"""Java's murmur2 of some keys, as Kafka's own tests have them."""


def test_a_key_goes_where_javas_producers_send_it(log_: Kafka) -> None:
    records = Records(Settings(kafka=log_.address))
    consumer = Consumer({"bootstrap.servers": log_.address, "group.id": "keys"})
    parts = [TopicPartition(topics.COMMANDS.name, n, OFFSET_BEGINNING) for n in range(PARTITIONS)]
    consumer.assign(parts)
    for key in MURMUR2:
        records.produce(topics.COMMANDS.name, key, b"")
    records.flush()
    found: dict[str, int | None] = {}

    def all_found() -> bool:
        if (message := consumer.poll(1)) is not None:
            found[(message.key() or b"").decode()] = message.partition()
        return len(found) == len(MURMUR2)

    until(all_found, "every key")
    consumer.close()
    assert found == {key: (hashed & 0x7FFFFFFF) % PARTITIONS for key, hashed in MURMUR2.items()}


class Broker:
    """Welcomes one client, answers its subscription with a reason code, sends it some bytes, and listens.

    Questions (UNSUBSCRIBE) are answered at once, or, when it is told to `wait`, not before `answer`.
    """

    def __init__(self, reason: bytes, then: bytes = b"") -> None:
        self._reason, self._then = reason, then
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.heard: list[tuple[int, bytes]] = []
        """Packets: type, and the packet id where there is one."""
        self.wait = False
        self._held = b""
        self._peer: socket.socket | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        peer, _ = self._listener.accept()
        self._peer = peer
        buffer = bytearray()
        with peer:
            while more := peer.recv(4096):
                buffer += more
                for kind, _, body in packets.split(buffer):
                    self.heard.append((kind, body[:2]))
                    peer.sendall(self._answer(kind, body[:2]))

    def _answer(self, kind: int, packet_id: bytes) -> bytes:
        if kind == packets.CONNECT:
            return b"\x20\x03\x00\x00\x00"
        if kind == packets.SUBSCRIBE:
            return b"\x90\x04" + packet_id + b"\x00" + self._reason + self._then
        if kind == packets.UNSUBSCRIBE:
            answer = b"\xb0\x04" + packet_id + b"\x00\x11"
            if not self.wait:
                return answer
            self._held += answer
        return b""

    def answer(self) -> None:
        """What it kept to itself."""
        assert self._peer is not None
        self._peer.sendall(self._held)

    def questions(self) -> int:
        """How often it was asked."""
        return sum(kind == packets.UNSUBSCRIBE for kind, _ in self.heard)

    def close(self) -> None:
        """When the client has left."""
        self._thread.join(10)
        self._listener.close()


PUBLISHED = b"\x32\x08\x00\x02\xff\xfe\x00\x07\x00{"
"""QoS 1, packet 7; the topic is no text."""
DISCONNECTED = (packets.DISCONNECT, b"")
ACKNOWLEDGED = (packets.PUBACK, b"\x00\x07")


def test_a_subscription_that_is_refused() -> None:
    broker = Broker(b"\x87")  # not authorized
    subscriber = Subscriber(broker.address, "a/#", "group", "name", 1)
    subscriber.start()

    def take_until_it_fails() -> None:
        until(lambda: subscriber.take(1, 0.05), "a message")

    with pytest.raises(SubscriptionError, match="a/#"):
        take_until_it_fails()
    subscriber.stop()
    broker.close()


def test_a_topic_that_is_no_text() -> None:
    broker = Broker(b"\x01", PUBLISHED)
    subscriber = Subscriber(broker.address, "a/#", "group", "name", 1)
    subscriber.start()
    until(lambda: subscriber.waiting, "the message")
    taken = subscriber.take(10, 0)
    assert [(message.topic, message.payload, message.packet_id) for message in taken] == [("", b"{", 7)]
    assert ACKNOWLEDGED not in broker.heard
    subscriber.acknowledge(taken)
    until(lambda: ACKNOWLEDGED in broker.heard, "PUBACK of packet 7")
    subscriber.stop()
    broker.close()


def test_it_leaves_when_the_broker_has_dealt_with_its_acknowledgements() -> None:
    broker = Broker(b"\x01", PUBLISHED)
    subscriber = Subscriber(broker.address, "a/#", "group", "name", 1)
    subscriber.start()
    until(lambda: subscriber.waiting and broker.questions() == 1, "the message")
    broker.wait = True
    subscriber.acknowledge(subscriber.take(10, 0))
    leaving = threading.Thread(target=subscriber.stop)
    leaving.start()
    until(lambda: broker.questions() == 2, "the last question")
    assert leaving.is_alive()
    broker.answer()
    leaving.join(30)
    broker.close()
    assert [broker.heard[-3], broker.heard[-1]] == [ACKNOWLEDGED, DISCONNECTED]


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sources.mqtt.LAST_ANSWER", 0.1)
    broker = Broker(b"\x01")
    subscriber = Subscriber(broker.address, "a/#", "group", "name", 1)
    subscriber.start()
    until(lambda: broker.questions() == 1, "the subscription")
    broker.wait = True
    subscriber.stop()
    broker.close()
    assert broker.heard[-1] == DISCONNECTED
