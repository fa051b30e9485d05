"""A lane whose topics are not in Kafka says so and how they are made, and begins when they come."""

import json
import re
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from prometheus_client import REGISTRY

from flows.engine.missing import Missing
from flows.engine.source import Input, Position
from flows.parcels import inputs
from schemas import topics
from schemas.events import Tick
from schemas.settings import Settings
from tests.engine.cutting import cutter
from tests.servers.kafka import Kafka

LANE = 71
PARTITIONS = 4
INPUTS = inputs(1, Settings(partitions=PARTITIONS, lanes=2))
ALL = {topic.name: PARTITIONS if topic.partitioned else 1 for topic in topics.TOPICS}


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines that were written since."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def waits() -> float | None:
    """The metric."""
    return REGISTRY.get_sample_value("waybook_topics_missing", {"lane": str(LANE)})


class Clock:
    """A Kafka that is asked, and how long until it is asked again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there: dict[str, int] | None = {}
        self.now, self.asked = 1_000.0, [0.0]
        monkeypatch.setattr("flows.engine.missing.monotonic", lambda: self.now)
        self.missing = Missing(LANE, INPUTS, self.ask, "kafka:9092", PARTITIONS)

    def ask(self) -> dict[str, int]:
        """What is in Kafka; None: it does not answer."""
        self.asked.append(self.now)
        if self.there is None:
            raise KafkaException("no answer")
        return self.there

    def let_pass(self, seconds: int) -> list[float]:
        """Look ten times a second; the pauses between what Kafka was asked."""
        before = len(self.asked)
        for _ in range(10 * seconds):
            self.missing.look()
            self.now += 0.1
        return [round(b - a) for a, b in zip(self.asked[before - 1 :], self.asked[before:], strict=False)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A Kafka without a topic."""
    return Clock(monkeypatch)


def test_what_is_missing_is_said_with_the_commands_that_create_it(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.there = {**ALL, topics.ORDERS.name: 2}
    del clock.there[topics.TICKS.name], clock.there[topics.DEAD_LETTERS.name]
    clock.missing.look()
    (line,) = told(capsys)
    assert (line["event"], line["lane"], line["waits"]) == ("topics missing", LANE, True)
    assert line["topics"] == ["waybook.dead-letters", "waybook.orders", "waybook.ticks"]
    create = "kafka-topics.sh --bootstrap-server kafka:9092 --create --topic"
    assert line["create"] == [
        f"{create} waybook.dead-letters --partitions {PARTITIONS}",
        f"{create} waybook.ticks --partitions 1",
    ]
    assert line["few"] == {"waybook.orders": f"2 of {PARTITIONS} partitions"}
    assert waits() == 2


def test_it_is_said_less_and_less_often_until_they_come(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clock.let_pass(300)[1:] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert {line["event"] for line in told(capsys)} == {"topics missing"}
    clock.there = ALL
    clock.let_pass(100)
    assert [line["event"] for line in told(capsys)] == ["topics are there"]
    assert waits() == 0
    assert clock.let_pass(200) == [60, 60, 60], "once a minute from then on"


def test_a_topic_that_holds_nothing_up_is_named_once(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.there = {name: number for name, number in ALL.items() if name != topics.DEVICES.name}
    clock.let_pass(100)
    (line,) = told(capsys)
    assert (line["topics"], line["waits"], waits()) == ([topics.DEVICES.name], False, 0)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (topics.ORDERS.name, PARTITIONS),
        (topics.CONTROL.name, 1),
    ],
)
def test_partitions_that_nobody_reads_stop_the_lane_at_once_and_later(
    clock: Clock, name: str, wanted: int
) -> None:
    said = re.escape(f"{name} has {wanted + 1} partitions instead of {wanted}")
    clock.there = {**ALL, name: wanted + 1}
    with pytest.raises(RuntimeError, match=said):
        clock.missing.look()
    clock.there = ALL
    clock.let_pass(200)
    clock.there = {**ALL, name: wanted + 1}
    with pytest.raises(RuntimeError, match=said):
        clock.let_pass(61)


def test_topics_that_are_not_ours_may_have_any_partitions() -> None:
    there = {"late.orders": 40}
    missing = Missing(LANE, [Input("late.orders", 0)], lambda: there, "kafka:9092", PARTITIONS)
    missing.look()


def test_nothing_is_said_where_nothing_is_missing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    clock.there = ALL
    clock.let_pass(100)
    assert (told(capsys), waits()) == ([], 0)


def test_a_kafka_that_does_not_answer_is_said(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    clock.there = None
    clock.let_pass(2)
    assert [(line["event"], line["server"]) for line in told(capsys)] == [
        ("waiting for Kafka", "kafka:9092")
    ] * 2
    clock.there = ALL
    clock.let_pass(10)
    assert (told(capsys), waits()) == ([], 0)


def test_a_lane_begins_when_its_topics_come(kafka: Kafka, capsys: pytest.CaptureFixture[str]) -> None:
    read = [Input("late.ticks", 0, first=True, leads=True), Input("late.orders", 0, leads=True)]
    options: dict[str, Any] = {"bootstrap.servers": kafka.address}
    lane = cutter(kafka, LANE, read, Position(0, 0, {}))
    lane.next_batch()
    lines = [line for line in told(capsys) if line["event"] == "topics missing"]
    assert [line["topics"] for line in lines] == [["late.orders", "late.ticks"]]
    assert waits() == 2
    admin = AdminClient(options)
    for name in ("late.orders", "late.ticks"):
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    out = Producer(options)
    for n in range(3):
        out.produce("late.ticks", msgspec.json.encode(Tick(id=f"t{n}", time=n)), partition=0)
    assert out.flush(30) == 0
    found = 0
    while not found:
        found = sum(block.count for key, block in lane.next_batch() if key == "work")
    assert (found, waits()) == (3, 0)
    lane.close()
