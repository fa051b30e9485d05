"""Kill the lanes of the payments flow: what was paid is booked once, and credited once to whom it is for."""

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import topics
from schemas.events import Event
from schemas.payments import Notification, OrderStatus, PaymentDecided, Receivable, ReceivableCancelled
from schemas.times import DAY, MINUTE
from tests.channels.world import NOON, world
from tests.crash.harness import PARTITIONS, Field, Input, at_points, every, field
from tests.payments.test_any_order import FACTS, told
from tests.payments.world import GROUP, Books, due, paid, rules, tick
from tests.servers.kafka import Kafka
from tests.storage.world import network

DUES = 250


def facts() -> list[Event]:
    """What people owe and pay, disordered and repeated; some of it into an outlet's virtual account."""
    r = random.Random(12)
    said = list(FACTS)
    for number in range(DUES):
        document, amount = f"FR-{20_000 + number}", r.randint(1, 500)
        topup = r.random() < 0.2
        said.append(due(document, f"{amount}.00", **({"kind": "topup", "party": "SHA"} if topup else {})))
        for part in range(r.choice([0, 1, 1, 1, 2])):
            share = f"{amount}.00" if part == 0 else "5.00"
            said.append(paid(f"P{number}-{part}", share, document, time=NOON + part))
    said += r.sample(said, 60)
    r.shuffle(said)
    return said


def topic_of(event: Event) -> str:
    """Where an event belongs."""
    match event:
        case Notification():
            return topics.notifications(event.channel).name
        case Receivable() | ReceivableCancelled():
            return topics.RECEIVABLES.name
        case PaymentDecided():
            return topics.DECISIONS.name
    return topics.TICKS.name


def fill(out: Producer) -> None:
    """Documents, time and all of it."""
    encode = msgspec.json.encode
    out.produce(topics.CONTROL.name, encode(network()), partition=0)
    out.produce(topics.PAYMENT_CONTROL.name, encode(rules()), partition=0)
    out.produce(topics.TICKS.name, encode(tick(NOON)), partition=0)
    out.flush(30)
    for n, event in enumerate(facts()):
        out.produce(topic_of(event), encode(event), GROUP)
        if n % 50 == 0:
            out.flush(30)
    out.flush(30)
    for later in (30 * MINUTE, DAY):
        out.produce(topics.TICKS.name, encode(tick(NOON + later)), partition=0)
        out.flush(30)


@pytest.fixture
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Input]:
    """A Kafka with all that happens in it."""
    with Kafka(tmp_path_factory.mktemp("kafka")) as kafka:
        assert isinstance(kafka, Kafka)
        yield Input(kafka, fill)


def statuses(address: str) -> list[OrderStatus]:
    """All that was said on Kafka."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topics.STATUSES.name, p, 0) for p in range(PARTITIONS)])
    said, ended = [], 0
    while ended < PARTITIONS:
        message = consumer.poll(10)
        assert message is not None
        if message.error():
            ended += 1
        else:
            said.append(msgspec.json.decode(message.value() or b"", type=OrderStatus))
    consumer.close()
    return said


def test_lanes_of_the_payments_flow_are_killed(tmp_path: Path, source: Input) -> None:
    quiet: Books = told(facts(), DUES)
    more: dict[str, Any] = {"crash": at_points(0.02), "budget": 60, "keys": world().directory}
    with field(tmp_path, source, lanes=0, accounts=1, payments=1, **more) as place:
        place.run(every((0.5, 1.5), Field.kill_a_lane, 6))
        assert sum(lane.starts for lane in place.lanes) > 3
        place.audited()
        booked = place.client.query(
            "SELECT payment, document, sum(amount) AS stands FROM payment_match WHERE what = 'match' "
            "GROUP BY payment, document HAVING stands != 0 ORDER BY ALL"
        ).result_rows
        assert {(row[0], row[1]): row[2] for row in booked} == {
            pair: amount for pair, (amount, _) in quiet.matches().items()
        }
        credited = place.client.query(
            "SELECT sum(amount) FROM account_movement WHERE kind = 'posting' AND party = 'SHA'"
        ).result_rows[0][0]
        assert credited == quiet.balances()["SHA", "1201"] > Decimal(1000)
        said = statuses(source.kafka.address)
        assert len({(one.document, one.serial) for one in said}) == len({one.id for one in said})
        assert len(set(map(msgspec.json.encode, said))) == len({one.id for one in said})
        newest = {one.document: one for one in sorted(said, key=lambda one: one.serial)}
        assert {name: one.status for name, one in newest.items()} == {
            row["document"]: quiet.status(row["document"])[0] for row in quiet.rows["order_status"]
        }
        place.replayed()
        place.audited()
