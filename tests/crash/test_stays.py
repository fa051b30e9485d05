"""Kill the lanes of the storage flow and the jobs of months: what goods, hauls and packages cost is booked once, and
paid once.

Customers whose month falls short of its least make up for it, and some have a package of parcels: the jobs that sum
months up and count parcels are killed before and after they have told the lanes.
"""

import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from schemas import topics
from schemas.events import Command, Haul, Order, Scan, StayEvent, Tick
from schemas.times import DAY, HOUR
from tests.crash.harness import Field, Input, at_points, every, field
from tests.lifecycle.world import order, scan
from tests.servers.kafka import Kafka
from tests.storage.world import (
    CUSTOMERS,
    Store,
    haul,
    linehaul,
    moment,
    month,
    network,
    package,
    shipped,
    story,
    tariff,
    tick,
)

STAYS, HAULS, PARCELS = 60, 24, 40
SERVICES = (
    "同城配送 冷冻 4.2m",
    "同城配送 1500公斤 到XAB",
    "干线 1000公斤 2方 到XAB",
    "提货 80公斤",
    "提货 80公斤 取消",
)
LAST = tick(moment("32日00:00"))
"""When the month is over."""
NETWORK = network(meat="C-MEAT,credit,100000,")
PACKAGES = package("C-FISH,30.00,3,2.50 C-MEAT,20.00,1,4.00")
Word = StayEvent | Haul | Order | Scan | Tick


def parcels() -> list[Order]:
    """Orders of parcels, each of which is picked up when it is ordered."""
    r = random.Random(12)
    return [
        order(
            moment(f"{r.randint(11, 20)}日{r.randint(0, 23):02d}:20"),
            id=f"order-{n}",
            waybill=f"YT{7_500_000_000_100 + n}",
            customer=r.choice(CUSTOMERS),
            payment_e4=0,
        )
        for n in range(PARCELS)
    ]


def told() -> list[Word]:
    """What is said of many stays, disordered and repeated, and the time in which it is; in order of saying.

    Time passes by the hour and is told first, so each is said an hour late at least: a block may end between two ticks,
    and what is further ahead of data time than lanes take would be refused there.
    """
    r = random.Random(11)
    said: list[tuple[int, Word]] = []
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
            said += [(event.time + r.randint(1, 31) * HOUR, event)] * r.choice([1, 2])
    for number in range(HAULS):
        day, who = r.randint(11, 17), r.choice(CUSTOMERS)
        for hour in r.sample(range(24), r.randint(1, 3)):
            word = haul(f"{day}日{hour:02d}:45 {r.choice(SERVICES)} {who}", f"H{number}")
            said += [(word.time + r.randint(1, 31) * HOUR, word)] * r.choice([1, 2])
    for one in parcels():
        picked = scan("揽收", one.time, id=f"scan-{one.waybill}", waybill=one.waybill)
        for fact in (one, picked):
            said += [(fact.time + r.randint(1, 31) * HOUR, fact)] * r.choice([1, 2])
    times = [moment("11日00:00") + n * HOUR for n in range(14 * 24)]
    times += [moment("25日00:00") + n * DAY for n in range(8)]
    said += [(time, tick(time)) for time in times]
    return [
        event for _, event in sorted(said, key=lambda one: (one[0], not isinstance(one[1], Tick), one[1].id))
    ]


def fill(out: Producer) -> None:
    """Documents, money, and all of it. What lies on one partition stays in order."""
    for document in (NETWORK, tariff(), linehaul(), PACKAGES):
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
        elif isinstance(event, Order | Scan):
            topic = topics.ORDERS if isinstance(event, Order) else topics.DEVICES
            out.produce(topic.name, msgspec.json.encode(event), event.waybill)
        else:
            key = event.haul if isinstance(event, Haul) else event.stay
            out.produce(topics.STAYS.name, msgspec.json.encode(event), key)
        out.flush(30)  # so that Kafka's times are in order, too


@pytest.fixture
def source(kafka: Kafka) -> Input:
    """A Kafka with all that happens in it."""
    return Input(kafka, fill)


def undisturbed() -> Store:
    """A lane that nobody disturbs, and is told what the month came to, and how many parcels there were."""
    quiet = Store(tariff(), NETWORK, patient=True).take(linehaul(), PACKAGES)
    said = told()
    quiet.take(*(event for event in said if not isinstance(event, Tick | Order | Scan)))
    quiet.until_moment(LAST.time)
    sums = dict.fromkeys(CUSTOMERS, Decimal(0))
    for number in range(STAYS):
        for (fee, day), (payer, amount) in quiet.charged(f"S{number}").items():
            if fee == "storage" and day < "2025-12":
                sums[payer] += amount
    assert all(sums.values())
    quiet.take(*(month("11", str(amount), "32日00:00", who) for who, amount in sums.items()))
    sent = Counter(one.customer for one in parcels())
    return quiet.take(*(shipped("11", sent[who], "32日00:00", who) for who in ("C-FISH", "C-MEAT")))


def test_lanes_of_the_storage_flow_are_killed(tmp_path: Path, source: Input) -> None:
    quiet = undisturbed()
    more: dict[str, Any] = {
        "crash": at_points(0.01),
        "budget": 100,
        "horizon": 30 * DAY,
    }  # a block has days of such time
    with field(tmp_path, source, lanes=1, accounts=1, stays=2, **more) as place:
        jobs = "store-months", "parcel-months"
        place.worked(LAST, jobs, ("produced", "flushed"), every((0.5, 1.5), Field.kill_a_lane, 5))
        place.end()
        assert sum(lane.starts for lane in place.lanes) > 4
        place.audited()
        refused = place.client.query("SELECT reason, count() FROM dead_letter GROUP BY reason").result_rows
        assert refused == []
        booked = place.client.query(
            "SELECT waybill, fee, part, payer, sum(amount) FROM charge WHERE seq >= bitShiftLeft(2000, 32) "
            "GROUP BY ALL HAVING countIf(reverses = "
            "toFixedString('', 16)) > countIf(reverses != toFixedString('', 16))"
        ).result_rows
        expected = {
            (name, *key, payer, amount)
            for name in {row["waybill"] for row in quiet.rows["charge"]}
            for key, (payer, amount) in quiet.charged(name).items()
        }
        assert set(booked) == expected
        assert len(booked) > 200
        of_all = {"city_delivery", "linehaul", "pickup", "storage_month", "package"}
        assert {row[1] for row in booked} >= of_all
        owed = {customer: sum(row[4] for row in booked if row[3] == customer) for customer in CUSTOMERS}
        paid = place.client.query(
            "SELECT party, -sum(amount) FROM account_movement WHERE kind = 'posting' GROUP BY party"
        ).result_rows
        assert {row[0]: row[1] for row in paid} == owed
