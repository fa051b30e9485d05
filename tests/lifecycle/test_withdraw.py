"""Books that are withdrawn: what is in force afterwards, and what is refused."""

from typing import Any

import pytest

from schemas import topics
from schemas.events import Event, PartyTransferred, TariffPublished, TariffWithdrawn
from schemas.times import HOUR, business_day, date_of
from tests.lifecycle.test_weights import POLICIES
from tests.lifecycle.world import BOOK, START, Book, events_of, order, scan, tariff, text, weight


def withdrawn(**what: str) -> tuple[str, Any]:
    """A withdrawal, as a lane reads it."""
    return topics.CONTROL.name, TariffWithdrawn(id="w", time=START, withdrawn_by="me", **what)


def dearer(price: str) -> TariffPublished:
    """The book with another waybill fee."""
    return tariff({**BOOK, "waybill.csv": f"price\n{price}\n"})


FIRST, SECOND = tariff(), dearer("2.00")
NAME = "测试价格手册"


def in_force(book: Book) -> list[str]:
    """Versions in force."""
    return [one.version for one in book.lifecycle.rules.tariffs.books if one.rows]


def statuses(book: Book) -> list[tuple[str, str]]:
    """Version and status of the rows of table `tariff_book`, repeats left out."""
    rows = [(str(row["version"]), text(row["status"])) for row in book.rows["tariff_book"]]
    return list(dict.fromkeys(rows))


def test_by_version_the_book_before_comes_back() -> None:
    book = Book((FIRST, SECOND))
    assert in_force(book) == [SECOND.version]
    book.block(withdrawn(version=SECOND.version))
    assert in_force(book) == [FIRST.version]
    assert [status for _, status in statuses(book)] == ["published", "published", "withdrawn"]


def test_by_name_every_book_goes_and_one_may_be_published_again() -> None:
    book = Book((FIRST, SECOND))
    book.block(withdrawn(name=NAME))
    assert in_force(book) == []
    assert [status for _, status in statuses(book)].count("withdrawn") == 2
    book.block((topics.CONTROL.name, FIRST))
    assert in_force(book) == [FIRST.version]


def test_what_is_unknown_or_said_twice_is_refused() -> None:
    book = Book((FIRST,))
    book.block(withdrawn(version="unknown"))
    book.block(withdrawn(name="另一本"))
    book.block(withdrawn(name=NAME, version=FIRST.version))
    book.block(withdrawn())
    assert book.refused() == ["book_refused"] * 4
    assert in_force(book) == [FIRST.version]
    book.block(withdrawn(version=FIRST.version))
    book.block((topics.CONTROL.name, TariffWithdrawn(id="w2", time=START, version=FIRST.version)))
    assert book.refused() == ["book_refused"] * 5


def test_a_restored_lane_knows_what_was_withdrawn() -> None:
    stopped = Book((FIRST, SECOND))
    stopped.block(withdrawn(version=SECOND.version))
    fresh = Book(())
    fresh.lifecycle.load_documents(stopped.lifecycle.save_documents())
    assert in_force(fresh) == [FIRST.version]


def test_a_wait_for_a_price_may_end_with_a_withdrawal() -> None:
    """A second book that forgot the delivery fee is undone; what waited for a price is charged."""
    without = tariff({**BOOK, "delivery.csv": "destination_province,price\n上海,1.00\n"})
    book = Book((FIRST, without))
    book.take(*events_of("订单 揽收 分拨DWS2.5 签收"))
    assert book.waiting() == {"delivery": "no_price"}
    book.block(withdrawn(version=without.version))
    assert book.waiting() == {}


def policy(name: str) -> TariffPublished:
    """The book with another weight policy."""
    return tariff({**BOOK, "book.toml": POLICIES[name]})


def test_weights_are_chosen_again_after_as_many_books_as_before() -> None:
    """One book is withdrawn and another published: the policy is another one, though the books are as many."""
    heaviest = policy("取最重")
    weighed = [*events_of("订单 揽收 分拨DWS2.5"), weight("分拨DWS", 2800, START + 9 * HOUR, id="again")]
    book, expected = Book((FIRST, SECOND)).take(*weighed), Book((FIRST,)).take(*weighed)
    book.block(withdrawn(version=SECOND.version))
    for one in (book, expected):
        one.block((topics.CONTROL.name, heaviest))
        one.take(*events_of("签收"))
        assert one.rows["adopted_weight"][-1]["weight_g"] == 2800
    assert book.net("transit") == expected.net("transit")


def test_a_case_is_looked_at_again_when_its_policy_is_withdrawn() -> None:
    provisional = policy("暂计")
    book = Book((FIRST, provisional)).take(*events_of("订单 揽收 分拨DWS2.5 网点秤9"))
    assert (len(book.lifecycle.pending), book.lifecycle.output.pending_cases) == (1, 1)
    book.block(withdrawn(version=provisional.version))
    assert (len(book.lifecycle.pending), book.lifecycle.output.pending_cases) == (0, 0)


RETURNS = tariff(
    {
        "book.toml": 'name = "退件"\n[[table]]\nfee = "return"\nfile = "return.csv"\nshape = "flat"\n'
        "effective_from = 2025-01-01\n",
        "return.csv": "price\n3.00\n",
    }
)
"""A book beside the other one, with a fee that may be missing."""


@pytest.mark.parametrize(
    "meanwhile",
    [
        (
            topics.ORDERS.name,
            order(START + HOUR, id="order-2", origin="SHA", direction="return", related="YT1"),
        ),
        (
            topics.CONTROL.name,
            PartyTransferred(
                id="t", time=START, outlet="SHC", party="SHA", from_day=date_of(business_day(START))
            ),
        ),
    ],
    ids=["another line", "another owner"],
)
def test_what_nothing_prices_any_more_goes_back_to_whom_it_was_charged(meanwhile: tuple[str, Event]) -> None:
    """Whatever else comes with the withdrawal."""
    book = Book((FIRST, RETURNS))
    book.take(order(direction="return", related="YT1"), scan("揽收", START + HOUR))
    assert book.net("return") == 3
    book.block(withdrawn(version=RETURNS.version), meanwhile)
    book.block()
    assert not [key for key in book.standing() if key[0] == "return"]
    assert not [key for key in book.books() if key[2] == "return"]
