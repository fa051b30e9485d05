"""Which fees and days a publication touches: not where the tables stand, only what they say on a day."""

import datetime as dt

import pytest

from flows.rating.book import read_book
from flows.rating.model import NO_END, Book
from flows.rating.settings import FILE
from flows.rating.tariffs import Tariffs
from flows.rating.touched import Spans, touched
from schemas.times import day_of
from tests.rating.material import FILES, NETWORK, WEIGHT, parcel

ONE, TWO = (f"2025-01-{day:02d}" for day in (1, 10))


def day(text: str) -> int:
    """A date as days since 1970."""
    return day_of(dt.date.fromisoformat(text))


def book(*tables: str, name: str = "甲", holidays: str = "", order: str = "", **prices: str) -> Book:
    """A book of tables; `prices`: the text of each CSV file."""
    more = {"holidays": holidays, "adjustments": order}
    toml = (
        f'name = "{name}"\n' + "".join(f'{key} = "{text}"\n' for key, text in more.items() if text) + WEIGHT
    )
    files = {FILE: toml + "".join(tables), **{f"{file}.csv": text for file, text in prices.items()}}
    return read_book(files, NETWORK)


def table(file: str, first: str = ONE, last: str = "", fee: str = "waybill", more: str = "") -> str:
    """A flat table."""
    until = f"effective_to = {last}\n" if last else ""
    return f'[[table]]\nfee = "{fee}"\nfile = "{file}.csv"\nshape = "flat"\neffective_from = {first}\n{until}{more}\n'


def spans(*ends: str) -> Spans:
    """First and last days in turn; "" for no end."""
    days = [day(text) if text else NO_END for text in ends]
    return tuple(zip(days[::2], days[1::2], strict=True))


OLD = book(table("a"), a="price\n1.00\n")


def test_the_order_of_surcharges_and_discounts() -> None:
    """Where both are in force; a base price does not mind."""
    adjusted = ('kind = "surcharge"\nname = "加"', 'kind = "discount"\nname = "减"')
    tables = (table("a"), table("b", TWO, more=adjusted[0]), table("c", TWO, more=adjusted[1]))
    prices = dict.fromkeys("abc", "price\n1.00\n")
    usual = book(*tables, **prices)
    mixed = book(*tables, order="as_listed", **prices)
    assert touched([usual], [mixed]) == touched([mixed], [usual]) == {"waybill": spans(TWO, "")}
    assert touched([OLD], [book(table("a"), order="as_listed", a="price\n1.00\n")]) == {}


def test_what_says_the_same_touches_nothing() -> None:
    again = book(table("other", ONE, "2025-01-09"), table("b", TWO), other="price\n1.00\n", b="price\n1.0\n")
    assert touched([OLD], [OLD]) == {}
    assert touched([OLD], [again]) == {}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (book(table("a"), a="price\n1.10\n"), spans(ONE, "")),
        (
            book(table("a", ONE, "2025-01-09"), table("b", TWO), a="price\n1.00\n", b="price\n2.00\n"),
            spans(TWO, ""),
        ),
        (book(table("a", ONE, "2025-01-09"), a="price\n1.00\n"), spans(TWO, "")),
        (book(table("a", "2025-01-03"), a="price\n1.00\n"), spans(ONE, "2025-01-02")),
        (
            book(
                table("a"), table("b", TWO, "2025-01-12", more="priority = 1"), a="price\n1\n", b="price\n3\n"
            ),
            spans(TWO, "2025-01-12"),
        ),
        (book(table("a", more='money_rounding = "up"'), a="price\n1.00\n"), spans(ONE, "")),
    ],
    ids=["price", "from a day on", "ends", "begins later", "for three days", "rounding"],
)
def test_days_on_which_tables_differ(after: Book, expected: Spans) -> None:
    assert touched([OLD], [after]) == {"waybill": expected}
    assert touched([after], [OLD]) == {"waybill": expected}


def test_only_the_newest_of_a_name_counts_and_other_names_add() -> None:
    dearer = book(table("a"), a="price\n1.10\n")
    assert touched([OLD], [dearer, OLD]) == {}
    other = book(table("a", TWO, fee="delivery"), name="乙", a="price\n1\n")
    assert touched([OLD], [OLD, other]) == {"delivery": spans(TWO, "")}
    assert touched([OLD, other], [OLD]) == {"delivery": spans(TWO, "")}


def test_zones_and_holidays_touch_the_fees_that_name_them() -> None:
    zones = '[[zones]]\nfactor = "zone"\nfile = "z.csv"\neffective_from = 2025-01-01\n'
    by_zone = table("a") + zones
    prices = {
        "a": "zone,price\n,1\n近,0.9\n",
        "z": "origin_province,destination_province,value\n上海,陕西,近\n",
    }
    near = book(by_zone, table("b", fee="delivery"), b="price\n1\n", **prices)
    far = book(
        by_zone,
        table("b", fee="delivery"),
        b="price\n1\n",
        **{**prices, "z": prices["z"].replace("近", "远")},
    )
    assert touched([near], [far]) == {"waybill": spans(ONE, "")}
    dated = {"a": "holiday,price\n,1\n国庆,2\n", "h": "date,name\n2025-10-01,国庆\n"}
    one = book(table("a"), holidays="h.csv", **dated)
    two = book(table("a"), holidays="h.csv", **{**dated, "h": "date,name\n2025-10-02,国庆\n"})
    assert touched([one], [two]) == {"waybill": spans("2025-10-01", "2025-10-02")}
    bare = {"a": "price\n1\n", "h": dated["h"]}
    same = book(table("a"), holidays="h.csv", **bare)
    assert touched([same], [book(table("a"), a="price\n1\n")]) == {}


def test_untouched_days_have_the_same_prices() -> None:
    before = read_book(FILES, NETWORK)
    changed = {**FILES, "transit-2026.csv": FILES["transit-2026.csv"].replace(".00", ".10")}
    after = read_book(changed, NETWORK)
    found = touched([before], [after])
    assert list(found) == ["transit"]
    old, new = Tariffs([before], NETWORK), Tariffs([after], NETWORK)
    differ = 0
    for number in range(day("2025-01-01"), day("2027-01-01")):
        for fee in ("waybill", "transit", "delivery"):
            one, other = (tariffs.rate(fee, number, parcel("SHC", "XAD")) for tariffs in (old, new))
            amounts = [quote and quote.amount for quote in (one, other)]
            if amounts[0] != amounts[1]:
                differ += 1
                assert any(first <= number <= last for first, last in found[fee])
    assert differ
