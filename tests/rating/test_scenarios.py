"""Every row of the scenario tables is a case that someone from finance can check by hand."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import astuple

from flows.rating.book import read_book
from flows.rating.tariffs import Tariffs
from schemas.money import parse_yuan
from schemas.times import day_of
from tests.rating.material import FILES, NETWORK, book_of, parcel, scenarios

Case = dict[str, str]


def grams(kilograms: str) -> int:
    """Grams of a cell in kilograms."""
    weight = Decimal(kilograms) * 1000
    assert weight == int(weight)
    return int(weight)


def cases(name: str) -> list[object]:
    """The table's rows as pytest's parameters, named by their first column."""
    return [pytest.param(case, id=case["用例"]) for case in scenarios(name)]


@pytest.mark.parametrize("case", cases("rating_prices.csv"))
def test_prices(case: Case) -> None:
    """From weight and volume to the amount, by one price."""
    book = book_of(
        f"first_kg,first_price,continued_price\n{case['首重kg']},{case['首重价']},{case['续重价']}\n",
        weight=f'"{case["计费方式"]}"',
        divisor=case["抛比"],
        continued_unit_kg=f'"{case["续重单位"]}"',
        continued_rounding=f'"{case["续重进位"]}"',
        money_rounding=f'"{case["金额舍入"]}"',
    )
    day = day_of(date(2025, 6, 18))
    quote = Tariffs([book], NETWORK).rate(
        "transit", day, parcel("SHA", "XAB", "standard", grams(case["重量kg"]), int(case["体积cm3"]))
    )
    assert quote is not None
    amount, volumetric_g, chargeable_g, continued_g, row = astuple(quote)[:5]
    assert amount == parse_yuan(case["金额"])
    assert volumetric_g == grams(case["体积重kg"])
    assert chargeable_g == grams(case["计费重kg"])
    assert continued_g == grams(case["续重kg"])
    assert row.rounding == f"{case['金额舍入']}_fen"


@pytest.mark.parametrize("case", cases("rating_match.csv"))
def test_match(case: Case) -> None:
    """From the parcel's places, product and day to the row that prices it."""
    quote = Tariffs([read_book(FILES, NETWORK)], NETWORK).rate(
        case["费用"],
        day_of(date.fromisoformat(case["日期"])),
        parcel(case["始发网点"], case["目的网点"], case["产品"], grams(case["重量kg"])),
    )
    if not case["匹配层级"]:
        assert quote is None
        return
    assert quote is not None
    amount, row = quote.amount, quote.row
    assert (row.level, row.file, row.number) == (case["匹配层级"], case["文件"], int(case["行"]))
    assert amount == parse_yuan(case["金额"])
