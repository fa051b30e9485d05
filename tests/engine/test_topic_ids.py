"""A topic that was deleted and made anew under its name is not read on."""

import pickle
import time

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from flows.engine import missing, source
from flows.engine.source import Cutter, Input, Position
from flows.engine.topic_ids import NO_ID, refuse_others, topic_ids
from tests.engine.cutting import cutter
from tests.servers.kafka import Kafka

ANEW, KEPT, LATE = "anew.orders", "kept.orders", "late.devices"
PATIENCE = 30.0
"""Seconds that a lane has to read what is there."""


def source_of(kafka: Kafka, position: Position, topic: str = ANEW) -> Cutter:
    """A lane's source that goes on from a position."""
    return cutter(kafka, 1, [Input(topic, 0, first=True, leads=True)], position)


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


def read(lane: Cutter, records: int, topic: str = "") -> Position:
    """Read so many, of this topic, and end well; what the recovery store gives back."""
    until = time.monotonic() + PATIENCE
    try:
        while (
            max((n for name, n in lane.position.upto.items() if name.startswith(topic)), default=0) < records
        ):
            assert time.monotonic() < until, f"{lane.position} is not at {records}"
            lane.next_batch()
        found = pickle.loads(pickle.dumps(lane.snapshot()))
    finally:
        lane.close()
    assert isinstance(found, Position)
    return found


def test_a_topic_made_anew_is_not_read_on(kafka: Kafka) -> None:
    make(kafka, ANEW, 5)
    position = read(source_of(kafka, Position(0, 0, {})), 5)
    produce(kafka, ANEW, 2)
    position = read(source_of(kafka, position), 7)  # the same topic is
    delete(kafka, ANEW)
    make(kafka, ANEW, 20)
    again = source_of(kafka, position)
    with pytest.raises(RuntimeError, match=f"lane 1: {ANEW} was deleted and made anew"):
        read(again, 20)
    assert again.position.upto == position.upto


def test_a_topic_that_comes_late_is_known_as_well(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "SELDOM", 0.2)
    make(kafka, KEPT, 1)
    lane = cutter(kafka, 1, [Input(KEPT, 0, first=True, leads=True), Input(LATE, 0)], Position(0, 0, {}))
    until = time.monotonic() + PATIENCE
    while not lane.position.n:
        assert time.monotonic() < until
        lane.next_batch()
    assert lane.position.topics.keys() == {KEPT}
    make(kafka, LATE, 1)
    position = read(lane, 1, LATE)
    delete(kafka, LATE)
    make(kafka, LATE, 20)
    again = cutter(kafka, 1, [Input(KEPT, 0, first=True, leads=True), Input(LATE, 0)], position)
    with pytest.raises(RuntimeError, match=f"lane 1: {LATE} was deleted and made anew"):
        read(again, 20, LATE)


def test_a_position_of_before_ids_were_kept_takes_what_is_there(kafka: Kafka) -> None:
    make(kafka, KEPT, 1)
    topic_id = read(source_of(kafka, Position(3, 0, {}), KEPT), 1).topics[KEPT]
    assert len(topic_id) == len(NO_ID)
    assert topic_id != NO_ID


def test_a_trials_broker_gives_no_ids_and_holds_nobody_up() -> None:
    broker = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (of,) = broker.list_topics(timeout=10).brokers.values()
    broker.produce(ANEW, b"0", partition=0)
    assert broker.flush(30) == 0
    options = {"bootstrap.servers": f"127.0.0.1:{of.port}", "log_level": 0}
    consumer = Consumer({**options, "group.id": "unused"})
    assert ANEW in consumer.list_topics(timeout=10).topics
    assert topic_ids(consumer, options, [ANEW]) == {}
    consumer.close()


def test_new_topics_and_those_that_are_away_are_no_others() -> None:
    refuse_others(1, {"a": "x", "gone": "y"}, {"a": "x", "new": "z"})
    with pytest.raises(RuntimeError, match="a, b was deleted"):
        refuse_others(1, {"a": "x", "b": "x", "c": "x"}, {"a": "y", "b": "y", "c": "x"})


def test_a_kafka_that_tells_no_ids_is_said_and_nothing_is_read(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> dict[str, str]:
        raise KafkaException("not authorised to describe")

    make(kafka, KEPT, 1)
    monkeypatch.setattr(source, "topic_ids", refused)
    lane = source_of(kafka, Position(0, 0, {}), KEPT)
    batches = [lane.next_batch() for _ in range(3)]
    lane.close()
    assert [key for batch in batches for key, _ in batch] == ["0"]  # the ring's tick alone
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "compare" in line]
    assert "not authorised to describe" in line
