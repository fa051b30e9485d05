"""Drafts beside a store's live traffic: by the book in force nothing differs, by another what that would charge."""

from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.rerating import follow
from deploy.rerating.follow import Follower
from flows.fees.current import FEES
from flows.rating.book import read_book
from schemas.events import TariffPublished
from tests.audit import test_stays
from tests.audit.stays import Books
from tests.audit.test_hauls import counted
from tests.rerating.test_parallel import ROWS, TOTAL, all_of
from tests.rerating.test_stores import OTHER, read, sealed, what_if
from tests.storage.world import happening, haul, package, shipped, story, tariff
from tests.volume import seeds

IN_FORCE = tariff(
    pallets="billing,temperature,..3,3..30,30..\npallet,frozen,5,4.50,3.80\npallet,chilled,6,4,3\n"
)
"""No free days: what changes a stay changes its charges."""


def follower(client: Client, draft: TariffPublished, *, from_now: bool = False) -> Follower:
    """Follows with a draft, from the first block on."""
    made = Follower(
        client,
        client,
        draft.version,
        lambda network: read_book(draft.files, network, FEES.prices),
        FEES,
        "me",
    )
    made.begin(from_now=from_now)
    return made


def happened(books: Books) -> Books:
    """Stays and hauls over the end of a month, corrected, and what the month comes to, with a package of parcels."""
    with books.held():
        books.until("27日09:00")
        books.take(
            *story("27日08:00 入库 按托盘 12板 9000公斤 冷冻", "S1"),
            haul("27日08:30 同城配送 冷冻 4.2m", "H1"),
        )
        books.take(*story("27日08:00 入库 C-MEAT 按托盘 3板 700公斤 冷藏", "S2"))
        books.until("28日10:00").take(
            happening("27日18:00 计量 10板", "S1"), haul("28日09:00 同城配送 4.2m", "H2")
        )
        books.take(
            haul("28日10:00 同城配送 4.2m 冷冻", "H2"), haul("27日09:00 同城配送 冷冻 4.2m 取消", "H1")
        )
        books.until("29日10:00").take(happening("29日09:00 分批出库 4板 2000公斤", "S1"))
        books.take(*story("27日08:10 入库 C-FRUIT 按托盘 3板 700公斤 冷藏", "S2"))
        books.until("30日10:00").take(happening("30日08:00 出库", "S2")).until("31日12:00")
    books.take(package()).take(*counted(books), shipped("11", 4, "31日12:05"))
    books.until("32日10:00").take(shipped("11", 3, "32日09:00"))
    books.take(happening("32日08:00 出库", "S1"))
    return sealed(books)


@pytest.mark.parametrize("seed", seeds(1, 1, 2))
def test_the_book_in_force_as_a_draft_differs_in_nothing(
    empty: Client, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "AT_ONCE", 5)
    books = Books(empty, IN_FORCE, patient=True)
    with books.held():
        test_stays.eventful(books, seed, documents=()).until("31日12:00")
    happened(books)
    assert all_of(follower(empty, IN_FORCE)) > 60
    charges, changed, unpriced, before, after = empty.query(TOTAL).result_rows[0]
    assert (changed, unpriced) == (0, 0)
    (units, of_all, back), *_ = empty.query(
        "SELECT toInt64(sum(amount) * 10000), sum(if(reverses = toFixedString('', 16), 1, -1)), "
        "countIf(reverses != toFixedString('', 16)) FROM charge"
    ).result_rows
    assert before == after == units
    assert charges == of_all
    assert back > 20
    assert books.audited().check("drafts").passed


def test_what_differs_is_what_the_draft_would_charge(empty: Client) -> None:
    books = happened(Books(empty, IN_FORCE))
    all_of(follower(empty, OTHER))
    found = empty.query(
        "SELECT fee, customer, toInt64(sum(after - before) * 10000), sum(unpriced) "
        "FROM draft_difference WHERE customer != '' GROUP BY fee, customer HAVING sum(before) != sum(after)"
    ).result_rows
    others = (read(books, document) for document in (IN_FORCE, package(), OTHER))
    asked = what_if(books, *others, by=("fee", "customer"))
    differing = {
        group: (one.difference, one.unpriced) for group, one in asked.groups.items() if one.difference
    }
    assert {(fee, customer): tuple(sums) for fee, customer, *sums in found} == differing
    assert {fee for fee, _ in differing} == {"storage", "storage_month", "city_delivery"}
    total = empty.query(TOTAL).result_rows[0]
    assert total[3:] == (asked.total.before, asked.total.after)


def test_block_by_block_it_is_the_same(empty: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    happened(Books(empty, IN_FORCE))
    all_of(follower(empty, OTHER))
    expected = _rows(empty)
    monkeypatch.setattr(follow, "AT_ONCE", 1)
    empty.command("TRUNCATE TABLE draft_difference")
    empty.command("TRUNCATE TABLE draft_run")
    monkeypatch.setattr(Follower, "_attempt", _again(Follower._attempt))
    all_of(follower(empty, OTHER))
    assert _rows(empty) == expected


def _again(attempt: Any) -> Any:
    """Under tokens of its own: the store knows the former ones."""
    return lambda self, made, token: attempt(self, made, f"again {token}")


def _rows(client: Client) -> list[Any]:
    return list(client.query(ROWS).result_rows)
