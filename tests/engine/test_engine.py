"""The engine's parts by themselves: the ring, timers, plans, messages, columns and digests."""

import hashlib
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.engine.block import Receipt
from flows.engine.messages import (
    REMEMBERED,
    Heard,
    Message,
    OutOfOrderError,
    RenumberedError,
    parts_of,
    unpack,
)
from flows.engine.plans import OutdatedError, PlanLog, extend, next_plan
from flows.engine.ring import Ring
from flows.engine.timers import Timers
from sinks import columns
from sinks.encode import encode
from sinks.tables import ANOMALY
from tests.servers.store import Store


class Thing(msgspec.Struct):
    """A record of the ring."""

    key: str
    place: int
    epoch: int
    value: int = 0
    over: bool = False


def alive(ring: Ring[Thing]) -> dict[str, int]:
    """What is not over."""
    return {key: thing.value for key, thing in ring.records.items() if not thing.over}


def put(ring: Ring[Thing], key: str, value: int, over: bool = False) -> None:
    """Change or add a record by the ring's rules."""
    thing = ring.known(key)
    if thing is None:
        thing = Thing(key, ring.place, ring.epoch)
        ring.begin(thing)
    else:
        ring.mark(thing)
    thing.value, thing.over = value, over


@settings(max_examples=80)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 12), st.integers(0, 99), st.booleans())), min_size=1, max_size=30
    )
)
def test_the_ring_restores_what_was_there(epochs: list[list[tuple[int, int, bool]]]) -> None:
    ring: Ring[Thing] = Ring(Thing, lambda thing, _: thing.over, size=5)
    segments: dict[int, bytes] = {}
    for changes in epochs:
        for number, value, over in changes:
            put(ring, f"k{number}", value, over)
        epoch = ring.epoch
        segments[epoch % 5] = ring.segment(epoch)
    fresh: Ring[Thing] = Ring(Thing, lambda thing, _: thing.over, size=5)
    for segment in segments.values():
        fresh.found(segment)
    assert fresh.restore()
    assert alive(fresh) == alive(ring)
    assert fresh.epoch == ring.epoch
    whole = {epoch % 5: ring.segment(epoch) for epoch in range(ring.epoch - min(5, ring.epoch), ring.epoch)}
    again: Ring[Thing] = Ring(Thing, lambda thing, _: thing.over, size=5)
    for segment in whole.values():
        again.found(segment)
    again.restore()
    assert alive(again) == alive(ring)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=2), st.booleans()),
        min_size=6,
        max_size=30,
    )
)
def test_the_ring_is_the_same_however_often_it_is_restored(
    epochs: list[tuple[list[tuple[int, bool]], bool]],
) -> None:
    """In each epoch some things change or are over, and after it the lane may begin again."""
    ring: Ring[Thing] = Ring(Thing, lambda thing, _: thing.over, size=3)
    segments: dict[int, bytes] = {}
    told: dict[str, int] = {}
    for value, (changes, again) in enumerate(epochs):
        for number, over in changes:
            put(ring, f"k{number}", value, over)
            told[f"k{number}"] = value
            if over:
                del told[f"k{number}"]
        segments[ring.epoch % 3] = ring.segment(ring.epoch)
        if again:
            ring = Ring(Thing, lambda thing, _: thing.over, size=3)
            for segment in segments.values():
                ring.found(segment)
            ring.restore()
        assert alive(ring) == told


def test_of_two_records_of_a_key_the_younger_is_restored() -> None:
    """Stores of before have the older one in the newer segment."""
    ring: Ring[Thing] = Ring(Thing, lambda thing, _: thing.over, size=3)
    ring.found(ring._pack(4, [Thing("a", 2, 4, value=2)], []))
    ring.found(ring._pack(5, [Thing("a", 1, 1, value=1)], []))
    ring.restore()
    assert alive(ring) == {"a": 2}


def test_an_epoch_costs_what_it_changed() -> None:
    ring: Ring[Thing] = Ring(Thing, lambda thing, _: thing.over, size=64)
    for number in range(6_400):
        put(ring, f"k{number}", number)
        if number % 100 == 99:
            ring.segment(ring.epoch)
    put(ring, "k5", 1)
    assert len(ring.segment(ring.epoch)) < 6_400 / 64 * 60


def test_what_is_due_at_once_comes_in_order_of_keys() -> None:
    """A lane that began again may have a record's timer at another moment: nothing may depend on it."""
    timers = Timers()
    for moment, key in ((5, "b"), (3, "z"), (5, "a"), (9, "c"), (5, "b")):
        timers.set(moment, key)
    assert timers.due(2) == []
    assert timers.due(5) == ["a", "b", "z"]
    assert len(timers) == 1


def test_the_chain_is_sha256_over_the_link_before_and_the_plan() -> None:
    receipt = Receipt(1, ("event",), (3,), ("ab",), "c0ffee")
    plan = next_plan(7, "v1", {"t:0": 5}, receipt)
    body = b'[7,2,["t:0"],[5],"v1",["event"],[3],["ab"]]'
    assert (
        plan.chain
        == hashlib.sha256(b"c0ffee\0" + body).hexdigest()
        == extend("c0ffee", list(plan_body(plan)))
    )


def plan_body(plan: Any) -> tuple[Any, ...]:
    """A plan without its link."""
    return msgspec.structs.astuple(plan)[:-1]


def test_the_first_plan_wins_and_the_other_instance_leaves(store: Store) -> None:
    one, two = (PlanLog(store.client(), 3) for _ in range(2))
    for log in (one, two):
        log.load(0, {})
    first = next_plan(3, "v", {"t:0": 10}, Receipt())
    one.store(first)
    two.store(first)
    with pytest.raises(OutdatedError):
        two.store(next_plan(3, "v", {"t:0": 11}, Receipt()))
    one.store(next_plan(3, "v", {"t:0": 20}, Receipt(1, chain=first.chain)))
    with pytest.raises(OutdatedError, match="block 2"):
        two.store(first)
    late = PlanLog(store.client(), 3)
    late.load(1, {"t:0": 10})
    assert list(late.stored) == [2]
    with pytest.raises(RuntimeError, match="otherwise"):
        late.load(1, {"t:0": 12})
    store.client().command("INSERT INTO block (lane, n) VALUES (3, 9)")
    with pytest.raises(RuntimeError, match="hole"):
        late.load(1, {"t:0": 10})


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=12), st.data())
def test_a_receiver_takes_every_message_once(blocks: list[tuple[int, int]], data: st.DataObject) -> None:
    sent = [
        raw
        for block, (count, _) in enumerate(blocks, 1)
        for _, raw in parts_of("parcels", 0, block, {2: [b"x"] * count})
    ]
    replay_from = data.draw(st.integers(0, len(sent)))
    heard, taken = Heard(), list[tuple[int, int]]()
    for raw in sent[:replay_from] + sent:
        message = unpack(raw)
        if heard.is_new(message, 2):
            taken.append((message.block, message.part))
    assert taken == [(block, part) for block, (n, _) in enumerate(blocks, 1) for part in range(1, n + 1)]


def test_a_missing_message_is_noticed() -> None:
    heard = Heard()
    with pytest.raises(OutOfOrderError):
        heard.is_new(Message("parcels", 0, 1, 2, 2, b""), 0)


def test_numbers_that_come_again_with_other_words_are_noticed_before_a_new_one_is_taken() -> None:
    """A sender whose plan log was put back numbers other blocks as before."""
    heard = Heard()
    for block in range(1, 101):
        heard.is_new(Message("parcels", 0, block, 1, 1, b"%d" % block), 0)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(heard), type=Heard)
    assert not any(kept.is_new(Message("parcels", 0, n, 1, 1, b"%d" % n), 0) for n in range(50, 101))
    assert not any(
        kept.is_new(Message("parcels", 0, n, 1, 1, b"other"), 0) for n in range(1, 101 - REMEMBERED)
    )
    for block in range(101 - REMEMBERED, 101):
        with pytest.raises(RenumberedError, match=f"parcels/0/0: block {block} says something else"):
            kept.is_new(Message("parcels", 0, block, 1, 1, b"other"), 0)
    assert kept == heard


def test_words_texts_and_numbers_are_canonical_whatever_their_codes() -> None:
    one, two = columns.Vocabulary(["b", "", "省", "a"]), columns.Vocabulary(["省", "x", "a", "b"])
    values = ["a", "省", "a", "b"]
    first, second = columns.words(one.codes(values), one), columns.words(two.codes(values), two)
    assert first.canonical == second.canonical
    assert first.canonical[0] == "a\nb\n省\n".encode()
    assert first.arrow.to_pylist() == second.arrow.to_pylist() == values
    assert columns.spelled(values).canonical == first.canonical
    texts = columns.texts(["ab", "", "省"])
    assert tuple(map(bytes, texts.canonical)) == (np.array([2, 0, 3], "<i8").tobytes(), b"ab" + "省".encode())
    money = columns.money(np.array([-1, 52_500]))
    assert [str(value) for value in money.arrow.to_pylist()] == ["-0.0001", "5.2500"]


def test_a_column_too_many_or_too_few_is_our_own_bug() -> None:
    with pytest.raises(ValueError, match="kind"):
        encode(ANOMALY, 1, {"waybill": columns.texts(["x"])})


def test_rows_reach_the_store_as_they_were_made(store: Store) -> None:
    made = {
        "kind": columns.spelled(["weight_implausible", "place_mismatch"]),
        "waybill": columns.texts(["YT7500000000001", "YT7500000000002"]),
        "event_id": columns.texts(["e1", ""]),
        "event_time": columns.times(np.array([1, 1_762_790_400_123])),
        "site": columns.spelled(["上海", ""]),
        "expected": columns.texts(["1 g", "\0\t'"]),
        "found": columns.texts(["2 g", "%"]),
    }
    table = encode(ANOMALY, 77, made)
    client = store.client()
    for _ in range(2):
        client.raw_insert(
            "anomaly",
            insert_block=bytes(table.body),
            fmt="ArrowStream",
            settings={"insert_deduplication_token": "x"},
        )
    back = pa.ipc.open_stream(
        client.raw_query("SELECT * FROM anomaly ORDER BY line", fmt="ArrowStream")
    ).read_all()
    rows = back.to_pylist()
    assert [row["line"] for row in rows] == [0, 1]
    assert [row["expected"] for row in rows] in (["1 g", "\0\t'"], [b"1 g", b"\0\t'"])
