"""Rating in columns is rating one by one, whatever a price depends on; and what it depends on is known."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.fees.current import FEES
from flows.fees.model import OF_STORES
from flows.governance.network import read_network
from flows.lifecycle.assess import NO_BOOK
from flows.rating.book import read_book
from flows.rating.conditions import NAMES, Condition
from flows.rating.dependence import FIELDS, dependence
from flows.rating.factors import BY_NAME, When, Words
from flows.rating.facts import Terms, Trial
from flows.rating.rerate import PRICED, UNPRICED, Charges, Coded, Rerater, distinct
from flows.rating.tariffs import Tariffs
from schemas.times import business_day
from tests.audit import world
from tests.rerating.world import everything, table

NETWORK = read_network(world.network().files)
TARIFFS = Tariffs([NO_BOOK, read_book(everything().files, NETWORK)], NETWORK)
DAYS = business_day(world.START)
OUTLETS = [*world.OUTLETS, "MARS"]


def coded(values: list[Any]) -> Coded:
    """A column, each value of its own though it may be equal to another."""
    return Coded(np.arange(len(values)), values)


def some(luck: random.Random) -> Trial:
    """A parcel."""
    return Trial(
        origin=luck.choice(OUTLETS),
        destination=luck.choice(OUTLETS),
        product=luck.choice(["STD", "EXP"]),
        customer=luck.choice(["C1", "C2", "C3"]),
        payment=luck.choice([0, 95_500]),
        weight_g=luck.choice([0, 900, 2_501]),
        volume_cm3=luck.choice([0, 30_000]),
        longest_mm=luck.choice([0, 300, 611]),
        hubs=luck.choice([(), ("HSH",), ("HSH", "HXA")]),
        terms=luck.choice([None, Terms(pieces=5, channel="taobao", insured=10_000_000), Terms(cod=885_000)]),
    )


def charges(fees: list[str], days: list[int], parcels: list[Trial]) -> Charges:
    """Columns of these."""
    facts: Mapping[str, Coded] = {
        name: coded([getattr(parcel, name) for parcel in parcels]) for name in FIELDS if name != "stay"
    }
    here, there, product = (
        coded([getattr(one, name) for one in parcels]) for name in ("origin", "destination", "product")
    )
    whole = np.array(days, np.int64)
    amounts = np.full_like(whole, 12_300)
    return Charges(coded(fees), np.ones_like(whole), amounts, whole, here, there, product, facts)


@given(st.integers(0, 1 << 30))
@example(0)
def test_columns_are_rated_as_one_by_one(seed: int) -> None:
    luck = random.Random(seed)
    prices = {
        fee: due.price for due in FEES.dues for fee in due.fees if due.price and due.trigger not in OF_STORES
    }
    fees = [luck.choice([*prices, "freight", "unknown"]) for _ in range(40)]
    days = [DAYS + luck.randrange(-1, 4) for _ in fees]
    parcels = [some(luck) for _ in fees]
    after, state = Rerater(TARIFFS, FEES).rate(charges(fees, days, parcels))
    for n, (fee, day, parcel) in enumerate(zip(fees, days, parcels, strict=True)):
        if fee not in prices:
            assert (after[n], state[n]) == (12_300, PRICED)
            continue
        quote = TARIFFS.rate(prices[fee], day, parcel)
        if quote is None or (TARIFFS.needs_weight(prices[fee], quote.row) and not parcel.weight_g):
            assert (after[n], state[n]) == (0, UNPRICED)
        else:
            assert (after[n], state[n]) == (quote.amount, PRICED)


@pytest.mark.parametrize("fee", ["cold_in", "storage", "cold_out", "linehaul", "storage_month"])
def test_what_goods_in_stores_cost_stays_though_the_book_has_no_price_or_another(fee: str) -> None:
    files = everything().files
    toml = files["book.toml"] + table(fee, "stored")
    priced = Tariffs(
        [NO_BOOK, read_book({**files, "book.toml": toml, "stored.csv": "price\n7\n"}, NETWORK)], NETWORK
    )
    parcel = some(random.Random(1))
    quote = priced.rate(fee, DAYS, parcel)
    assert quote is not None
    assert quote.amount == 70_000
    assert TARIFFS.rate(fee, DAYS, parcel) is None
    for tariffs in (TARIFFS, priced):
        after, state = Rerater(tariffs, FEES).rate(charges([fee], [DAYS], [parcel]))
        assert (after[0], state[0]) == (12_300, PRICED)


def test_what_prices_depend_on() -> None:
    found = Rerater(TARIFFS, FEES).depends
    assert found["transit"] == {"customer", "weight_g", "volume_cm3", "longest_mm", "terms"}
    assert found["waybill"] == {"terms"}
    assert found["delivery"] == {"terms", "weight_g", "volume_cm3"}
    assert found["delivery_piece"] == {"hubs"}
    assert found["redirect"] == {"payment"}
    assert found["pickup_piece"] == found["handling"] == frozenset()


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"condition"}))
def test_of_every_factor_it_is_known_what_it_depends_on(name: str) -> None:
    assert dependence((), [Words(name, ("A",))]) <= set(FIELDS)


@pytest.mark.parametrize("name", NAMES)
def test_of_every_name_in_conditions_it_is_known_what_it_depends_on(name: str) -> None:
    assert dependence((), [When(Condition(f"{name} == {name}"))]) <= set(FIELDS)


@pytest.mark.parametrize("size", [1, 1 << 31, 1 << 61])
def test_distinct_rows_however_large_the_numbers(size: int) -> None:
    luck = random.Random(size)
    columns = [np.array([luck.choice([0, 1, size]) for _ in range(200)], np.int64) for _ in range(3)]
    first, of = distinct(columns)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert sorted(rows[n] for n in first) == sorted(set(rows))
    assert [rows[first[n]] for n in of] == rows
    assert all(rows.index(rows[n]) == n for n in first)
