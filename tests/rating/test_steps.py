"""The text of a price's steps is that of their encoding, whatever stands in a book."""

from datetime import date

import msgspec
import pytest

from flows.rating.book import read_book
from flows.rating.facts import Terms, Trial
from flows.rating.settings import FILE
from flows.rating.steps import Step
from flows.rating.tariffs import Tariffs
from schemas.times import day_of
from tests.rating.material import NETWORK, TRANSIT, book_toml

DAY = day_of(date(2025, 11, 11))
NAMES = ('燃油"附加费"', "A\\B")
"""A quotation mark and a backslash in the book's names."""
PRICES = "first_kg,first_price,continued_price\n1,3.00,1.50\n"
MORE = {"fee": '"transit"', "effective_from": "2025-01-01"}


def of(name: str, file: str, shape: str, **settings: str) -> dict[str, str]:
    """A table of surcharges, or of what `kind` says."""
    found = {"kind": '"surcharge"', "name": msgspec.json.encode(name).decode(), "file": f'"{file}"'}
    return MORE | found | {"shape": f'"{shape}"'} | settings


def steps_of(tariffs: Tariffs, facts: Trial) -> list[Step]:
    """The steps of transit, whose text is the encoding of what it says."""
    quote = tariffs.rate("transit", DAY, facts)
    assert quote is not None
    steps = msgspec.json.decode(quote.steps, type=list[Step])
    assert msgspec.json.encode(steps).decode() == quote.steps
    return steps


def test_every_kind_of_step_is_encoded_as_such() -> None:
    discount = {"kind": '"discount"', "group": '"g"', "of": '"subtotal"'}
    bounds = {"kind": '"bounds"', "file": '"bounds.csv"', "shape": '"bounds"'}
    tables = (
        TRANSIT,
        of(NAMES[0], "fuel.csv", "percent", of='"base"'),
        of(NAMES[1], "pieces.csv", "per_unit", weight='"actual"', each='"pieces"'),
        of("五", "five.csv", "percent", **discount),
        of("四", "four.csv", "percent", **discount),
        MORE | bounds,
    )
    files = {
        FILE: book_toml(*tables),
        "prices.csv": PRICES,
        "fuel.csv": "weight_kg,date,percent\n0..9,2025-11-11,8.25\n0..20,,8\n",
        "pieces.csv": "product,price\n,0.10\n",
        "five.csv": "percent\n5\n",
        "four.csv": "percent\n4\n",
        "bounds.csv": "floor,cap\n1.00,7.00\n",
    }
    facts = Trial(origin="SHA", destination="XAB", product="standard", weight_g=3_333, terms=Terms(pieces=3))
    steps = steps_of(Tariffs([read_book(files, NETWORK)], NETWORK), facts)
    first, base, fuel, pieces, five, capped, rounding = steps
    assert first == Step("factors", factors={"weight": "3.333"})
    assert (base.where, base.total) == ("prices.csv:2", "6.4995")
    assert (fuel.name, fuel.of, fuel.amount, fuel.factors) == (
        NAMES[0],
        "base",
        "0.53620875",
        {"date": "2025-11-11"},
    )
    assert fuel.passed_over == "fuel.csv:3 less_specific"
    assert (pieces.name, pieces.times, pieces.each, pieces.amount) == (NAMES[1], "3", "pieces", "0.9999")
    assert five.passed_over == "four.csv:2 lower_amount 0.32142435"
    assert (capped.kind, capped.terms[0][0], capped.total) == ("bounds", "maximum", "7.00")
    assert rounding == Step("rounding", name="half_up_fen", total="7.00")


def test_a_row_of_another_book_says_which() -> None:
    """Beside a base price of its own book the same row does not."""
    promotion = {"kind": '"discount"'}
    files = {
        FILE: book_toml(TRANSIT, of("促销", "off.csv", "flat", **promotion)),
        "prices.csv": PRICES,
        "off.csv": "price\n0.50\n",
    }
    book = read_book(files, NETWORK)
    newer = {
        FILE: book_toml(TRANSIT).replace("测试", "又"),
        "prices.csv": PRICES.replace("first_kg", "product,first_kg").replace("\n1", "\nstandard,1"),
    }
    other = read_book(newer, NETWORK)
    tariffs = Tariffs([book, other], NETWORK)
    places = [
        [step.where for step in steps_of(tariffs, Trial(origin="SHA", destination="XAB", product=product))]
        for product in ("standard", "express")
    ]
    assert places == [
        ["prices.csv:2", f"off.csv:2@{book.version}", ""],
        ["prices.csv:2", "off.csv:2", ""],
    ]


def test_a_share_beside_prices_by_the_month_tells_each_customers_own_count() -> None:
    """The shares are of the same amount, by the same row."""
    share = {"fee": '"province_share"', "effective_from": "2025-01-01"}
    percent = {"file": '"share.csv"', "shape": '"percent"', "of": '"shared"', "effective_to": "2025-12-31"}
    by_month = {"file": '"month.csv"', "shape": '"graduated"', "measure": '"month_parcels"'}
    files = {
        FILE: book_toml(share | percent, share | by_month | {"effective_from": "2026-01-01"}),
        "share.csv": "percent\n5\n",
        "month.csv": "..100,100..\n0.10,0.20\n",
    }
    tariffs = Tariffs([read_book(files, NETWORK)], NETWORK)
    told = []
    for parcels, count in ((5, "first"), (70, "second")):
        facts = Trial(origin="SHA", destination="XAB", month_parcels=parcels, month_count=count)
        quote = tariffs.rate("province_share", DAY, facts, 120_000)
        assert quote is not None
        told.append(msgspec.json.decode(quote.steps, type=list[Step])[0].factors)
    assert told == [
        {"month_parcels": "5", "month_count": "first", "shared": "12.00"},
        {"month_parcels": "70", "month_count": "second", "shared": "12.00"},
    ]


@pytest.mark.parametrize(("weight_g", "amount"), [(1_000, 60_000), (3_000, 60_000), (5_000, 90_000)])
def test_a_cap_below_the_floor_never_counts(weight_g: int, amount: int) -> None:
    """Where it is not raised to the floor, a price of 3.00 and 1.50 more for each further kilogram says it all."""
    bounds = {"kind": '"bounds"', "file": '"bounds.csv"', "shape": '"bounds"'}
    files = {FILE: book_toml(TRANSIT, MORE | bounds), "prices.csv": PRICES, "bounds.csv": "floor,cap\n6,5\n"}
    tariffs = Tariffs([read_book(files, NETWORK)], NETWORK)
    quote = tariffs.rate("transit", DAY, Trial(origin="SHA", destination="XAB", weight_g=weight_g))
    assert quote is not None
    assert (quote.amount, bool(quote.steps)) == (amount, weight_g == 1_000)
