"""Hauls for stores' customers, and the least that a month in store costs: the newest word counts, in any order."""

import json
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.words import FEES as LABELS
from schemas.events import StoreEvent, TariffWithdrawn
from schemas.reasons import WAITING
from schemas.times import DAY
from tests.rating.material import scenarios
from tests.storage.world import (
    HAUL,
    Store,
    haul,
    hauls,
    holds_together,
    linehaul,
    moment,
    month,
    package,
    shipped,
    tariff,
    yuan,
)
from tests.volume import examples

CASES = scenarios("hauls.csv")
MONTH = "C-FISH:2025-11"


def both(**more: Any) -> Store:
    """A lane with the books of the store, of the carrier and of packages."""
    return Store(tariff(), **more).take(linehaul(), package())


def agrees(store: Store, case: dict[str, str]) -> None:
    """The books say what the case says."""
    assert store.refused() == []
    charged = {f"{LABELS[fee][0]}={amount:.2f}" for (fee, _), (_, amount) in store.charged(HAUL).items()}
    assert charged == set(case["费用"].split())
    waits = {f"{LABELS[due][0]}={WAITING[reason]}" for due, reason in store.waits(HAUL).items()}
    assert waits == set(case["等待"].split())
    holds_together(store)


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    store = both()
    for word in hauls(case["经过"]):
        store.until_moment(word.time).take(word)
    agrees(store, case)


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario_heard_backwards_and_twice(case: dict[str, str]) -> None:
    store = both().until("13日00:00")
    for word in reversed(hauls(case["经过"])):
        store.take(word, word).restart()
    agrees(store, case)


WORDS = sorted({word for case in CASES for word in case["经过"].split("；")})
COUNTS = [
    *(
        month("11", amount, at)
        for amount, at in (("310.50", "31日12:00"), ("480", "32日01:00"), ("600", "32日02:00"))
    ),
    *(
        shipped("11", parcels, at)
        for parcels, at in ((3, "31日12:00"), (4, "32日01:30"), (0, "32日02:30"), (2, "32日03:00"))
    ),
]


@examples(20)
@given(
    st.sets(st.sampled_from(WORDS)),
    st.sets(st.sampled_from(range(len(COUNTS)))),
    st.randoms(use_true_random=False),
)
def test_any_order_and_repetition_end_in_the_same_books(
    heard: set[str], counted: set[int], chance: random.Random
) -> None:
    told = [*(haul(words) for words in sorted(heard)), *(COUNTS[n] for n in sorted(counted))]
    in_order, other = (both(patient=True).until("33日00:00") for _ in range(2))
    in_order.take(*told)
    again = [*told, *chance.sample(told, len(told) // 2)]
    chance.shuffle(again)
    for one in again:
        other.take(one)
        if chance.random() < 0.2:
            other.restart()
    assert in_order.refused() == other.refused() == []
    for name in (HAUL, MONTH):
        assert in_order.charged(name) == other.charged(name)
        assert in_order.waits(name) == other.waits(name)
    assert in_order.books() == other.books()
    holds_together(other)


def test_a_month_that_falls_short_is_made_up_for() -> None:
    store = both().until("31日12:00").take(month("11", "310.50"))
    assert store.charged(MONTH) == {("storage_month", "2025-11-30"): ("C-FISH", Decimal("189.50"))}
    (row,) = store.rows["charge"]
    assert str(row["business_date"]) == "2025-11-30"
    assert json.loads(row["steps"])
    store.take(month("11", "480", at="31日12:01"))
    assert store.charged(MONTH)["storage_month", "2025-11-30"][1] == 20
    store.take(month("11", "600", at="31日12:03"), month("11", "400", at="31日12:02"))
    assert store.charged(MONTH)["storage_month", "2025-11-30"][1] == 0
    holds_together(store)


def test_a_month_that_was_none_is_taken_back() -> None:
    store = both().until("31日12:00").take(month("11", "310.50"))
    store.take(month("11", "0", at="31日12:01", cancelled=True))
    assert store.charged(MONTH) == {}
    holds_together(store)


def test_each_customer_has_its_own_least() -> None:
    store = both().until("31日12:00").take(month("11", "7000", customer="C-MEAT"))
    assert store.charged("C-MEAT:2025-11") == {("storage_month", "2025-11-30"): ("C-MEAT", Decimal(1000))}


def test_another_least_corrects_months_and_a_withdrawal_takes_it_back() -> None:
    store = both().until("31日12:00").take(month("11", "310.50")).until("80日00:00")
    dearer = tariff(month="customer,minimum\n,600.00\n")
    assert store.take(dearer).charged(MONTH)["storage_month", "2025-11-30"][1] == Decimal("289.50")
    store.take(TariffWithdrawn(id="w", time=moment("80日00:00"), version=dearer.version))
    assert store.charged(MONTH)["storage_month", "2025-11-30"][1] == Decimal("189.50")
    holds_together(store)


def test_a_package_is_charged_beside_the_least_of_the_same_month() -> None:
    store = both().until("31日12:00").take(month("11", "310.50"), shipped("11", 4))
    assert {key[0]: amount for key, (_, amount) in store.charged(MONTH).items()} == {
        "storage_month": Decimal("189.50"),
        "package": Decimal("32.50"),
    }
    *_, row = (row for row in store.rows["charge"] if row["fee"] == "package")
    assert json.loads(row["steps"])[0]["factors"] == {
        "customer": "C-FISH",
        "month_parcels": "4",
        "month_count": shipped("11", 4).id,
    }
    store.take(shipped("11", 0, "31日12:01")).restart()
    assert {key[0] for key in store.charged(MONTH)} == {"storage_month"}
    holds_together(store)


def test_a_book_without_a_least_charges_no_month() -> None:
    store = Store(linehaul()).until("31日12:00").take(month("11", "310.50"))
    assert (store.charged(MONTH), store.waits(MONTH), store.refused()) == ({}, {}, [])
    assert len(store.rows["stay_month"]) == 1


def test_a_word_long_after_meets_what_is_booked_or_is_refused() -> None:
    """So a correction never charges under numbers that are used."""
    store = both().until("31日12:00").take(month("11", "310.50"), haul("31日11:00 同城配送 冷冻 4.2m"))
    store.until("100日00:00").restart()
    store.take(month("11", "480", at="99日12:00"), haul("99日12:00 同城配送 冷冻 9.6m 31日"))
    assert store.charged(MONTH)["storage_month", "2025-11-30"][1] == 20
    assert store.charged(HAUL) == {("city_delivery", "2025-12-01"): ("C-FISH", Decimal(620))}
    store.until("215日00:00").restart()
    late = [month("11", "490", at="214日12:00"), haul("214日12:00 同城配送 冷冻 4.2m 31日")]
    assert store.take(*late).refused() == ["time_too_old"] * 2
    holds_together(store)


REFUSED: dict[str, Any] = {
    "unknown_site": {"site": "NOWHERE"},
    "unknown_outlet": {"site": "SH-HUB"},
    "unknown_party": {"customer": "NOBODY"},
    "unknown_service": {"service": "storage"},
    "time_too_old": {"time": moment("1日00:00") - 3 * DAY - 1},
    "time_in_future": {"time": moment("1日00:11")},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_refused(reason: str) -> None:
    store = both()
    bad = msgspec.structs.replace(haul("1日00:00 同城配送 冷冻 4.2m"), **REFUSED[reason])
    assert store.take(bad, bad).refused() == [reason]
    assert store.rows["haul"] == []


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (haul("31日12:00 同城配送 4.2m 到NOWHERE"), "unknown_outlet"),
        (haul("31日12:00 同城配送 4.2m 40日"), "time_in_future"),
        (haul("31日12:00 storage_month"), "unknown_service"),
        (month("11", "1", due="storage"), "unknown_service"),
        (month("11", "1", outlet="NOWHERE"), "unknown_outlet"),
        (month("11", "1", customer="NOBODY"), "unknown_party"),
        (month("12", "1"), "time_in_future"),
        (month("11", "1", due="package"), "unknown_service"),
        (shipped("11", 1, due="storage_month"), "unknown_service"),
        (shipped("11", 1, customer="NOBODY"), "unknown_party"),
        (shipped("12", 1), "time_in_future"),
        (month("8", "1"), "time_too_old"),
    ],
)
def test_a_word_that_cannot_be(word: StoreEvent, reason: str) -> None:
    assert both().until("31日12:00").take(word).refused() == [reason]


def test_a_month_is_told_when_it_is_over_and_not_before() -> None:
    store = both().until("30日23:59")
    assert store.take(month("11", "1", at="30日23:59")).refused() == ["time_in_future"]
    store.until("31日00:00").take(month("11", "2", at="31日00:00"))
    assert store.charged(MONTH)["storage_month", "2025-11-30"][1] == 498


def test_words_as_they_are_stored() -> None:
    store = both().until("11日12:00")
    store.take(haul("11日09:00 干线 1000公斤 2方 3件 到XAB 保价500 上楼 取消"))
    (row,) = store.rows["haul"]
    names = (
        "haul",
        "service",
        "status",
        "outlet",
        "destination",
        "services",
        "pieces",
        "pallets",
        "weight_g",
        "insured",
    )
    assert tuple(row[name] for name in names) == (
        *(HAUL, "linehaul", "cancelled", "SHA", "XAB", "upstairs", 3, -1, 1_000_000),
        Decimal(500),
    )
    assert yuan("500") == [row["insured"]]
