"""Kill the lanes of the payments flow: what was paid is booked once, and credited once to whom it is for."""

from collections import Counter
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from schemas import topics
from schemas.events import Event
from schemas.payments import OrderStatus
from tests.channels.world import NOON, world
from tests.crash.harness import Field, Input, at_points, every, field
from tests.crash.payments import LAST, LATER, RULES, afterwards, facts, fill, say_all, standing
from tests.payments.written import Written, written
from tests.servers.kafka import Kafka
from tests.servers.store import Store

DECIDED = ((7, "A6"), (7, "L0"), (8, "L0"), (9, "L0"))
"""Shops and payments that people matched, and another person agreed where it was much."""


@pytest.fixture
def source(kafka: Kafka) -> Input:
    """A Kafka with all that happens in it."""
    return Input(kafka, fill)


class Quiet(NamedTuple):
    """The books of a lane that nobody disturbs, and the parts that were said after its bills."""

    books: Written
    parts: list[list[Event]]


@pytest.fixture
def quiet(lasting_store: Store) -> Quiet:
    """One lane for all."""
    said, bills = facts()
    books = written(lasting_store, RULES)
    books.take(*said)
    for later in LATER:
        books.until(NOON + later)
    books.take(*bills).until(NOON + LAST)
    parts = []
    for part in afterwards(books):
        parts.append(part)
        books.take(*part)
    return Quiet(books, parts)


def test_lanes_of_the_payments_flow_are_killed(tmp_path: Path, source: Input, quiet: Quiet) -> None:
    expected = standing(quiet.books.client)
    assert all(expected.values())
    closes = Counter(row["status"] for row in quiet.books.rows["close"])
    assert closes == {"closed": 15, "reopened": 3}
    moved = "SELECT DISTINCT toString(fee) FROM journal WHERE business_date != posted_for"
    assert {fee for (fee,) in quiet.books.client.query(moved).result_rows} > {"payment_in", "receivable"}
    by_people = [row[1] for row in expected["rule"] if row[0] == "match" and row[3][0] == "decided"]
    assert sorted(by_people) == [f"other/SHOP-{n}/payment/{which}" for n, which in DECIDED]
    more: dict[str, Any] = {"crash": at_points(0.01), "budget": 60, "keys": world().directory}
    with field(tmp_path, source, lanes=0, accounts=1, payments=2, **more) as place:
        hurt = every((0.5, 1.5), Field.kill_a_lane, 4)
        place.read(hurt)
        for part in quiet.parts:
            source.add(partial(say_all, events=part))
            place.read(hurt)
        place.end()
        assert sum(lane.starts for lane in place.lanes) > 4
        place.audited()
        found = standing(place.client)
        for table, rows in expected.items():
            assert found[table] == rows, table
        credited = place.client.query(
            "SELECT sum(amount) FROM account_movement WHERE kind = 'posting' AND party = 'SHA'"
        ).result_rows[0][0]
        assert credited == quiet.books.balances()["SHA", "1201"] > Decimal(1000)
        said = [msgspec.json.decode(one, type=OrderStatus) for one in source.said(topics.STATUSES)]
        assert len({(one.group, one.document, one.serial) for one in said}) == len({one.id for one in said})
        assert len(set(map(msgspec.json.encode, said))) == len({one.id for one in said})
        newest = {(one.group, one.document): one for one in sorted(said, key=lambda one: one.serial)}
        assert {of: one.status for of, one in newest.items() if one.status != "open"} == {
            (row[0], row[1]): row[2][0] for row in expected["order_status"]
        }
        place.replayed()
        place.audited()
