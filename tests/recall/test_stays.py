"""Goods that have left a store: found in ClickHouse, brought back to their lane, corrected and audited."""

from decimal import Decimal

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy.recall.books import TwiceChargedError
from deploy.recall.complete import Complete
from deploy.recall.finding import publications
from deploy.recall.stays import late_stays, recall, stays_charged_by
from schemas.events import StayRecalled
from schemas.limits import HORIZON
from schemas.times import HOUR
from tests.audit.stays import Books
from tests.storage.world import (
    STAY,
    Store,
    happening,
    holds_together,
    moment,
    story,
    tariff,
    tick,
    yuan,
)

LEFT = "11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1；13日12:00 分批出库 8板 6000公斤；15日10:00 出库"
ANOTHERS = LEFT.replace("；", "；11日09:00 入库 C-FRUIT 按托盘 12板 9000公斤 冷冻 库区B1；", 1)
"""They were another customer's, which was said an hour later."""
DEARER = "billing,temperature,..3,3..30,30..\npallet,frozen,1,5.00,4\n"


def left(client: Client, went: str = LEFT) -> Books:
    """Goods that left on the 15th, and others that are still there; both lanes have moved on to the 22nd."""
    books = Books(client).until("11日09:00")
    for event in (*story("11日08:30 入库 按托盘 1板 700公斤 常温 库区B1", "S2"), *story(went)):
        books.until_moment(max(event.time, books.storage.ring.now)).take(event)
    return books.until("22日10:00")


def complete(books: Books) -> Complete:
    """All that is written, in a later block."""
    n = books.writer.receipt.n
    books.take(tick(books.storage.ring.now + HOUR))
    return Complete(
        {0: 1, 2000: n + 1}, {0: books.storage.ring.now, 2000: books.storage.ring.now}, {0: 1, 2000: n}
    )


def bring(books: Books, causes: dict[str, str]) -> list[StayRecalled]:
    """Bring stays back, twice."""

    def twice(error: TwiceChargedError) -> None:
        raise error

    made = list(recall(books.client, sorted(causes), causes, complete(books), twice))
    books.take(*made).restart().take(*made)
    return made


def late(books: Books) -> dict[str, str]:
    """What the job would find of late events."""
    return {
        stay: cause
        for page in late_stays(books.client, complete(books), HORIZON)
        for stay, cause in page.items()
    }


def backdated(books: Books) -> dict[str, str]:
    """What it would find for the newest publication."""
    *_, newest = publications(books.client, books.storage.directory)
    pages = stays_charged_by(books.client, complete(books), newest, HORIZON)
    return {stay: cause for page in pages for stay, cause in page.items()}


def failing(books: Books) -> set[str]:
    """Names of the checks that fail."""
    return {check.name for check in books.audited(books.storage.ring.now).checks if not check.passed}


def test_goods_that_were_moved_days_after_they_had_left(empty: Client) -> None:
    books = left(empty)
    before = books.charged()
    moved = happening("22日09:00 移库 库区A1")
    books.take(moved)
    assert books.waits() == {"storage": "no_opening"}
    assert failing(books) == {"recomputed_stay_waiting"}
    found = late(books)
    assert found == {STAY: moved.id}
    (event,) = bring(books, found)
    assert [fact.id for fact in event.facts] == [one.id for one in (*story(LEFT), moved)]
    assert event.facts[:-1] == tuple(story(LEFT))
    assert (books.waits(), books.charged()) == ({}, before)
    assert [row["status"] for row in books.rows["recall"]] == ["joined", "assessed"]
    assert late(books) == {}
    assert failing(books) == set()


def test_a_book_that_is_published_backdated_corrects_what_has_left(empty: Client) -> None:
    books = left(empty)
    books.take(tariff(pallets=DEARER)).until("22日12:00")
    assert books.days() == yuan("0×3 36.00×2")
    found = backdated(books)
    assert set(found) == {STAY}
    bring(books, found)
    assert books.days() == yuan("12.00×2 8.00 40.00×2")
    assert [row["status"] for row in books.rows["recall"]] == ["rebuilt", "assessed"]
    assert backdated(books) == {}
    assert failing(books) == set()


@pytest.mark.parametrize("went", [LEFT, ANOTHERS])
def test_an_opening_that_corrects_what_has_left_is_charged_once(empty: Client, went: str) -> None:
    """The lane takes it for a stay of its own, until the books tell it of the former one."""
    corrected = happening("22日09:30 入库 C-MEAT 按托盘 12板 9000公斤 冷冻 库区B1")
    books = left(empty, went).take(corrected).until("23日10:00")
    assert failing(books) >= {"recomputed_stays"}
    found = late(books)
    assert found == {STAY: corrected.id}
    bring(books, found)
    in_time = Store(tariff(), patient=True).until("23日10:00").take(*story(went), corrected)
    assert books.charged() == in_time.charged()
    assert {payer for payer, _ in books.charged().values()} == {"C-MEAT"}
    holds_together(books)
    assert late(books) == {}
    assert failing(books) == set()


def test_a_repeat_of_what_was_brought_back_is_one_and_another_content_is_not(empty: Client) -> None:
    books = left(empty)
    books.take(tariff(pallets=DEARER))
    bring(books, backdated(books))
    first = story(LEFT)[0]
    books.take(msgspec.structs.replace(first, time=moment("22日10:00")))
    assert books.refused() == ["conflicting_duplicate"]
    assert books.take(first).refused() == ["conflicting_duplicate"]


def test_what_is_still_known_is_only_assessed_again(empty: Client) -> None:
    books = left(empty)
    bring(books, {"S2": "asked-1"})
    assert [(row["waybill"], row["status"], row["reversed"]) for row in books.rows["recall"]] == [
        ("S2", "assessed", 0)
    ] * 2
    assert failing(books) == set()


def test_what_the_books_did_not_know_yet_is_refused(empty: Client) -> None:
    books = left(empty)
    known = complete(books)
    books.take(happening("22日10:30 移库 库区A1"))
    (event,) = recall(books.client, [STAY], {STAY: "asked-1"}, known, lambda _: None)
    assert books.take(event).refused() == ["recall_outdated"]
    older = msgspec.structs.replace(event, id="older", time=event.time - HORIZON - 1)
    assert books.take(older).refused() == ["recall_outdated", "time_too_old"]


def test_what_cannot_be_is_refused(empty: Client) -> None:
    books = left(empty)
    (event,) = recall(books.client, [STAY], {STAY: "asked-1"}, complete(books), lambda _: None)
    other = msgspec.structs.replace(event, id="a", stay="S9")
    fee = [msgspec.structs.replace(event.charged[0], fee="transit")]
    place = [msgspec.structs.replace(event.facts[0], site="NOWHERE")]
    books.take(other, msgspec.structs.replace(event, id="b", charged=tuple(fee)))
    books.take(msgspec.structs.replace(event, id="c", facts=tuple(place)))
    assert books.refused() == ["recall_refused"] * 3
    assert books.rows["recall"] == []
    assert books.charged()["cold_out", ""][1] == Decimal(360)
