"""A receiver before a real Kafka, and what Kafka then holds."""

import sys
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from schemas import topics
from schemas.payments import Notification, PaymentRulesPublished
from schemas.settings import Settings, to_environment
from tests.servers.install import ROOT
from tests.servers.kafka import Kafka
from tests.servers.process import Server, free_port

PARTITIONS = 2
CHANNELS = """
[[channel]]
name = "wechat"
format = "wechat"
[[channel.key]]
file = "wechat.pem"
serial = "A1"
[[channel.merchant]]
number = "1900000001"
group = "centre"
secrets = ["apiv3"]

[[channel]]
name = "alipay"
format = "alipay"
[[channel.key]]
file = "alipay.pem"
serial = "2021"
[[channel.merchant]]
number = "2088000000000001"
group = "centre"

[[channel]]
name = "unionpay"
format = "unionpay"
[[channel.key]]
file = "unionpay.pem"
serial = "1"
[[channel.merchant]]
number = "777000000000001"
group = "centre"

[[channel]]
name = "other"
format = "json"
taken = { status = 202, body = '{"received":true}', media = "application/json" }
failed = { status = 500, body = "again" }
signature = { kind = "hmac", header = "x-shop-signature", signed = "{x-shop-time}.{body}" }
[[channel.key]]
file = "secret"
[[channel.merchant]]
number = "shop"
group = "market"
[[channel.shape]]
number = ["no"]
merchant = "shop"
amount = "yuan"
time = ["at"]
"""
BANK = """
[[channel]]
name = "bank"
format = "json"
signature = { kind = "none" }
[[channel.merchant]]
number = "1"
group = "centre"
[[channel.shape]]
number = ["no"]
merchant = "account"
amount = "yuan"
time = ["at"]
"""
"""A channel more."""
LARGEST = 65_536
"""Bytes of a body, where a channel's configuration does not say otherwise."""


def publish(kafka: Kafka, text: str) -> None:
    """Channels, as published rules."""
    rules = PaymentRulesPublished(id="rules", time=1, version="1", files={"channels.toml": text})
    producer = Producer({"bootstrap.servers": kafka.address})
    producer.produce(topics.PAYMENT_CONTROL.name, msgspec.json.encode(rules), partition=0)
    assert producer.flush(30) == 0


class Receiver(Server):
    """The process; `url` is its address, the same after a restart. `opened`: wait until there are doors."""

    def __init__(self, directory: Path, kafka: Kafka) -> None:
        super().__init__(directory)
        soon = {"message.timeout.ms": "1500"}  # so that a test need not wait for channels' patience
        self.settings = Settings(
            kafka=kafka.address, home=directory, partitions=PARTITIONS, kafka_options=soon
        )
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """As a user would start it."""
        return [sys.executable, "-m", "deploy.cli", "receive", "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        """Our own packages on the path, and the settings."""
        return {**super().environment(), "PYTHONPATH": str(ROOT), **to_environment(self.settings)}

    def ready(self) -> bool:
        """Whether channels may knock."""
        return self.health()[0] == 200

    def health(self) -> tuple[int, str]:
        """What it says of itself; 0: nothing."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metrics(self) -> str:
        """What Prometheus would read."""
        port = (self.directory / "receiver" / "metrics.port").read_text()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())


class Shut(Receiver):
    """One that does not know anybody yet."""

    def ready(self) -> bool:
        """Whether it answers."""
        return self.health()[0] == 503


def held(kafka: Kafka, channel: str) -> list[tuple[str, Notification]]:
    """All notifications of a channel that Kafka has, with their keys."""
    topic = topics.notifications(channel).name
    consumer = Consumer(
        {"bootstrap.servers": kafka.address, "group.id": "held", "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for n in range(PARTITIONS)])
    found: list[tuple[str, Notification]] = []
    ends = 0
    while ends < PARTITIONS:
        message = consumer.poll(30)
        assert message is not None
        if (error := message.error()) is None:
            event = msgspec.json.decode(message.value() or b"", type=Notification)
            found.append(((message.key() or b"").decode(), event))
        else:
            assert error.code() == KafkaError._PARTITION_EOF, error
            ends += 1
    consumer.close()
    return found
