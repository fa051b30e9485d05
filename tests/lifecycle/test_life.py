"""A parcel's life: what is charged when, whatever the order and repetition of its events."""

from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from flows.lifecycle import counts
from flows.parcels import lifecycle_of
from schemas import topics
from schemas.events import DeadLetter, DeadLetterReplayed, Event
from schemas.partition import partition_of
from schemas.settings import Settings
from schemas.times import DAY, HOUR
from tests.lifecycle.world import (
    BOOK,
    START,
    WAYBILL,
    Book,
    events_of,
    network,
    order,
    scan,
    tariff,
    text,
    weight,
)
from tests.rating.material import scenarios
from tests.volume import examples

CASES = scenarios("parcels.csv")
WHOLE = "订单 揽收 网点秤2.6 发件 分拨DWS2.5 到件 派件 签收"


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    book = Book().take(*events_of(case["经过"]))
    seen = {
        "运费": book.net("freight"),
        "面单费": book.net("waybill"),
        "中转费": book.net("transit"),
        "派费": book.net("delivery_paid"),
        "寄件网点毛利": book.result_of("SHC"),
        "派件网点毛利": book.result_of("XAD"),
    }
    assert {name: str(amount) for name, amount in seen.items()} == {
        name: str(Decimal(case[name]).quantize(amount)) for name, amount in seen.items()
    }
    assert book.net("delivery_collected") == book.net("delivery_paid")
    assert " ".join(f"{due}:{why}" for due, why in book.waiting().items()) == case["等待"]


def test_every_entry_balances_and_both_books_mirror() -> None:
    book = Book().take(*events_of("订单 揽收 网点秤9 签收 分拨DWS2.5"))
    entries: dict[bytes, Decimal] = {}
    mirror: dict[bytes, Decimal] = {}
    for row in book.rows["journal"]:
        signed = row["amount"] if row["side"] in ("D", b"D") else -row["amount"]
        entries[row["entry_id"]] = entries.get(row["entry_id"], Decimal(0)) + signed
        if str(row["account"]).strip("b'") in ("1001", "1002", "1003", "1102", "2001", "2101"):
            mirror[row["charge_id"]] = mirror.get(row["charge_id"], Decimal(0)) + signed
    assert entries
    assert not any(entries.values())
    assert not any(mirror.values())
    assert len({row["row_id"] for row in book.rows["journal"]}) == len(book.rows["journal"])


def test_a_whole_life_is_five_charges_and_eighteen_rows() -> None:
    book = Book().take(*events_of(WHOLE))
    assert len(book.rows["charge"]) == 5
    assert len(book.rows["journal"]) == 18
    assert len(book.rows["event"]) == 8


STORIES = [
    events_of(WHOLE),
    events_of("订单 揽收 网点秤9 分拨DWS2.5 签收 分拨秤3 分拨DWS4#二"),
    events_of("订单 揽收 揽收#早@0 签收 签收#晚@26 网点秤2 网点秤1.4#二@1"),
    [*events_of(WHOLE), order(START + HOUR, id="order-2", destination="YLE", payment_e4=150_000)],
    [*events_of("揽收 签收"), order(declared_g=3300)],
    [*events_of("订单2.5 揽收 签收"), order(START + HOUR, id="order-2", declared_g=0)],
]


@cache
def as_told(number: int) -> Book:
    """The books of a story in its own order; only looked at."""
    return Book().take(*STORIES[number]).tick(START + 70 * HOUR)


@examples(60)
@given(st.sampled_from(range(len(STORIES))), st.data())
def test_any_order_and_repetition_ends_in_the_same_books(number: int, data: st.DataObject) -> None:
    story, expected = STORIES[number], as_told(number)
    shuffled = data.draw(st.permutations(story))
    repeated = data.draw(st.lists(st.sampled_from(story), max_size=6))
    cuts = data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3))
    late: list[Event] = list(shuffled)
    for again in repeated:
        late.insert(late.index(again) + 1 + data.draw(st.integers(0, len(late))), again)
    book = Book()
    edges = [0, *sorted(cuts), len(late)]
    for low, high in pairwise(edges):
        book.take(*late[low:high])
    book.tick(START + 70 * HOUR)
    assert book.books() == expected.books()
    assert book.waiting() == expected.waiting()
    assert len(book.rows["event"]) == len(story)
    assert book.refused() == []


def test_the_declared_weight_is_adopted_a_while_after_signing() -> None:
    book = Book().take(*events_of("订单2.5 揽收 签收"))
    assert book.waiting() == {"transit": "no_weight"}
    book.tick(START + 2 * HOUR + 36 * HOUR - 1)
    assert book.net("transit") == 0
    book.tick(START + 2 * HOUR + 36 * HOUR)
    assert book.net("transit") == Decimal("5.2500")
    assert book.waiting() == {}
    assert book.rows["adopted_weight"][-1]["why"] in ("deadline", b"deadline")


def test_a_correction_is_a_reversal_and_a_new_charge_linked_to_the_cause() -> None:
    book = Book().take(*events_of("订单 揽收 网点秤9 签收")).take(weight("分拨DWS", 2500, START + 5 * HOUR))
    first, reversal, second = [row for row in book.rows["charge"] if row["fee"] in ("transit", b"transit")]
    assert (first["revision"], reversal["revision"], second["revision"]) == (0, 0, 1)
    assert reversal["reverses"] == first["charge_id"] != reversal["charge_id"]
    assert reversal["amount"] == -first["amount"] == Decimal("-15.0000")
    assert (reversal["business_date"], second["amount"]) == (first["business_date"], Decimal("5.2500"))
    assert reversal["cause"] == "weight-hub_dws"


def test_same_id_with_other_content_is_a_conflict() -> None:
    other = scan("揽收", START + 7 * HOUR)
    book = Book().take(*events_of(WHOLE)).take(other, other)
    assert book.refused() == ["conflicting_duplicate"]
    letter = book.rows["dead_letter"][0]
    assert (letter["event_id"], letter["waybill"]) == ("scan-10", WAYBILL)
    assert letter["raw"] in (msgspec.json.encode(other), msgspec.json.encode(other).decode())


def test_a_price_that_comes_later_rates_what_waited() -> None:
    book = Book(tariffs=()).take(*events_of(WHOLE))
    assert book.waiting() == {"waybill": "no_price", "transit": "no_price", "delivery": "no_price"}
    assert book.net("freight") == 12
    book.block((topics.CONTROL.name, tariff()))
    assert book.waiting() == {}
    assert book.result_of("SHC") == Decimal("4.5500")


def test_a_book_with_an_error_is_refused_whole() -> None:
    wrong = {**BOOK, "delivery.csv": "destination_city,price\n西案,1.20\n"}
    book = Book().block((topics.CONTROL.name, tariff(wrong))).take(*events_of(WHOLE))
    assert book.refused() == ["book_refused"]
    assert "delivery.csv" in book.rows["dead_letter"][0]["detail"]
    assert book.net("delivery_paid") == Decimal("1.2000")


def test_a_version_that_is_not_the_contents_is_refused() -> None:
    book = Book().block((topics.CONTROL.name, msgspec.structs.replace(tariff(), version="2025")))
    assert book.refused() == ["book_refused"]


def test_a_book_that_knows_fewer_weights_does_not_stop_a_lane() -> None:
    fewer = BOOK["book.toml"].replace(
        '[[weight.precedence]]\nclass = "outlet_scale"\nadopt = "when_signed"\n', ""
    )
    assert fewer != BOOK["book.toml"]
    book = Book().take(*events_of("订单2.5 揽收 网点秤9"))
    book.block((topics.CONTROL.name, tariff({**BOOK, "book.toml": fewer}))).take(*events_of("签收@5"))
    assert book.refused() == []
    assert book.waiting() == {"transit": "no_weight"}


def test_a_book_before_any_directory_is_refused_and_stops_nothing() -> None:
    book = Book(tariffs=())
    book.lifecycle = type(book.lifecycle)(3 * DAY)
    book.block((topics.CONTROL.name, tariff()), (topics.CONTROL.name, network())).take(*events_of(WHOLE))
    assert book.refused() == ["book_refused"]
    assert book.waiting() == {"waybill": "no_price", "transit": "no_price", "delivery": "no_price"}


DEEP = b'"more":' + b"[" * 200_000
BROKEN: list[tuple[str, Any]] = [
    ("wrong_type", b"[" * 200_000),
    ("not_json", b'{"a":' * 100_000),
    ("not_json", msgspec.json.encode(scan("揽收", START))[:-1] + b"," + DEEP),
    ("not_json", msgspec.json.encode(order())[:-1] + b"," + DEEP),
    ("wrong_type", b'{"type":"scan","time":' + b"9" * 5000 + b"}"),
    ("waybill_out_of_pattern", order(waybill="dl-EVIL")),
    ("waybill_out_of_pattern", scan("揽收", START, waybill="dl-0123456789abcdef0123456789abcdef")),
    ("not_json", b"#garbage"),
    ("not_json", b"\xff\xfe"),
    ("not_json", b""),
    ("wrong_type", b"[1,2]"),
    ("wrong_type", msgspec.json.encode(order()).replace(b'"product":"standard",', b"")),
    ("wrong_type", msgspec.json.encode(order()).replace(b'"declared_g":2000', b'"declared_g":"2 kg"')),
    ("unknown_type", msgspec.json.encode(order()).replace(b'"type":"order"', b'"type":"refund"')),
    ("unknown_type", msgspec.json.encode(network())),
    (
        "unknown_operation",
        msgspec.json.encode(scan("揽收", START)).replace(b'"operation":"10"', b'"operation":"77"'),
    ),
    ("unknown_outlet", order(destination="NOWHERE")),
    ("unknown_product", order(product="XXX")),
    ("unknown_site", scan("揽收", START, site="NOWHERE")),
    ("waybill_out_of_pattern", scan("揽收", START, waybill="??")),
    (
        "weight_out_of_range",
        msgspec.json.encode(weight("网点秤", 1, START)).replace(b'"weight_g":1', b'"weight_g":-5'),
    ),
    ("weight_out_of_range", weight("网点秤", 9_999_999, START)),
    (
        "wrong_type",
        msgspec.json.encode(weight("网点秤", 1, START)).replace(b'"outlet_scale"', b'"declared"', 1),
    ),
    ("size_out_of_range", weight("网点秤", 100, START, length_mm=99_999)),
    ("name_twice", msgspec.json.encode(order())[:-1] + b',"payment_e4":990000}'),
    ("not_json", msgspec.json.encode(order())[:-1] + b',"memo":"\xf3 "}'),
    ("name_twice", b'{"id":"order-1",' + msgspec.json.encode(order())[1:]),
    ("amount_out_of_range", msgspec.json.encode(order()).replace(b'"payment_e4":120000', b'"payment_e4":-1')),
    ("part_of_a_fen", order(payment_e4=120_001)),
    ("part_of_a_fen", order(insured_e4=50)),
    ("part_of_a_fen", order(cod_e4=1_000_010)),
    ("identifier_too_long", scan("揽收", START, id="x" * 65)),
    ("identifier_too_long", order(services=("upstairs", "x" * 65))),
    ("too_many_services", order(services=tuple(f"s{n}" for n in range(17)))),
    ("wrong_type", order(services=("upstairs|evening",))),
    ("wrong_type", order(services=("",))),
    ("wrong_type", msgspec.json.encode(order())[:-1] + b',"services":"upstairs"}'),
    ("wrong_type", msgspec.json.encode(order())[:-1] + b',"services":[7]}'),
    ("time_in_future", scan("揽收", START + 2 * DAY)),
    ("time_too_old", scan("揽收", START - 4 * DAY)),
]


@pytest.mark.parametrize(("reason", "record"), BROKEN, ids=[f"{n}-{r}" for n, (r, _) in enumerate(BROKEN)])
def test_what_breaks_a_rule_is_kept_aside_once(reason: str, record: Event | bytes) -> None:
    book = Book()
    for _ in range(2):
        book.block((topics.ORDERS.name, record))
    book.take(*events_of(WHOLE))
    assert book.refused() == [reason]
    letter = book.rows["dead_letter"][0]
    raw = record if isinstance(record, bytes) else msgspec.json.encode(record)
    assert letter["raw"] in (raw, raw.decode(errors="replace"))
    assert (letter["partition"], letter["offset"]) == (0, 3000)
    assert book.result_of("SHC") == Decimal("4.5500")


@pytest.mark.parametrize("kind", ["订单", "揽收", "网点秤2.6"])
def test_what_a_producer_lays_on_another_lanes_partition_begins_no_parcel_here(kind: str) -> None:
    """A business system that partitions as librdkafka does by default would scatter orders over lanes."""
    book = Book()
    book.lifecycle = lifecycle_of(Settings(partitions=4))
    book.block((topics.CONTROL.name, network()), (topics.CONTROL.name, tariff())).tick(START)
    (event,) = events_of(kind)
    mine, other = (f"YT{n:013d}" for n in (3, 1))
    assert [partition_of(waybill, 4) for waybill in (mine, other)] == [0, 1]
    for waybill in (mine, other, other):
        book.take(msgspec.structs.replace(event, id=f"{waybill}-{kind}", waybill=waybill))
    assert book.refused() == ["wrong_partition"]
    detail = text(book.rows["dead_letter"][0]["detail"])
    assert detail == f"{other!r} belongs on partition 1, by murmur2"
    assert {text(row["waybill"]) for row in book.rows["event"]} == {mine}


@examples(150)
@given(
    st.sampled_from((topics.ORDERS.name, topics.DEVICES.name, topics.CONTROL.name, topics.TICKS.name)),
    st.binary(),
)
def test_no_bytes_stop_a_lane(topic: str, raw: bytes) -> None:
    book = _FUZZED.block((topic, raw))
    assert not book.rows["journal"]


_FUZZED = Book()


def test_dead_letters_of_devices_and_their_replay() -> None:
    letter = DeadLetter(
        id="dl-1", time=START, reason="unknown_site", detail="", transport="mqtt", topic="t", raw=b"\xff"
    )
    again = DeadLetterReplayed(
        id="dl-replayed-1", time=START, dead_letter="dl-1", replayed_by="me", sent=b"{}"
    )
    book = Book()
    for event in (letter, letter, again, again):
        book.block((topics.DEAD_LETTERS.name, event))
    assert [row["status"] for row in book.rows["dead_letter"]] in (
        ["open", "replayed"],
        [b"open", b"replayed"],
    )
    assert [row["raw"] for row in book.rows["dead_letter"]] == [b"\xff", b"{}"], "it is kept what was sent"


@pytest.mark.parametrize("apart", [True, False])
def test_a_letter_that_is_sent_again_unmended_is_open_again(apart: bool) -> None:
    """The note comes before the record; whatever is repeated says nothing new."""
    refused = order(product="XXX")
    book = Book().block((topics.ORDERS.name, refused))
    letter = text(book.rows["dead_letter"][0]["dead_letter_id"])
    for n in (1, 2):
        note = DeadLetterReplayed(id=f"dl-replayed-{n}", time=START, dead_letter=letter, replayed_by="me")
        book.block((topics.DEAD_LETTERS.name, note), (topics.DEAD_LETTERS.name, note))
        if apart:
            book.lifecycle.ring.segment(book.lifecycle.ring.epoch)
        book.block((topics.ORDERS.name, refused), (topics.ORDERS.name, refused))
        book.block((topics.DEAD_LETTERS.name, note))
    statuses = [text(row["status"]) for row in book.rows["dead_letter"]]
    assert statuses == ["open", "replayed", "open", "replayed", "open"]


def test_a_device_s_letter_that_is_refused_again_is_open_again() -> None:
    letter = DeadLetter(id="dl-1", time=START, reason="unknown_site", detail="", transport="mqtt", topic="t")
    note = DeadLetterReplayed(id="dl-replayed-1", time=START, dead_letter="dl-1", replayed_by="me")
    book = Book()
    for event in (letter, note, letter, letter, note):
        book.block((topics.DEAD_LETTERS.name, event))
    statuses = [text(row["status"]) for row in book.rows["dead_letter"]]
    assert statuses == ["open", "replayed", "open"]


def test_a_waybill_spelled_like_a_dead_letter_meets_no_letter() -> None:
    book = Book().block((topics.ORDERS.name, order(product="XXX")))
    letter = text(book.rows["dead_letter"][0]["dead_letter_id"])
    book.take(*(msgspec.structs.replace(event, waybill=letter) for event in events_of(WHOLE)))
    assert set(book.refused()) == {"unknown_product", "waybill_out_of_pattern"}
    assert not book.rows["charge"]


def test_finished_parcels_leave_the_state_and_their_repeats_change_nothing() -> None:
    book = Book().take(*events_of(WHOLE))
    ring = book.lifecycle.ring
    for epoch in range(ring.size * 2 + 1):
        ring.segment(ring.epoch)
        if epoch == ring.size:
            assert WAYBILL in ring.records
            book.tick(START + 8 * DAY)
    assert WAYBILL not in ring.records
    before = dict(book.books())
    book.take(*events_of(WHOLE))
    assert book.books() == before
    assert set(book.refused()) == {"time_too_old"}


def test_different_weights_and_places_are_shown() -> None:
    book = Book().take(*events_of("订单 揽收 网点秤4 分拨DWS2.5"), order(id="order-2", origin_city="330100"))
    assert [row["kind"] for row in book.rows["anomaly"]] == ["place_mismatch"]
    assert [row["status"] for row in book.rows["weight_case"]] == ["opened"]


@examples(20)
@given(st.data())
def test_a_restart_anywhere_changes_no_byte(data: st.DataObject) -> None:
    """Snapshot, restore and go on: the same digests as without."""
    story = data.draw(st.permutations(data.draw(st.sampled_from(STORIES))))
    stop = data.draw(st.integers(0, len(story)))
    through, stopped = Book(), Book()
    for event in story[:stop]:
        through.take(event)
        stopped.take(event)
    earlier = [stopped.segment() for _ in range(data.draw(st.integers(0, 2)))]
    stopped.restart(*earlier)
    assert stopped.lifecycle.waits[1:] == through.lifecycle.waits[1:]
    for event in story[stop:]:
        through.take(event)
        stopped.take(event)
    through.tick(START + 70 * HOUR)
    stopped.tick(START + 70 * HOUR)
    assert stopped.digests == through.digests


def test_what_waits_is_counted_by_reason() -> None:
    book = Book()
    for story in (WHOLE, "揽收 签收 网点秤2", "订单 揽收 签收"):
        book.take(*events_of(story))
    assert sum(book.lifecycle.waits[1:]) == len(book.waiting())
    book = Book(tariffs=()).take(*events_of("订单 揽收 签收"))
    assert book.lifecycle.waits[1:4] == [0, 1, 2]
    counts.count(7, book.lifecycle.output, book.lifecycle.waits, book.lifecycle.watch.open)
    counts.count(7, book.lifecycle.output, book.lifecycle.waits, book.lifecycle.watch.open)
    assert REGISTRY.get_sample_value("waybook_waiting", {"lane": "7", "reason": "no_price"}) == 2
    book.block((topics.CONTROL.name, tariff()))
    assert book.lifecycle.waits[1:4] == [0, 1, 0]
