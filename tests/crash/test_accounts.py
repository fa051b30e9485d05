"""Kill the lanes of both flows: what one tells the other arrives once, and every command is carried out once."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Producer

from schemas import topics
from schemas.events import Answer, BooksClosed, Command
from schemas.times import DAY, business_day, date_of
from tests.bench.workload import START
from tests.crash.harness import Field, Input, at_points, clean, every, field
from tests.servers.kafka import Kafka

PARCELS, COMMANDS, LATE, BUDGET = 300, 300, 90, 90
"""Late commands come when their day is closed."""


@pytest.fixture
def source(kafka: Kafka) -> Input:
    """A Kafka with parcels and commands in it."""
    made = Input(kafka, clean(PARCELS))
    made.add(partial(ask, numbers=range(COMMANDS)))
    return made


def ask(out: Producer, numbers: range) -> None:
    """Commands of forty parties, every third of them twice."""
    r = random.Random(7 + numbers.start)
    for number in numbers:
        party = f"O{r.randrange(40):05d}"
        name, body = r.choice(
            [
                ("top_up", {"amount_e4": r.randrange(100, 500_000, 100)}),
                ("withdraw", {"amount_e4": r.randrange(100, 300_000, 100)}),
                ("purchase", {"item": "M", "quantity": r.randrange(1, 40), "unit_price_e4": 12_345}),
                ("hold", {"amount_e4": r.randrange(100, 200_000, 100), "purpose": "purchase"}),
                ("set_terms", {"kind": "credit", "credit_limit_e4": 1_000_000}),
                ("deposit_in", {"amount_e4": r.randrange(100, 100_000, 100)}),
            ]
        )
        command = Command(
            id=f"c{number}",
            time=START,
            name=name,
            subject=party,
            actor="test",
            body=msgspec.Raw(msgspec.json.encode(body)),
        )
        for _ in range(2 if number % 3 == 0 else 1):
            out.produce(topics.COMMANDS.name, msgspec.json.encode(command), party)


def close(out: Producer) -> None:
    """The day of all that has happened is closed."""
    event = BooksClosed(id="closed", time=START + DAY, through=date_of(business_day(START)), by="li")
    out.produce(topics.CONTROL.name, msgspec.json.encode(event), partition=0)


def answered(source: Input) -> dict[str, set[bytes]]:
    """What was said to whom: by command's id the different answers."""
    found: dict[str, set[bytes]] = {}
    for value in source.said(topics.ANSWERS):
        found.setdefault(msgspec.json.decode(value, type=Answer).id, set()).add(value)
    return found


def moved(client: Client) -> list[Any]:
    """What was posted, by party, fee and day: the same however the lanes cut their blocks."""
    return list(
        client.query(
            "SELECT party, fee, business_date, sum(amount) FROM account_movement WHERE kind = 'posting' "
            "GROUP BY ALL ORDER BY ALL"
        ).result_rows
    )


def booked(client: Client) -> list[Any]:
    """The same from the journal."""
    return list(
        client.query(
            "SELECT book, fee, business_date, sum(if(side = 'D', amount, -amount)) AS net FROM journal "
            "WHERE book != 'HQ' AND account IN ('1102', '2101') GROUP BY ALL HAVING net != 0 ORDER BY ALL"
        ).result_rows
    )


def test_lanes_of_both_flows_are_killed(tmp_path: Path, source: Input) -> None:
    """Two lanes of each; one lane of accounts is killed in the tests of stores and payments."""
    with field(tmp_path, source, crash=at_points(0.01), budget=BUDGET, accounts=2) as place:
        hurt = every((0.5, 1.5), Field.kill_a_lane, 5)
        place.read(hurt)
        source.add(close)
        place.read(hurt)
        source.add(partial(ask, numbers=range(COMMANDS, COMMANDS + LATE)))
        place.run(hurt)
        assert sum(lane.starts for lane in place.lanes) > 4
        place.audited()
        assert moved(place.client) == booked(place.client) != []
        said = answered(source)
        assert len(said) == COMMANDS + LATE
        assert all(len(answers) == 1 for answers in said.values())
        (rows, accepted), *_ = place.client.query("SELECT count(), countIf(accepted) FROM answer").result_rows
        assert rows == COMMANDS + LATE
        assert 0 < accepted < rows
        late = place.client.query(
            "SELECT DISTINCT toUInt32(substring(command_id, 2)) >= {first:UInt32} AS late, "
            "business_date - toDate(command_time, 'Asia/Shanghai') AS days "
            "FROM account_movement JOIN answer USING (party, command_id) ORDER BY ALL",
            {"first": COMMANDS},
        ).result_rows
        assert [tuple(row) for row in late] == [(0, 0), (1, 1)]
        assert place.client.query("SELECT uniqExact(seq) FROM books_close").result_rows == [(4,)]
