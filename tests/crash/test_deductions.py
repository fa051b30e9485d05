"""Kill the lanes of payments and of accounts: a due is deducted once, given back once, and both books say the same."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from schemas import topics
from schemas.events import Command, Event
from schemas.payments import DeductionAnswered
from schemas.times import DAY, MINUTE
from tests.channels.world import NOON, world
from tests.crash.harness import Field, Input, at_points, every, field
from tests.payments.both import Both
from tests.payments.test_closing import TODAY
from tests.payments.test_deductions import account, ended
from tests.payments.test_periods import closed
from tests.payments.world import GROUP, cancelled, paid, refunded, rules, tick, topic_of
from tests.servers.kafka import Kafka
from tests.wallet.world import OTHER, PARTY, command, network

DUES = 40


def facts() -> list[Event]:
    """Dues of two accounts, amended, cancelled and paid otherwise, disordered and repeated."""
    r = random.Random(21)
    said: list[Event] = []
    for number in range(DUES):
        document, amount, party = f"FR-{30_000 + number}", r.randint(1, 300), r.choice((PARTY, OTHER))
        said.append(account(document, f"{amount}.00", party=party))
        match r.randrange(8):
            case 0:
                said.append(cancelled(document))
            case 1:
                said.append(account(document, f"{amount + 1}.00", id=f"{document}-2", party=party, time=NOON))
            case 2:
                said.append(account(document, f"{amount}.00", id=f"{document}-2", party=OTHER, time=NOON))
            case 3:
                said.append(paid(f"P{number}", f"{amount}.00", document))
            case 4:
                said.append(paid(f"P{number}", "0.50", document))
            case 5:
                said.append(paid(f"P{number}", f"{amount}.00", document))
                said.append(
                    refunded(f"R{number}", f"{amount}.00", f"P{number}", document, time=NOON + MINUTE)
                )
    said += r.sample(said, 30)
    r.shuffle(said)
    return said


def money() -> list[Command]:
    """Enough of it for all dues, some at a time."""
    each = DUES * 300 * 10_000 // 40
    return [command("top_up", f"c{n}", (PARTY, OTHER)[n % 2], amount_e4=each) for n in range(80)]


def fill(out: Producer) -> None:
    """Documents, time and all of it."""
    encode = msgspec.json.encode
    out.produce(topics.CONTROL.name, encode(network()), partition=0)
    out.produce(topics.PAYMENT_CONTROL.name, encode(rules()), partition=0)
    out.produce(topics.TICKS.name, encode(tick(NOON)), partition=0)
    out.flush(30)
    topped = money()
    for n, event in enumerate(facts()):
        out.produce(topic_of(event), encode(event), GROUP)
        if n == DUES:
            out.produce(topics.CONTROL.name, encode(closed(TODAY, NOON + DAY)), partition=0)
        if n % 3 == 0 and topped:
            one = topped.pop()
            out.produce(topics.COMMANDS.name, encode(one), one.subject)
            out.flush(30)
    for one in topped:
        out.produce(topics.COMMANDS.name, encode(one), one.subject)
    out.flush(30)


@pytest.fixture
def source(kafka: Kafka) -> Input:
    """A Kafka with all that happens in it."""
    return Input(kafka, fill)


def come_to_rest(place: Field, source: Input) -> None:
    """Lanes say and hear until nobody has anything to say; then time passes, in which all is told."""
    for later in (0, DAY):
        if later:
            out = Producer({"bootstrap.servers": source.kafka.address})
            out.produce(topics.TICKS.name, msgspec.json.encode(tick(NOON + later)), partition=0)
            assert out.flush(30) == 0
            source.ends = source.ends_of(topics.CONTROL, topics.TICKS)
        for _ in range(10):
            if place._all_read():
                break
            place.run()


def test_lanes_of_both_flows_are_killed(tmp_path: Path, source: Input) -> None:
    quiet = ended(Both().ask(*money()).take(*facts()))
    more: dict[str, Any] = {"crash": at_points(0.02), "budget": 40, "keys": world().directory}
    with field(tmp_path, source, lanes=0, accounts=1, payments=1, **more) as place:
        place.run(every((0.2, 0.8), Field.kill_a_lane, 6))
        assert sum(lane.starts for lane in place.lanes) > 3
        come_to_rest(place, source)
        assert place.audited().check("deductions_done").detail.endswith(", 0 on the way")
        balances = place.client.query(
            "SELECT party, sum(amount) FROM account_movement GROUP BY party ORDER BY party"
        ).result_rows
        assert {party: int(amount * 10_000) for party, amount in balances} == {
            party: quiet.bank.wallet(party).free for party in (PARTY, OTHER)
        }
        statuses = place.client.query(
            "SELECT document, argMax(status, serial), argMax(paid, serial) FROM order_status GROUP BY document"
        ).result_rows
        assert {document: (status, paid) for document, status, paid in statuses} == {
            row["document"]: quiet.books.status(row["document"])[:2]
            for row in quiet.books.rows["order_status"]
        }
        (transit,) = place.client.query(
            "SELECT sum(if(side = 'D', amount, -amount)) FROM journal WHERE account = '1816'"
        ).result_rows[0]
        assert transit == 0
        said = source.said(topics.DEDUCTIONS)
        ids = {msgspec.json.decode(one, type=DeductionAnswered).id for one in said}
        assert len(set(said)) == len(ids)
        place.replayed()
        place.audited()
