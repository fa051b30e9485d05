"""Publications one after the other, and what is remembered between parcels."""

from datetime import date

import msgspec
import pytest

from flows.rating import remembered
from flows.rating.book import Book, read_book
from flows.rating.settings import FILE
from flows.rating.tariffs import Tariffs
from schemas.limits import MOST_WEIGHT_G
from schemas.money import YUAN
from schemas.times import day_of
from tests.rating.material import FILES, NETWORK, TRANSIT, book_of, book_toml, parcel

DAY = day_of(date(2025, 6, 18))
HEADER = "origin_city,destination_province,first_kg,first_price,continued_price\n"
OLD = book_of(HEADER + ",,1,9.00,0\n上海,陕西,1,3.00,1.50\n")


def price(tariffs: Tariffs, day: int = DAY, origin: str = "SHA") -> int | None:
    """What the transit of a parcel costs, in units."""
    quote = tariffs.rate("transit", day, parcel(origin, "XAB", weight_g=2_500))
    return quote and quote[0]


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
    assert quote[0] == 5.25 * YUAN


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
