"""Kill the lanes of the storage flow: what goods cost is booked once, and their customers' accounts pay it once."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from schemas import topics
from schemas.events import Command, Event, StayEvent, Tick
from schemas.times import DAY, HOUR
from tests.crash.harness import Field, Input, at_points, every, field
from tests.servers.kafka import Kafka
from tests.storage.world import CUSTOMERS, Store, moment, network, story, tariff, tick

STAYS = 60


def told() -> list[Event]:
    """What is said of many stays, disordered and repeated, and the time in which it is; in order of saying."""
    r = random.Random(11)
    said: list[tuple[int, Event]] = []
    for number in range(STAYS):
        day = r.randint(11, 16)
        billing, size = r.choice(
            [("按托盘", "12板 9000公斤"), ("按体积", "7.5方 20件"), ("按重量", "1200公斤")]
        )
        words = [f"{day}日{r.randint(0, 22):02d}:15 入库 {r.choice(CUSTOMERS)} {billing} {size} 冷冻 库区B1"]
        words += [f"{day + r.randint(0, 4)}日{r.randint(0, 22):02d}:30 计量 8板 6方 1000公斤"]
        if r.random() < 0.7:
            words.append(f"{day + r.randint(1, 6)}日23:45 出库")
        for event in story("；".join(words), f"S{number}"):
            said += [(event.time + r.randint(0, 30) * HOUR, event)] * r.choice([1, 2])
    said += [(moment("11日00:00") + n * HOUR, tick(moment("11日00:00") + n * HOUR)) for n in range(14 * 24)]
    return [
        event for _, event in sorted(said, key=lambda one: (one[0], isinstance(one[1], StayEvent), one[1].id))
    ]


def fill(out: Producer) -> None:
    """Documents, money, and all of it. What lies on one partition stays in order."""
    for document in (network(meat="C-MEAT,credit,100000,"), tariff()):
        out.produce(topics.CONTROL.name, msgspec.json.encode(document), partition=0)
    for number, customer in enumerate(CUSTOMERS):
        asked = Command(
            id=f"m{number}",
            time=moment("11日00:00"),
            name="top_up",
            subject=customer,
            actor="test",
            body=msgspec.Raw(b'{"amount_e4":10000000}'),
        )
        out.produce(topics.COMMANDS.name, msgspec.json.encode(asked), customer)
    for event in told():
        if isinstance(event, Tick):
            out.produce(topics.TICKS.name, msgspec.json.encode(event), partition=0)
        elif isinstance(event, StayEvent):
            out.produce(topics.STAYS.name, msgspec.json.encode(event), event.stay)
        out.flush(30)  # so that Kafka's times are in order, too


@pytest.fixture
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Input]:
    """A Kafka with all that happens in it."""
    with Kafka(tmp_path_factory.mktemp("kafka")) as kafka:
        assert isinstance(kafka, Kafka)
        yield Input(kafka, fill)


@pytest.mark.parametrize("lanes", [1, 2])
def test_lanes_of_the_storage_flow_are_killed(tmp_path: Path, source: Input, lanes: int) -> None:
    quiet = Store(tariff(), network(meat="C-MEAT,credit,100000,"), patient=True)
    quiet.take(*(event for event in told() if isinstance(event, StayEvent)))
    quiet.until_moment(max(event.time for event in told() if isinstance(event, Tick)))
    more: dict[str, Any] = {
        "crash": at_points(0.02),
        "budget": 100,
        "horizon": 30 * DAY,
    }  # a block has days of such time
    with field(tmp_path, source, lanes=1, accounts=1, stays=lanes, **more) as place:
        place.run(every((0.5, 1.5), Field.kill_a_lane, 8))
        assert sum(lane.starts for lane in place.lanes) > 4
        place.audited()
        refused = place.client.query("SELECT reason, count() FROM dead_letter GROUP BY reason").result_rows
        assert refused == []
        booked = place.client.query(
            "SELECT waybill, fee, part, payer, sum(amount) FROM charge GROUP BY ALL HAVING countIf(reverses = "
            "toFixedString('', 16)) > countIf(reverses != toFixedString('', 16))"
        ).result_rows
        expected = {
            (f"S{number}", *key, payer, amount)
            for number in range(STAYS)
            for key, (payer, amount) in quiet.charged(f"S{number}").items()
        }
        assert set(booked) == expected
        assert len(booked) > 200
        owed = {customer: sum(row[4] for row in booked if row[3] == customer) for customer in CUSTOMERS}
        paid = place.client.query(
            "SELECT party, -sum(amount) FROM account_movement WHERE kind = 'posting' GROUP BY party"
        ).result_rows
        assert {row[0]: row[1] for row in paid} == owed
