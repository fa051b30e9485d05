"""Blocks of which it is not certain that they are there, two instances of a lane, and closing."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from flows.engine import source
from flows.engine.block import Block, Receipt
from flows.engine.inserter import Inserter
from flows.engine.plans import PlanLog, next_plan
from flows.engine.ring import Ring
from flows.engine.source import Cutter, Input, Position
from sinks import columns
from sinks.encode import Encoded, encode
from sinks.tables import ANOMALY
from tests.audit.conftest import emptied
from tests.engine.test_engine import Thing, put
from tests.servers.store import Store


@pytest.fixture
def client(store: Store) -> Client:
    """Empty tables."""
    return emptied(store.client())


def rows(lane: int, n: int, many: int = 3) -> list[Encoded]:
    """Some rows of one table, as a block of the lane has them."""
    texts = [f"{lane}-{n}-{i}" for i in range(many)]
    made = {
        name: columns.spelled(texts) if name in ("kind", "site") else columns.texts(texts)
        for name in ANOMALY.names[2:]
        if name != "event_time"
    }
    made["event_time"] = columns.times(np.arange(many))
    return [encode(ANOMALY, lane << 32 | n, made)]


class Instance:
    """One instance of a lane: its plan log and its inserter."""

    def __init__(
        self, client: Client, lane: int, resume: int = 0, upto: dict[str, int] | None = None
    ) -> None:
        self.lane = lane
        self.plans = PlanLog(client, lane)
        self.plans.load(resume, upto or {})
        self.inserter = Inserter(client, self.plans, "v")
        self.inserter.begin(upto or {})

    def start(self, receipt: Receipt) -> "Instance":
        """Begin."""
        self.inserter.start(receipt)
        return self

    def block(self, n: int, upto: int) -> None:
        """Plan and write a block."""
        self.inserter.plan(n, {"t:0": upto})
        self.inserter.rows(Block(n, [], 0, 0, [], 0.0), rows(self.lane, n))
        self.inserter.drain()


def count(client: Client, table: str = "anomaly") -> int:
    """Rows there."""
    return int(client.query(f"SELECT count() FROM {table}").result_rows[0][0])


def test_a_token_that_outlived_its_rows(client: Client) -> None:
    """The store took the token and was killed before it kept the rows: they are missing until someone counts."""
    first = Instance(client, 21).start(Receipt())
    first.block(1, 5)
    assert count(client) == 3
    client.command("ALTER TABLE anomaly DELETE WHERE true", settings={"mutations_sync": 2})
    assert count(client) == 0
    again = Instance(client, 21).start(Receipt())
    again.block(1, 5)
    assert count(client) == 3, "inserted again under another token"
    third = Instance(client, 21).start(Receipt())
    third.block(1, 5)
    assert count(client) == 3, "and not once more"


def test_rows_that_outlived_their_token(client: Client) -> None:
    """While a lane was away others wrote so many blocks that the store has forgotten its token."""
    window = "ALTER TABLE anomaly MODIFY SETTING non_replicated_deduplication_window = {}"
    made = str(client.command("SHOW CREATE TABLE anomaly"))
    usual = made.partition("non_replicated_deduplication_window = ")[2].partition(",")[0].split()[0]
    for lane in (22, 23):
        Instance(client, lane).start(Receipt()).block(1, 5)
    client.command(window.format(1))
    try:
        other = Instance(client, 24).start(Receipt())
        other.block(1, 5)
        other.inserter._insert(rows(22, 1)[0], "anomaly-22-1")
        assert count(client) == 12, "that token is forgotten"
        Instance(client, 23).start(Receipt()).block(1, 5)
        assert count(client) == 12, "what is there is not inserted again"
    finally:
        client.command(window.format(usual))


@pytest.fixture
def ended() -> Callable[[Client, int, int, str], None]:
    """Stores a plan by hand, at a time."""

    def store(client: Client, lane: int, upto: int, at: str) -> None:
        plan = next_plan(lane, "v", {"t:0": upto}, Receipt())
        row = msgspec.to_builtins(plan) | {"at": at}
        client.raw_insert("block", insert_block=msgspec.json.encode(row), fmt="JSONEachRow")

    return store


def test_of_two_plans_with_one_number_the_first_wins(
    client: Client, ended: Callable[[Client, int, int, str], None]
) -> None:
    """However they lie in the table."""
    ended(client, 22, 20, "2026-01-01 00:00:02.000")
    ended(client, 22, 10, "2026-01-01 00:00:01.000")
    ended(client, 22, 30, "2026-01-01 00:00:03.000")
    log = PlanLog(client, 22)
    log.load(0, {})
    assert log.stored[1].upto == (10,)


def plans(client: Client, lane: int) -> list[tuple[Any, ...]]:
    """The stored plans."""
    sql = f"SELECT n, upto, tables, version FROM block WHERE lane = {lane} ORDER BY n"
    return [tuple(row) for row in client.query(sql).result_rows]


def test_a_lane_that_ends_well_seals_its_newest_block_once(client: Client) -> None:
    one = Instance(client, 23).start(Receipt())
    one.inserter.close()
    assert plans(client, 23) == [], "nothing was written"
    one.block(1, 5)
    one.inserter.close()
    assert plans(client, 23) == [(1, [5], [], "v"), (2, [5], ["anomaly"], "v")]
    one.inserter.close()
    assert len(plans(client, 23)) == 2


def test_who_goes_on_follows_the_empty_block_whatever_its_version(client: Client) -> None:
    one = Instance(client, 24).start(Receipt())
    one.block(1, 5)
    receipt = one.inserter.receipt
    one.inserter.close()
    client.command("ALTER TABLE block DELETE WHERE lane = 24 AND n = 2", settings={"mutations_sync": 2})
    older = next_plan(24, "older", {"t:0": 5}, receipt)
    client.raw_insert("block", insert_block=msgspec.json.encode(older), fmt="JSONEachRow")
    two = Instance(client, 24, 1, {"t:0": 5}).start(receipt)
    two.inserter.plan(2, {"t:0": 5})
    two.inserter.rows(Block(2, [], 0, 0, [], 0.0), [])
    two.inserter.drain()
    two.inserter.close()
    assert [row[3] for row in plans(client, 24)] == ["v", "older"]
    two.block(3, 9)
    assert plans(client, 24)[2] == (3, [9], [], "v")
    two.inserter.close()
    assert plans(client, 24)[3] == (4, [9], ["anomaly"], "v")


def test_a_lane_that_resumes_with_nothing_new_seals_what_was_open(client: Client) -> None:
    one = Instance(client, 25).start(Receipt())
    one.block(1, 5)
    two = Instance(client, 25, 1, {"t:0": 5}).start(one.inserter.receipt)
    two.inserter.close()
    assert plans(client, 25)[1:] == [(2, [5], ["anomaly"], "v")]


def test_a_change_of_the_epoch_of_the_base_is_in_the_base() -> None:
    """A delta as old as its record's base, or older, must not overwrite it."""
    ring: Ring[Thing] = Ring(Thing, lambda thing, _: thing.over, size=3)
    segments: dict[int, bytes] = {}

    def epoch() -> None:
        number = ring.epoch
        segments[number % 3] = ring.segment(number)

    put(ring, "a", 1)
    epoch()
    put(ring, "a", 2)
    epoch()
    epoch()
    put(ring, "a", 3)
    epoch()
    fresh: Ring[Thing] = Ring(Thing, lambda thing, _: thing.over, size=3)
    for segment in segments.values():
        fresh.found(segment)
    fresh.restore()
    assert fresh.records["a"].value == ring.records["a"].value == 3


def test_an_input_that_is_new_begins_after_the_plans_that_do_not_know_it(client: Client) -> None:
    """A channel that was added: the empty block that every good end stores is followed as it is."""
    one = Instance(client, 26).start(Receipt())
    one.block(1, 5)
    one.inserter.close()
    two = Instance(client, 26, 1, {"t:0": 5}).start(one.inserter.receipt)
    cutter: Any = Cutter.__new__(Cutter)
    cutter.inputs, cutter.position = [Input("t", 0), Input("new", 0)], Position(0, 1, {"t:0": 5})
    for n, plan in ((2, two.plans.stored[2]), (3, None)):
        cutter._block(n, {("t", 0): [], ("new", 0): []}, plan)
        two.inserter.plan(n, cutter.position.upto)
        two.inserter.rows(Block(n, [], 0, 0, [], 0.0), [])
        two.inserter.drain()
    assert cutter.position.upto == {"t:0": 5, "new:0": 0}
    assert [row[0] for row in plans(client, 26)] == [1, 2, 3]


def test_what_another_lane_of_the_flow_has_read_is_read_by_no_other(client: Client) -> None:
    """Another number of lanes would count records twice."""
    Instance(client, 1000).start(Receipt()).block(1, 5)
    for lane in (999, 1000, 2000):
        Instance(client, lane).plans.refuse_others(["t:0"])
    Instance(client, 1001).plans.refuse_others(["t:1"])
    with pytest.raises(RuntimeError, match="lane 1001 would read t:0, which lane 1000 has read"):
        Instance(client, 1001).plans.refuse_others(["t:0", "t:1"])


class Shorter:
    """A Kafka whose topic has three records."""

    def consume(self, _most: int, _seconds: float) -> list[Any]:
        """They were read before."""
        return []

    def get_watermark_offsets(self, _partition: Any, *, cached: bool) -> tuple[int, int]:
        """Where it begins and ends."""
        assert cached
        return 0, 3


def test_a_topic_that_ends_before_a_stored_plan_does_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was made anew: who waits for its records waits for ever."""
    monkeypatch.setattr(source, "PLANNED", 0.0)
    cutter: Any = Cutter.__new__(Cutter)
    cutter.lane, cutter.inputs, cutter.position = 27, [Input("t", 0)], Position(0, 0, {"t:0": 3})
    cutter._begun, cutter._paused, cutter._at_end, cutter._held = True, set(), set(), {("t", 0): []}
    cutter._consumer, cutter._missing = Shorter(), SimpleNamespace(look=lambda: None)
    assert cutter._exactly(next_plan(27, "v", {"t:0": 3}, Receipt())) == {("t", 0): []}
    with pytest.raises(
        RuntimeError, match="t:0 ends at 3, and a stored plan goes to 5: the topic was made anew"
    ):
        cutter._exactly(next_plan(27, "v", {"t:0": 5}, Receipt()))
