"""Closed days of the books: what belongs to them and comes later is booked on the first open day."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.events import BooksClosed, BooksReopened, Event
from schemas.times import DAY, HOUR
from tests.lifecycle.test_costs import cost, publish
from tests.lifecycle.test_fees import check_books
from tests.lifecycle.world import START, Book, events_of, text
from tests.rating.material import scenarios
from tests.storage.world import Store, moment, story, tariff
from tests.volume import examples

CASES = scenarios("periods.csv")
FIRST = date(2025, 11, 11)
"""The day of the stories."""


def close(day: str, hour: int, by: str = "甲", number: str = "") -> BooksClosed:
    """The books are closed through a day of November 2025."""
    through = date.fromisoformat(f"2025-{day}")
    return BooksClosed(id=number or f"close-{day}-{hour}", time=START + hour * HOUR, through=through, by=by)


def reopen(day: str, hour: int, by: str = "乙") -> BooksReopened:
    """Days after a day are open again."""
    through = date.fromisoformat(f"2025-{day}")
    return BooksReopened(
        id=f"reopen-{day}-{hour}", time=START + hour * HOUR, through=through, by=by, reason="漏记"
    )


def said(token: str) -> BooksClosed | BooksReopened:
    """`关账:11-11@20` or `反关账:11-10@21/甲`."""
    what, _, rest = token.partition(":")
    day, _, moment = rest.partition("@")
    hour, _, by = moment.partition("/")
    return close(day, int(hour), by or "甲") if what == "关账" else reopen(day, int(hour), by or "乙")


def play(story: str) -> Book:
    """A story word by word, each in a block of its own."""
    tokens = story.split()
    facts = iter(events_of(" ".join(token for token in tokens if ":" not in token)))
    book = Book()
    for token in tokens:
        if ":" in token:
            book.block((topics.CONTROL.name, said(token)))
        else:
            book.take(next(facts))
    return book


def by_day(book: Book, party: str, column: str = "business_date") -> dict[str, Decimal]:
    """What a party has gained, by day of booking (or `posted_for`: by the days that it is for)."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in book.rows["journal"]:
        if text(row["book"]) == party and text(row["account"])[0] in "456":
            day = row["business_date"] if column == "business_date" else own_day(row["event_time"])
            sums[f"{day:%m-%d}"] += row["amount"] if text(row["side"]) == "C" else -row["amount"]
    return {day: amount for day, amount in sorted(sums.items()) if amount}


def own_day(time: datetime) -> date:
    """The Shanghai day of a time."""
    return (time.replace(tzinfo=None) + timedelta(hours=8)).date()


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    book = play(case["经过"])
    days = " ".join(f"{day}={amount:.2f}" for day, amount in by_day(book, "SHC").items())
    assert days == case["始发网点毛利按记账日"]
    assert " ".join(book.refused()) == case["死信"]
    check_books(book)


WORDS = ("订单", "揽收", "网点秤2.6", "签收", "分拨DWS3.5@2", "订单4.0@5", "改判2.8@6")


@examples(25)
@given(st.permutations(WORDS), st.sets(st.integers(0, len(WORDS)), max_size=3), st.integers(1, 9))
def test_closes_move_what_is_booked_and_change_no_amount(
    words: list[str], moments: set[int], restarted: int
) -> None:
    tokens = list(words)
    for n, place in enumerate(sorted(moments, reverse=True)):
        day = 13 - n - (3 - len(moments))
        tokens.insert(place, f"关账:11-{day}@{20 + 24 * (day - 11)}")
    book, closed = Book(), date(2025, 11, 10)
    facts = iter(events_of(" ".join(words)))
    for n, token in enumerate(tokens):
        before = len(book.rows["journal"])
        if ":" in token:
            book.block((topics.CONTROL.name, said(token)))
            closed = max(closed, said(token).through)
        else:
            book.take(next(facts))
        if n == restarted:
            book.restart()
        late = [row["business_date"] for row in book.rows["journal"][before:]]
        assert all(day > closed for day in late)
    whole = play(" ".join(words))
    for party in ("SHC", "XAD", "HQ"):
        assert by_day(book, party, "posted_for") == by_day(whole, party)
    assert book.standing() == whole.standing()
    check_books(book)


def test_a_close_that_comes_twice_is_one_and_its_id_is_no_others() -> None:
    book = Book()
    for event in (close("11-11", 20), close("11-11", 20), close("11-12", 47, number="close-11-11-20")):
        book.block((topics.CONTROL.name, event))
    assert [str(row["through"]) for row in book.rows["books_close"]] == ["2025-11-11"]
    assert book.refused() == ["conflicting_duplicate"]


def test_a_cost_of_a_closed_day_is_booked_on_the_first_open_one() -> None:
    events: list[Event] = [close("11-11", 20), cost(day=FIRST, time=START + 21 * HOUR)]
    book = publish(*events)  # type: ignore[arg-type]
    assert {day for *_, day in book.books()} == {FIRST + timedelta(1)}
    assert book.lifecycle.documents.periods.through * DAY == (FIRST - date(1970, 1, 1)).days * DAY


def test_what_people_read_of_a_refusal_names_the_day() -> None:
    book = publish(close("11-11", 20), reopen("11-11", 21))  # type: ignore[arg-type]
    (row,) = book.rows["dead_letter"]
    assert "closed through 2025-11-11: there is nothing to reopen after 2025-11-11" in text(row["detail"])


def test_stays_keep_to_closed_days_too() -> None:
    def stored(*closes: Event, restarted: bool = False) -> Store:
        store = Store(tariff())
        for event in story("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1；15日15:00 计量 8板"):
            store.until_moment(event.time).take(event)
        store.take(*closes)
        if restarted:
            store.restart()
        return store.take(*story("13日10:00 计量 10板")).until("17日00:00")

    closed = BooksClosed(id="c", time=moment("15日16:00"), through=FIRST.replace(day=14), by="甲")
    open_, late = stored(), stored(closed, closed, restarted=True)
    assert [row["through"].day for row in late.rows["books_close"]] == [14]
    assert late.charged() == open_.charged()
    assert late.books() == open_.books()
    assert [row["business_date"] for row in late.rows["charge"]] == [
        row["business_date"] for row in open_.rows["charge"]
    ]
    moved = [row for row in late.rows["journal"] if row["business_date"] != own_day(row["event_time"])]
    assert {row["business_date"].day for row in moved} == {15}
    assert {own_day(row["event_time"]).day for row in moved} == {14}
