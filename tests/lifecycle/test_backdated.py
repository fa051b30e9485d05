"""Backdated and withdrawn books: what is charged by a price that they touch is corrected, once, and nothing else."""

import csv
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.lifecycle import process
from schemas import topics
from schemas.events import Event, TariffPublished, TariffWithdrawn
from schemas.times import DAY, HOUR
from tests.lifecycle.fees import priced, story_of
from tests.lifecycle.world import BOOK, START, Book, events_of, order, tariff, text
from tests.volume import examples

with (Path(__file__).parents[1] / "scenarios" / "backdated.csv").open(encoding="utf-8", newline="") as _file:
    CASES = list(csv.DictReader(_file))
WHOLE = "订单 揽收 网点秤2.6 发件 分拨DWS2.5 到件 派件 签收"


def changed(words: str, files: dict[str, str] = BOOK) -> TariffPublished:
    """A book: `面单费2.00` another price, `面单费2.00自2025-11-11` from a day on (until then the old one),

    `另加保价费3.00` a fee more.
    """
    made = dict(files)
    for word in words.split():
        price, _, first = word.partition("自")
        if price.startswith("另加"):
            made = priced({"insurance": price.removeprefix("另加保价费")})
        elif not first:
            made["waybill.csv"] = f"price\n{price.removeprefix('面单费')}\n"
        else:
            made["later.csv"] = f"price\n{price.removeprefix('面单费')}\n"
            made["book.toml"] += (
                f'\n[[table]]\nfee = "waybill"\nfile = "later.csv"\nshape = "flat"\neffective_from = {first}\n'
            )
    return tariff(made)


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    book = Book((changed(case["原手册"]),)).take(*story_of(case["经过"]))
    before = len(book.rows["charge"])
    if case["后来"] == "撤回":
        book.block(withdrawal(changed(case["原手册"])))
    else:
        book.block((topics.CONTROL.name, changed(case["后来"])))
    made = book.rows["charge"][before:]
    rows = [(text(row["fee"]), f"{row['amount']:.2f}", text(row["cause"]), row["revision"]) for row in made]
    shown = [f"{fee}{amount}#{revision}" for fee, amount, _, revision in rows]
    assert " ".join(shown) == case["更正"]
    assert f"{book.net('waybill'):.2f}" == case["面单费"]
    reversals = [row for row in made if row["amount"] < 0]
    for row in reversals:
        assert text(row["cause"]) == book.lifecycle.output.recalls[0].cause


def withdrawal(book: TariffPublished) -> tuple[str, Event]:
    """A book goes out of force."""
    return topics.CONTROL.name, TariffWithdrawn(id="w", time=START, version=book.version)


def recalls(book: Book) -> list[tuple[str, str, int, int]]:
    """Rows of table `recall`."""
    return [
        (text(row["cause"]), text(row["status"]), row["reversed"], row["charged"])
        for row in book.rows["recall"]
    ]


def test_a_correction_names_the_publication_and_is_linked_to_what_it_corrects() -> None:
    dearer = changed("面单费2.00")
    book = Book().take(*events_of(WHOLE)).block((topics.CONTROL.name, dearer))
    first, reversal, second = [row for row in book.rows["charge"] if text(row["fee"]) == "waybill"]
    assert reversal["reverses"] == first["charge_id"]
    assert (text(reversal["cause"]), text(second["cause"])) == (dearer.id, "scan-10")
    assert (first["revision"], second["revision"]) == (0, 1)
    assert second["book_version"] in (dearer.version, dearer.version.encode())
    assert recalls(book) == [(dearer.id, "assessed", 1, 1)]


def test_what_is_not_touched_is_not_looked_at() -> None:
    """A price of tomorrow, another line's price, a table that ends tomorrow, the same book once more."""
    book = Book().take(*events_of(WHOLE))
    count = len(book.rows["charge"])
    book.block((topics.CONTROL.name, changed("面单费2.00自2025-11-13")))
    assert recalls(book) == []
    book.block((topics.CONTROL.name, tariff()))
    assert recalls(book) == []
    ended = BOOK["book.toml"].replace(
        'file = "waybill.csv"', 'file = "waybill.csv"\neffective_to = 2025-11-20'
    )
    book.block((topics.CONTROL.name, tariff({**BOOK, "book.toml": ended})))
    assert recalls(book) == []
    assert len(book.rows["charge"]) == count


def test_the_same_publication_again_changes_nothing() -> None:
    dearer = changed("面单费2.00")
    book = Book().take(*events_of(WHOLE))
    for _ in range(3):
        book.block((topics.CONTROL.name, dearer))
    assert len(recalls(book)) == 1
    assert book.net("waybill") == Decimal("2.0000")


def test_two_books_in_one_block_leave_the_last_price() -> None:
    """What waits for a price is charged by the first of them, and its row is not in force when rows are made."""
    book = Book(()).take(*events_of("订单 揽收"))
    assert book.waiting() == {"waybill": "no_price"}
    book.block((topics.CONTROL.name, tariff()), (topics.CONTROL.name, changed("面单费2.00")))
    assert book.net("waybill") == Decimal("2.0000")


def many(count: int) -> list[Event]:
    """So many parcels, picked up."""
    return [
        msgspec.structs.replace(event, waybill=f"YT75000000{n:05}")
        for n in range(count)
        for event in events_of("订单 揽收")
    ]


@pytest.mark.parametrize("stop", [None, 0, 1, 2])
def test_many_are_corrected_block_by_block_whatever_is_killed(
    monkeypatch: pytest.MonkeyPatch, stop: int | None
) -> None:
    monkeypatch.setattr(process, "MOST_AGAIN", 3)
    book = Book().take(*many(10)).block((topics.CONTROL.name, changed("面单费2.00")))
    for n in range(4):
        if n == stop:
            book.restart()
        book.tick(START + (4 + n) * HOUR)
    assert len(recalls(book)) == 10
    assert book.net("waybill") == Decimal("20.0000")
    assert [row["revision"] for row in book.rows["charge"]].count(1) == 10
    assert not book.lifecycle.again


def test_a_parcel_that_is_to_be_looked_at_does_not_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three parcels, one a block; before the turn of the third comes data time leaps."""
    monkeypatch.setattr(process, "MOST_AGAIN", 1)
    whole = [
        msgspec.structs.replace(event, waybill=f"YT750000000000{n}")
        for n in range(3)
        for event in events_of(WHOLE)
    ]
    book = Book().take(*whole).block((topics.CONTROL.name, changed("面单费2.00")))
    book.tick(START + 30 * DAY)
    ring = book.lifecycle.ring
    for _ in range(ring.size + 1):
        ring.segment(ring.epoch)
    book.tick(START + 31 * DAY)
    assert book.net("waybill") == Decimal("6.0000")


STORY = [*events_of(WHOLE), order(START + HOUR, id="order-2", destination="YLE", payment_e4=150_000)]
BOOKS = ("面单费2.00", "面单费3.00自2025-11-11", "面单费1.00")


@cache
def as_told() -> Book:
    """The books of the story in its own order under all books; only looked at."""
    return Book((changed(BOOKS[0]), changed(BOOKS[1]), changed(BOOKS[2]))).take(*STORY)


@examples(30)
@given(st.data())
def test_whenever_books_come_the_same_is_charged(data: st.DataObject) -> None:
    """Facts in any order, the books in between anywhere: in the end the last book's prices stand."""
    facts: list[Any] = [(topics.DEVICES.name, event) for event in data.draw(st.permutations(STORY))]
    expected = as_told()
    places = sorted(data.draw(st.integers(0, len(facts))) for _ in BOOKS)
    book = Book((changed(BOOKS[0]),)).tick(max(event.time for event in STORY))
    for n, place in reversed(list(enumerate(places))):
        facts.insert(place, (topics.CONTROL.name, changed(BOOKS[n])))
    for fact in facts:
        book.block(fact)
    assert book.books() == expected.books()
    assert book.waiting() == expected.waiting()
