"""A topic that was deleted and made anew under its name is not read on."""

import pickle
import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from flows.engine.source import Cutter, Input, Position
from flows.engine.topic_ids import NO_ID, refuse_others
from tests.servers.kafka import Kafka

ANEW, KEPT = "anew.orders", "kept.orders"
PATIENCE = 30.0
"""Seconds that a lane has to read what is there."""


def cutter(kafka: Kafka, position: Position, topic: str = ANEW) -> Cutter:
    """A lane's source that goes on from a position."""
    return Cutter(
        lane=1,
        inputs=[Input(topic, 0, first=True, leads=True)],
        options={"bootstrap.servers": kafka.address},
        position=position,
        plans={},
        planned=lambda *_: None,
        ready=bool,
        stopping=lambda: False,
        period=0.05,
        budget=100,
        ring_size=4,
        partitions=1,
    )


def make(kafka: Kafka, topic: str, records: int) -> None:
    """A topic with so many records."""
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    produce(kafka, topic, records)


def delete(kafka: Kafka, topic: str) -> None:
    """The topic is gone when this returns."""
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.delete_topics([topic])[topic].result(30)
    until = time.monotonic() + PATIENCE
    while topic in admin.list_topics(timeout=30).topics:
        assert time.monotonic() < until
        time.sleep(0.02)


def produce(kafka: Kafka, topic: str, records: int) -> None:
    """Records into it."""
    out = Producer({"bootstrap.servers": kafka.address})
    for n in range(records):
        out.produce(topic, f"{n}".encode(), partition=0)
    assert out.flush(30) == 0


def read(lane: Cutter, records: int) -> Position:
    """Read so many, and end well; what the recovery store gives back."""
    until = time.monotonic() + PATIENCE
    try:
        while max(lane.position.upto.values(), default=0) < records:
            assert time.monotonic() < until, f"{lane.position} is not at {records}"
            lane.next_batch()
        found = pickle.loads(pickle.dumps(lane.snapshot()))
    finally:
        lane.close()
    assert isinstance(found, Position)
    return found


def test_a_topic_made_anew_is_not_read_on(kafka: Kafka) -> None:
    make(kafka, ANEW, 5)
    position = read(cutter(kafka, Position(0, 0, {})), 5)
    produce(kafka, ANEW, 2)
    position = read(cutter(kafka, position), 7)  # the same topic is
    delete(kafka, ANEW)
    make(kafka, ANEW, 20)
    again = cutter(kafka, position)
    with pytest.raises(RuntimeError, match=f"lane 1: {ANEW} was deleted and made anew"):
        read(again, 20)
    assert again.position.upto == position.upto


def test_a_position_of_before_ids_were_kept_takes_what_is_there(kafka: Kafka) -> None:
    make(kafka, KEPT, 1)
    topic_id = read(cutter(kafka, Position(3, 0, {}), KEPT), 1).topics[KEPT]
    assert len(topic_id) == len(NO_ID)
    assert topic_id != NO_ID


def test_new_topics_and_those_that_are_away_are_no_others() -> None:
    refuse_others(1, {"a": "x", "gone": "y"}, {"a": "x", "new": "z"})
    with pytest.raises(RuntimeError, match="a, b was deleted"):
        refuse_others(1, {"a": "x", "b": "x", "c": "x"}, {"a": "y", "b": "y", "c": "x"})
