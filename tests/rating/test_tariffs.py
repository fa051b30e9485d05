"""Publications one after the other, and what is remembered between parcels."""

from datetime import date

import msgspec
import pytest

from flows.rating import remembered
from flows.rating.book import Book, read_book
from flows.rating.settings import FILE
from flows.rating.tariffs import Tariffs
from schemas.limits import MOST_WEIGHT_G
from schemas.money import YUAN, parse_yuan
from schemas.times import day_of
from tests.rating.material import FILES, NETWORK, TRANSIT, book_of, book_toml, parcel

DAY = day_of(date(2025, 6, 18))
PARCEL = parcel("SHA", "XAB")
HEADER = "origin_city,destination_province,first_kg,first_price,continued_price\n"
OLD = book_of(HEADER + ",,1,9.00,0\n上海,陕西,1,3.00,1.50\n")


def price(tariffs: Tariffs, day: int = DAY, origin: str = "SHA") -> int | None:
    """What the transit of a parcel costs, in units."""
    quote = tariffs.rate("transit", day, parcel(origin, "XAB", weight_g=2_500))
    return quote.amount if quote else None


def renamed(book: Book) -> Book:
    """The same book under another name: it stands beside the first one instead of replacing it."""
    return msgspec.structs.replace(book, name="另一本")


def test_a_book_replaces_the_one_of_the_same_name() -> None:
    """As a whole: a row that it no longer has is in force no longer."""
    newer = book_of(HEADER + ",,1,7.00,0\n")
    assert price(Tariffs([OLD, newer], NETWORK)) == 7 * YUAN
    assert price(Tariffs([newer, OLD], NETWORK)) == 5.25 * YUAN


def test_a_newer_book_of_another_name_wins_among_equals_only() -> None:
    """What it does not mention stays as it was, and a more specific old row still wins."""
    newer = renamed(book_of(HEADER + ",,1,7.00,0\n"))
    tariffs = Tariffs([OLD, newer], NETWORK)
    assert price(tariffs) == 5.25 * YUAN
    assert price(tariffs, origin="HZF") == 7 * YUAN
    assert price(Tariffs([newer, OLD], NETWORK), origin="HZF") == 9 * YUAN


def test_a_promotion_ends_by_itself() -> None:
    """A later book for some days; afterwards the older price is in force again."""
    promotion = renamed(
        book_of(HEADER + "上海,陕西,1,2.00,1.00\n", effective_from="2025-06-10", effective_to="2025-06-20")
    )
    tariffs = Tariffs([OLD, promotion], NETWORK)
    days = [day_of(date(2025, 6, day)) for day in (9, 10, 20, 21)]
    assert [price(tariffs, day) for day in days] == [52_500, 35_000, 35_000, 52_500]


def test_holidays_are_those_of_all_books_and_the_newest_names_them() -> None:
    """Whichever of them prices a holiday."""
    of = {"fee": '"transit"', "file": '"prices.csv"', "shape": '"flat"', "effective_from": "2025-01-01"}
    handling = {**of, "fee": '"handling"'}
    prices = "holiday,price\n国庆,3.00\n中秋,2.00\n,1.00\n"
    older = {
        FILE: f'holidays = "days.csv"\n{book_toml(of)}',
        "prices.csv": prices,
        "days.csv": "date,name\n2025-10-05,国庆\n2025-10-06,国庆\n",
    }
    newer = {
        FILE: f'holidays = "days.csv"\n{book_toml(handling)}'.replace("测试", "另一本"),
        "prices.csv": "price\n1.00\n",
        "days.csv": "date,name\n2025-10-06,中秋\n",
    }
    tariffs = Tariffs([read_book(older, NETWORK), read_book(newer, NETWORK)], NETWORK)
    days = [day_of(date(2025, 10, day)) for day in (5, 6, 7)]
    assert [price(tariffs, day) for day in days] == [3 * YUAN, 2 * YUAN, YUAN]


@pytest.mark.parametrize(("amount", "total"), [("4.00", "5.00"), ("9.00", "9.00")])
def test_a_cap_below_the_floor_never_counts(amount: str, total: str) -> None:
    """What costs more is not cut to less than the floor."""
    of = {"fee": '"transit"', "effective_from": "2025-01-01"}
    tables = book_toml(
        {**of, "file": '"prices.csv"', "shape": '"flat"'},
        {**of, "file": '"bounds.csv"', "shape": '"bounds"', "kind": '"bounds"'},
    )
    files = {FILE: tables, "prices.csv": f"price\n{amount}\n", "bounds.csv": "floor,cap\n5.00,3.00\n"}
    tariffs = Tariffs([read_book(files, NETWORK)], NETWORK)
    for quote in (tariffs.rate("transit", DAY, PARCEL), tariffs.in_full("transit", DAY, PARCEL)):
        assert quote is not None
        assert quote.amount == parse_yuan(total)
        assert ('"minimum"' in quote.steps, '"maximum"' in quote.steps) == (amount != total, False)


def test_what_the_weight_may_make_the_largest_depends_on_it() -> None:
    """Also where a price that looks at no weight comes to most."""
    of = {"fee": '"transit"', "effective_from": "2025-01-01"}
    tables = book_toml(
        {**of, "name": '"每票"', "file": '"flat.csv"', "shape": '"flat"'},
        {**of, "name": '"按重量"', "file": '"kilos.csv"', "shape": '"per_unit"', "weight": '"actual"'},
    )
    files = {FILE: tables, "flat.csv": "price\n5.00\n", "kilos.csv": "price\n1.00\n"}
    tariffs = Tariffs([read_book(files, NETWORK)], NETWORK)
    for weight_g, largest in ((1_000, "flat.csv"), (6_000, "kilos.csv")):
        quote = tariffs.rate("transit", DAY, parcel("SHA", "XAB", weight_g=weight_g))
        assert quote is not None
        assert quote.row.file == largest
        assert tariffs.needs_weight(quote.row)


def test_the_newest_books_weight_policy_holds() -> None:
    """Not the first one's."""
    files = {FILE: book_toml(TRANSIT).replace("hub_dws", "hub_scale"), "prices.csv": HEADER + ",,1,1,1\n"}
    newer = read_book(files, NETWORK)
    assert Tariffs([OLD, newer], NETWORK).policy.rank == {"hub_scale": 0}


def test_before_the_first_book_nothing_has_a_price() -> None:
    """And no weight is adopted."""
    tariffs = Tariffs([], NETWORK)
    assert price(tariffs) is None
    assert tariffs.policy.rank == {}
    assert not tariffs.policy.differs(1, MOST_WEIGHT_G)


def test_an_unknown_product_has_the_price_of_any_product() -> None:
    """Products are checked where orders come in; a price for every product holds for every product."""
    quote = Tariffs([OLD], NETWORK).rate("transit", DAY, parcel("SHA", "XAB", "no such product", 2_500))
    assert quote is not None
    assert quote.amount == 5.25 * YUAN


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgetting changes no answer."""
    monkeypatch.setattr(remembered, "MOST", 3)
    tariffs = Tariffs([OLD], NETWORK)
    prices = [price(tariffs, DAY + n % 7, origin) for n in range(20) for origin in ("SHA", "HZF")]
    assert prices == [52_500, 90_000] * 20


def test_a_books_version_is_its_content() -> None:
    """The same files in another order are the same book; one character more is another."""
    book = read_book(FILES, NETWORK)
    assert read_book(dict(sorted(FILES.items(), reverse=True)), NETWORK) == book
    assert read_book({**FILES, FILE: FILES[FILE] + "\n"}, NETWORK).version != book.version
