"""Prices by the customer's parcels in the month so far: which count a charge uses, whatever the order of events."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.lifecycle.volumes import Volumes
from schemas import topics
from schemas.events import VolumesCounted
from schemas.times import DAY, HOUR, SHANGHAI_OFFSET, day_of
from tests.lifecycle.test_fees import check_books
from tests.lifecycle.world import BOOK, DISCOUNT, START, Book, events_of, order, scan, tariff
from tests.rating.material import scenarios

BY_MONTH = {
    **BOOK,
    "book.toml": BOOK["book.toml"] + DISCOUNT,
    "month.csv": "month_parcels,percent\n1000..1999,10\n2000..,20\n",
}
CASES = scenarios("volumes.csv")


def counted(day: date, parcels: int, at: int = 1, **changed: Any) -> VolumesCounted:
    """A count of customer C1 through a day."""
    made = VolumesCounted(
        id=f"v-{day}-{at}-{parcels}",
        time=START + at,
        count=f"{day}={parcels}",
        month=day.replace(day=1),
        through_day=day,
        volumes={"C1": parcels, "C2": 7_000} if parcels else {"C2": 7_000},
        blocks={"0": 1},
    )
    return msgspec.structs.replace(made, **changed)


def waybill_fee(book: Book) -> tuple[str, str]:
    """What the waybill fee came to, and the count that its explanation names."""
    (row,) = [row for row in book.rows["charge"] if row["fee"] == "waybill"]
    factors = json.loads(row["steps"])[0].get("factors", {}) if row["steps"] else {}
    day, _, parcels = factors.get("month_count", "").partition("=")
    assert factors.get("month_parcels", "") == parcels
    return f"{row['amount']:.2f}", day


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    at = (day_of(date.fromisoformat(case["揽收日"])) * DAY) - SHANGHAI_OFFSET + 10 * HOUR
    book = Book((tariff(BY_MONTH),), horizon=40 * DAY)
    for n, word in enumerate(case["统计"].split(), 1):
        day, _, parcels = word.partition(":")
        parcels, _, when = parcels.partition("@")
        book.block(
            (topics.CONTROL.name, counted(date.fromisoformat(day), int(parcels), int(when or n))),
        )
    book.take(order(at), scan("揽收", at))
    assert waybill_fee(book) == (case["面单费"], case["用的统计"])
    assert book.refused() == []
    check_books(book)


def test_a_parcel_keeps_its_price_until_something_happens_to_it() -> None:
    book = Book((tariff(BY_MONTH),)).take(*events_of("订单 揽收"))
    book.block((topics.CONTROL.name, counted(date(2025, 11, 10), 1000)))
    assert book.net("waybill") == Decimal("1.00")
    book.take(order(START + 2 * HOUR, id="order-2"))
    assert book.net("waybill") == Decimal("0.90")
    check_books(book)


def test_a_book_without_such_prices_looks_at_no_count() -> None:
    book = Book()
    assert not book.lifecycle.rules.by_month
    book.block((topics.CONTROL.name, counted(date(2025, 11, 10), 1000))).take(*events_of("订单 揽收"))
    assert book.net("waybill") == Decimal("1.00")
    (parcel,) = book.lifecycle.ring.records.values()
    assert (parcel.month_parcels, parcel.month_count) == (0, "")
    assert [row["customer"] for row in book.rows["volume"]] == ["C1", "C2"]


def test_a_parcel_that_waits_for_such_a_price_gets_it() -> None:
    files = {
        **BOOK,
        "waybill.csv": "month_parcels,price\n1000..,0.70\n",
    }
    name = next(name for name in BOOK if name.startswith("waybill"))
    files = {**BOOK, name: "month_parcels,price\n1000..,0.70\n"}
    book = Book((tariff(files),)).take(*events_of("订单 揽收"))
    assert book.waiting() == {"waybill": "no_price"}
    book.block((topics.CONTROL.name, counted(date(2025, 11, 10), 1000)))
    assert book.waiting() == {}
    assert book.net("waybill") == Decimal("0.70")


WRONG = [
    {"month": date(2025, 11, 2)},
    {"month": date(2025, 10, 1)},
    {"part": 3, "parts": 2},
]


@pytest.mark.parametrize("changed", WRONG)
def test_a_wrong_count_is_refused(changed: dict[str, Any]) -> None:
    book = Book((tariff(BY_MONTH),)).block(
        (topics.CONTROL.name, counted(date(2025, 11, 10), 1000, **changed))
    )
    assert book.refused() == ["volumes_refused"]
    assert not book.rows["volume"]


@given(st.data())
def test_the_counts_that_hold_are_those_that_came_whatever_their_order(data: st.DataObject) -> None:
    days = data.draw(
        st.lists(st.dates(date(2025, 9, 1), date(2025, 11, 20)), min_size=1, max_size=5, unique=True)
    )
    events = [
        counted(day, 0, at, count=f"{day}-{at % 2}", part=part, parts=parts, volumes={f"C{part}": at % 2})
        for day in days
        for parts in [data.draw(st.integers(1, 3))]
        for at in range(1, data.draw(st.integers(2, 4)))
        for part in range(1, parts + 1)
    ]
    shuffled = data.draw(st.permutations(events)) + data.draw(st.lists(st.sampled_from(events), max_size=3))
    kept, straight = Volumes(), Volumes()
    for event in shuffled:
        kept.take(event)
    for event in events:
        straight.take(event)
    assert kept.days == straight.days
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=Volumes)
    assert again == kept
    newest = max(days)
    for day in days:
        if (newest.year, newest.month) == (day.year, day.month):
            best = max((one for one in events if one.through_day == day), key=lambda one: one.time)
            assert kept.of("C1", day_of(day) + 1) in ((best.volumes["C1"], best.count), (0, ""))
            assert day_of(day) in kept.days


def test_a_count_that_is_told_twice_is_one() -> None:
    """Two jobs at once, or one that did not hear that Kafka had it: later, and from other blocks."""
    tenth, book = date(2025, 11, 10), Book((tariff(BY_MONTH),))
    first = counted(tenth, 1000, at=1)
    again = msgspec.structs.replace(first, time=START + 3, blocks={"0": 9}, by="another")
    book.block((topics.CONTROL.name, first), (topics.CONTROL.name, again))
    assert [row["customer"] for row in book.rows["volume"]] == ["C1", "C2"]
    book.restart().block((topics.CONTROL.name, counted(tenth, 999, at=2)))
    assert len(book.rows["volume"]) == 2, "it was counted before what was told again"
    book.take(*events_of("订单 揽收"))
    assert waybill_fee(book) == ("0.90", "2025-11-10")
    book.block((topics.CONTROL.name, counted(tenth, 999, at=4)))
    assert len(book.rows["volume"]) == 4
    assert book.refused() == []


def test_a_restart_forgets_no_count() -> None:
    book = Book((tariff(BY_MONTH),))
    half = counted(date(2025, 11, 10), 1000, part=1, parts=2)
    book.block((topics.CONTROL.name, half))
    book.restart()
    second = msgspec.structs.replace(half, id="second", part=2, volumes={"C2": 7_000})
    book.block((topics.CONTROL.name, second))
    book.restart().take(*events_of("订单 揽收"))
    assert waybill_fee(book) == ("0.90", "2025-11-10")
