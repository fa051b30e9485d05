"""The embedded Kafka-protocol broker: what the flows need of it."""

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.embedded.kafka import PARTITIONS
from schemas import topics
from tests.servers.install import ROOT
from tests.servers.process import Server


class Mock(Server):
    """The embedded broker's process."""

    def command(self) -> list[str]:
        """On any free port."""
        return [sys.executable, "-m", "deploy.embedded.kafka", "--port-file", str(self.directory / "address")]

    def environment(self) -> dict[str, str]:
        """Our own packages on the path."""
        return {**super().environment(), "PYTHONPATH": str(ROOT)}

    def ready(self) -> bool:
        """Once it says where it is."""
        return (self.directory / "address").exists()

    @property
    def address(self) -> str:
        """Bootstrap server."""
        return (self.directory / "address").read_text()


def test_records_keep_their_order_keys_and_times(tmp_path: Path) -> None:
    with Mock(tmp_path) as broker:
        assert isinstance(broker, Mock)
        out = Producer({"bootstrap.servers": broker.address, "partitioner": "murmur2_random"})
        for n in range(2_000):
            out.produce("t", str(n), f"k{n % 50}", timestamp=1_000 + n)
        assert out.flush(30) == 0
        consumer = Consumer(
            {
                "bootstrap.servers": broker.address,
                "group.id": "x",
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 5,
            }
        )
        ends = [
            consumer.get_watermark_offsets(TopicPartition("t", p), timeout=10)[1] for p in range(PARTITIONS)
        ]
        assert sum(ends) == 2_000
        consumer.assign([TopicPartition("t", p, ends[p] // 2) for p in range(PARTITIONS)])
        want = sum(end - end // 2 for end in ends)
        got: list[Any] = []
        while len(got) < want:
            got += [m for m in consumer.consume(1_000, 1) if m.error() is None]
        for partition in range(PARTITIONS):
            mine = [m for m in got if m.partition() == partition]
            assert [m.offset() for m in mine] == list(range(ends[partition] // 2, ends[partition]))
            assert [int(m.value() or b"") for m in mine] == sorted(int(m.value() or b"") for m in mine)
        assert all(m.timestamp()[1] == 1_000 + int(m.value() or b"") for m in got)
        consumer.close()
        assert broker.stop() == 0


def test_topics_have_the_partitions_that_lanes_read(tmp_path: Path) -> None:
    with Mock(tmp_path) as broker:
        assert isinstance(broker, Mock)
        out = Producer({"bootstrap.servers": broker.address})
        found = {name: len(topic.partitions) for name, topic in out.list_topics(timeout=10).topics.items()}
        assert found == {topic.name: PARTITIONS if topic.partitioned else 1 for topic in topics.TOPICS}
        went: list[int | None] = []
        for n in range(50):  # without a key: on any partition
            out.produce(
                topics.CONTROL.name,
                f"no document {n}",
                on_delivery=lambda _, message: went.append(message.partition()),
            )
        assert out.flush(30) == 0
        assert went == [0] * 50


def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    broker = Mock(tmp_path)
    broker.start()
    assert broker.stop() == 0
    host, _, port = broker.address.partition(":")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)))
