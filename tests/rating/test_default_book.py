"""The default book: large enough to try everything, right in every row, and made as its head says."""

import json
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from flows.fees.current import FEES
from flows.fees.model import OF_STORES
from flows.governance.network import read_network
from flows.rating.advice import advice
from flows.rating.book import read_book
from flows.rating.facts import Terms, Trial
from flows.rating.tariffs import Tariffs
from schemas.money import YUAN, parse_yuan
from schemas.times import day_of
from sources.network.directory import build
from sources.network.files import places, provinces
from sources.network.prices import country, files
from tests.rating.material import files_in
from tests.rating.test_scenarios import Case, cases

DEFAULT = Path(__file__).parents[2] / "flows" / "rating" / "default"
WORLD = build(600, 1)
PROVINCES = provinces(places())
IN_STORES = {due.price for due in FEES.dues if due.trigger in OF_STORES and due.trigger != "parcel_month"}
"""What goods in a store cost: another book's matter."""
WITH_AMOUNTS = {"damaged", "lost"}
"""Claims that say themselves how much."""
DAY = day_of(date(2025, 11, 11))


@cache
def tariffs() -> Tariffs:
    """Its prices in the simulated network."""
    network = read_network(WORLD.files)
    return Tariffs([read_book(files_in(DEFAULT), network)], network)


def test_it_is_large_enough() -> None:
    """For a network of hundreds of outlets, with prices of every kind, and for every fee that has a price at all."""
    (book,) = tariffs().books
    assert len(tariffs().context.network.outlets) >= 300
    assert sum(row.table.kind != "zones" for row in book.rows) >= 5_000
    priced = {*FEES.prices}
    assert {table.fee for table in book.tables if table.kind == "base"} == priced - WITH_AMOUNTS - IN_STORES
    assert {table.kind for table in book.tables} == {"base", "surcharge", "discount", "bounds", "zones"}


def test_it_fits_a_small_network() -> None:
    """It names no outlet."""
    assert read_book(files_in(DEFAULT), read_network(build(60, 1).files)).rows


def test_nothing_in_it_is_remarkable() -> None:
    (book,) = tariffs().books
    assert list(advice(book, tariffs().context.network, DAY)) == []


def test_its_generated_files_are_as_generated() -> None:
    """`python -m sources.network.prices flows/rating/default`."""
    committed = files_in(DEFAULT)
    made = files(country())
    assert {name: committed[name] for name in made} == made


def test_every_line_has_a_price() -> None:
    """From every province to every province, for every product and fee."""
    one = {site.province: site.code for site in WORLD.outlets}
    for origin in one.values():
        for destination in one.values():
            for product in ("STD", "EXP", "ECO"):
                facts = Trial(origin=origin, destination=destination, product=product, weight_g=2_000)
                for fee in ("waybill", "transit", "delivery"):
                    quote = tariffs().rate(fee, DAY, facts)
                    assert quote is not None, (fee, facts)
                    assert quote.amount > 0


@pytest.mark.parametrize(
    ("province", "product", "share"),
    [
        ("510000", "STD", "0.30"),
        ("510000", "EXP", "0.20"),
        ("650000", "EXP", "0.60"),
        ("310000", "STD", None),
    ],
)
def test_what_a_province_gets_of_a_transit_fee_of_ten_yuan(
    province: str, product: str, share: str | None
) -> None:
    """Some have agreed on a share, the others get none."""
    origin = next(site.code for site in WORLD.outlets if site.province == province)
    facts = Trial(origin=origin, destination=WORLD.outlets[0].code, product=product, weight_g=1_000)
    quote = tariffs().rate("province_share", DAY, facts, 10 * YUAN)
    assert (quote.amount if quote is not None else None) == (parse_yuan(share) if share else None)


@pytest.mark.parametrize("case", cases("hub_fees.csv"))
def test_what_a_hub_charges_for(case: Case) -> None:
    """Scenarios of handling and bagging: what is no ordinary parcel, and who has no bags."""
    ends = {site.province: site.code for site in WORLD.outlets}
    code = next(code for code, name in PROVINCES.items() if name == case["始发"])
    facts = Trial(
        origin=ends[code],
        destination=ends["310000"],
        product=case["产品"],
        terms=Terms(pieces=int(case["件数"]), insured=parse_yuan(case["保价"]), direction=case["方向"]),
    )
    for fee, price in (("handling", case["操作费"]), ("bagging", case["建包费"])):
        quote = tariffs().rate(fee, DAY, facts)
        assert (quote.amount if quote is not None else None) == (parse_yuan(price) if price else None), fee


def test_at_hubs_nothing_looks_at_the_weight() -> None:
    """So that a parcel need not be assessed again when it is weighed, and few parcels cost more than before."""
    assert not any(map(tariffs().weighs, ("handling", "bagging")))


def test_an_ordinary_parcel_goes_the_short_way_and_a_special_one_keeps_its_steps() -> None:
    """Which is what makes a rich book cheap."""
    origin, destination = (
        next(site.code for site in WORLD.outlets if site.city == city) for city in ("330100", "440100")
    )
    facts = Trial(
        origin=origin,
        destination=destination,
        product="ECO",
        customer="C004000",
        weight_g=800,
        longest_mm=300,
    )
    quote = tariffs().rate("transit", DAY, facts)
    assert quote is not None
    assert quote.steps == ""
    facts.customer, facts.terms = "C000100", Terms(insured=2_000 * YUAN, pieces=3)
    special = tariffs().rate("transit", DAY, facts)
    assert special is not None
    names = [step.get("name", "") for step in json.loads(special.steps)]
    assert names == ["", "", "保价附加费", "协议客户折扣", "多件减免", "half_up_fen"]
