"""A topic that was deleted and made anew under its name is not read on."""

import pickle

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from flows.engine.source import Cutter, Input, Position
from flows.engine.topic_ids import NO_ID, refuse_others
from tests.servers.kafka import Kafka

TOPIC = "anew.orders"


def cutter(kafka: Kafka, position: Position) -> Cutter:
    """A lane's source that goes on from a position."""
    return Cutter(
        lane=1,
        inputs=[Input(TOPIC, 0, first=True, leads=True)],
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


def make(kafka: Kafka, records: int) -> None:
    """The topic with so many records."""
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
    produce(kafka, records)


def produce(kafka: Kafka, records: int) -> None:
    """Records into it."""
    out = Producer({"bootstrap.servers": kafka.address})
    for n in range(records):
        out.produce(TOPIC, f"{n}".encode(), partition=0)
    assert out.flush(30) == 0


def read(lane: Cutter, records: int) -> Position:
    """Read so many, and end well; what the recovery store gives back."""
    while lane.position.upto.get(f"{TOPIC}:0", 0) < records:
        lane.next_batch()
    saved = pickle.dumps(lane.snapshot())
    lane.close()
    found = pickle.loads(saved)
    assert isinstance(found, Position)
    return found


def test_a_topic_made_anew_is_not_read_on(kafka: Kafka) -> None:
    make(kafka, 5)
    position = read(cutter(kafka, Position(0, 0, {})), 5)
    produce(kafka, 2)
    position = read(cutter(kafka, position), 7)  # the same topic is
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.delete_topics([TOPIC])[TOPIC].result(30)
    make(kafka, 20)
    again = cutter(kafka, position)
    with pytest.raises(RuntimeError, match=f"lane 1: {TOPIC} was deleted and made anew"):
        read(again, 20)
    again.close()
    assert again.position.upto == position.upto


def test_a_position_of_before_ids_were_kept_takes_what_is_there(kafka: Kafka) -> None:
    topic_id = read(cutter(kafka, Position(3, 0, {})), 1).topics[TOPIC]
    assert len(topic_id) == len(NO_ID)
    assert topic_id != NO_ID


def test_new_topics_and_those_that_are_away_are_no_others() -> None:
    refuse_others(1, {"a": "x", "gone": "y"}, {"a": "x", "new": "z"})
    with pytest.raises(RuntimeError, match="a, b was deleted"):
        refuse_others(1, {"a": "x", "b": "x", "c": "x"}, {"a": "y", "b": "y", "c": "x"})
