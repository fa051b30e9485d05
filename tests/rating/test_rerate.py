"""Rating in columns is rating one by one, whatever a price depends on; and what it depends on is known."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.fees.current import FEES, TEXTS
from flows.fees.model import OF_STORES
from flows.fees.read import read_fees
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
        shared = rated("transit", day, parcel) if fee == "province_share" else 0
        amount = None if shared is None else rated(prices[fee], day, parcel, shared)
        assert (after[n], state[n]) == ((0, UNPRICED) if amount is None else (amount, PRICED))


def rated(price: str, day: int, parcel: Trial, shared: int = 0) -> int | None:
    """What a parcel would be charged; None: nothing, for want of a price or a weight."""
    quote = TARIFFS.rate(price, day, parcel, shared)
    if quote is None or (TARIFFS.needs_weight(quote.row) and not parcel.weight_g):
        return None
    return quote.amount


@pytest.mark.parametrize(
    ("of", "facts", "shared"), [("freight", {"payment"}, 95_500), ("cod", {"terms"}, 885_000)]
)
def test_a_share_of_what_the_order_says(of: str, facts: set[str], shared: int) -> None:
    dues, *texts = TEXTS
    fees = read_fees(dues.replace('share_of = "transit"', f'share_of = "{of}"'), *texts)
    files = {
        "book.toml": 'name = "shares"\n' + table("province_share", "share", "percent", of='"shared"'),
        "share.csv": "percent\n10\n",
    }
    rerater = Rerater(Tariffs([NO_BOOK, read_book(files, NETWORK, fees.prices)], NETWORK), fees)
    assert rerater.facts == facts
    parcels = [Trial(origin="SH1", destination="XA1", payment=95_500, terms=Terms(cod=885_000))] * 2
    after, state = rerater.rate(charges(["province_share", "waybill"], [DAYS, DAYS], parcels))
    assert (after.tolist(), state.tolist()) == ([round(shared / 1_000) * 100, 0], [PRICED, UNPRICED])


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
    assert found["province_share"] == {"terms", "weight_g", "volume_cm3"}
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
