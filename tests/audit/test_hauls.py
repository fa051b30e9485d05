"""Hauls and months in the books: the job tells what months came to, the auditor comes to the same, notices changes."""

import random
from datetime import date

import pytest
from clickhouse_connect.driver.client import Client

from deploy import store_months
from deploy.recall.complete import Complete
from schemas.events import Haul, MonthStored
from schemas.settings import Settings
from tests.audit.conftest import emptied
from tests.audit.stays import Books
from tests.audit.tampering import AsOf
from tests.storage.world import haul, linehaul, moment, story, tariff

SERVICES = (
    "同城配送 冷冻 4.2m",
    "同城配送 13m 1500公斤 到XAB",
    "干线 1000公斤 2方 到XAB",
    "提货 80公斤",
    "同城配送 冷冻 4.2m 取消",
)


def counted(books: Books) -> list[MonthStored]:
    """What the job has to tell, by all blocks that are there."""
    books.take()
    known = Complete({0: 1, 2000: books.writer.receipt.n - 1}, {2000: books.storage.ring.now}, {})
    return list(store_months.due(Settings(), books.client, known, "test"))


def eventful(books: Books, seed: int) -> None:
    """Stays over two months and hauls; words that are corrected, prices that come and go."""
    r = random.Random(seed)
    books.until("11日07:00")
    for number in range(6):
        who = ("C-MEAT", "C-FISH")[number % 2]
        books.take(
            *story(f"11日0{number}:00 入库 {who} 按托盘 {number + 1}板 700公斤 冷冻 库区B1", f"S{number}")
        )
    words: list[Haul] = []
    for number in range(40):
        for _ in range(r.randint(1, 3)):
            day = r.randint(12, 28)
            who = r.choice(("C-STEEL ", ""))
            words.append(haul(f"{day}日{r.randint(10, 23)}:00 {r.choice(SERVICES)} {who}", f"H{number}"))
    words.sort(key=lambda word: (word.time, word.id))
    for start in range(0, len(words), 7):
        some = words[start : start + 7]
        books.until_moment(some[-1].time).take(*some)
        if start == 28:
            books.take(linehaul())
    books.until("32日00:00")


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens_the_auditor_comes_to_the_same(empty: Client, seed: int) -> None:
    books = Books(empty)
    with books.held():
        eventful(books, seed)
    told = counted(books)
    assert {(one.customer, one.month) for one in told} == {
        (who, date(2025, 11, 1)) for who in ("C-FISH", "C-MEAT")
    }
    books.take(*told)
    assert counted(books) == []
    late = haul("28日23:30 提货 3000公斤", "H1")
    books.take(late)
    books.take(tariff(month="customer,minimum\n,100000.00\n"))
    assert books.charged("C-FISH:2025-11")["storage_month", "2025-11-30"][1] > 50_000
    for known in (None, books.storage.ring.now):
        report = books.audited(known)
        assert report.passed, report.to_text()
    seen = {
        check.name: int(check.detail.split()[0])
        for check in report.checks
        if check.detail[:1].isdigit() and "," not in check.detail
    }
    assert seen["recomputed_hauls"] > 40
    assert seen["counted_months"] == 2


def test_what_changes_in_a_month_that_was_told_is_told_again(empty: Client) -> None:
    books = Books(empty).until("29日09:00")
    books.take(
        *story("29日08:00 入库 按托盘 12板 700公斤 冷冻 库区B1"),
        *story("29日08:00 入库 按托盘 1板 冷冻", "S2"),
    )
    assert counted(books) == []
    books.until("31日12:00")
    (first,) = counted(books)
    assert (first.customer, first.amount_e4) == ("C-FISH", 0)
    books.take(first)
    assert books.charged("C-FISH:2025-11")["storage_month", "2025-11-30"][1] == 500
    books.take(tariff(pallets="billing,temperature,..3,3..30,30..\npallet,frozen,5,5.00,4\n"))
    (second,) = counted(books)
    assert second.amount_e4 == (12 + 1) * 2 * 5 * 10_000
    books.take(second, first)
    assert books.charged("C-FISH:2025-11")["storage_month", "2025-11-30"][1] == 370
    books.take(*story("29日08:30 入库 C-FRUIT 按托盘 12板 700公斤 冷冻 库区B1"))
    books.take(*story("29日08:30 入库 C-FRUIT 按托盘 1板 冷冻", "S2"))
    told = {one.customer: (one.cancelled, one.amount_e4) for one in counted(books)}
    assert told == {"C-FISH": (True, 0), "C-FRUIT": (False, 1_300_000)}
    assert sorted(map(store_months.line, counted(books))) == [
        "2025-11 C-FISH: nothing was stored, no minimum is owed",
        "2025-11 C-FRUIT: came to 130.00 yuan",
    ]
    books.take(*counted(books))
    assert books.charged("C-FISH:2025-11") == {}
    assert counted(books) == []
    assert books.audited(books.storage.ring.now).passed


class Hauled(AsOf):
    """A haul that was charged, one that waits, and a month."""

    def __init__(self, client: Client) -> None:
        books = Books(client)
        with books.held():
            books.until("29日09:00").take(*story("29日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1"))
            books.take(haul("29日08:30 同城配送 冷冻 4.2m"), haul("29日08:30 同城配送 冷冻 13m", "H2"))
            books.until("31日12:00")
            books.take(month_of(books))
        tables = ("charge", "haul", "stay_month", "journal", "waiting")
        super().__init__(client, tables, books.storage.ring.now)


def month_of(books: Books) -> MonthStored:
    """Two free days of a stay."""
    blocks = {"2000": books.writer.receipt.n}
    return MonthStored(
        id="m1",
        time=moment("31日12:00"),
        customer="C-FISH",
        month=date(2025, 11, 1),
        due="storage_month",
        outlet="SHA",
        amount_e4=0,
        blocks=blocks,
    )


@pytest.fixture(scope="module")
def kept(client: Client) -> Hauled:
    """For all tests."""
    return Hauled(emptied(client))


def test_unchanged_it_passes(tampered: Hauled) -> None:
    assert tampered.failing() == set()


@pytest.mark.parametrize(
    ("table", "change", "where", "check"),
    [
        ("charge", "amount + 0.01 AS amount", "fee = 'city_delivery'", "recomputed_hauls"),
        ("charge", "'2025-11-28' AS part", "fee = 'city_delivery'", "recomputed_hauls"),
        ("charge", "'C-MEAT' AS payer", "fee = 'city_delivery'", "recomputed_hauls"),
        ("charge", "7 AS price_row", "fee = 'city_delivery'", "recomputed_hauls"),
        ("charge", "replaceAll(steps, '500', '400') AS steps", "fee = 'storage_month'", "recomputed_hauls"),
        ("charge", "'nobody' AS cause", "fee = 'city_delivery'", "caused"),
        ("charge", "'nobody' AS cause", "fee = 'storage_month'", "caused"),
        ("charge", "'XAB' AS destination", "fee = 'city_delivery'", "ordered"),
        ("haul", "'9.6m' AS vehicle", "haul = 'H1'", "recomputed_hauls"),
        ("haul", "'cancelled' AS status", "haul = 'H1'", "recomputed_hauls"),
        ("haul", "'XAB' AS outlet", "haul = 'H1'", "recomputed_hauls"),
        ("haul", "'4.2m' AS vehicle", "haul = 'H2'", "recomputed_haul_waiting"),
        ("haul", "0 AS offset, 0 AS partition", "true", "haul_records"),
        ("stay_month", "amount + 1 AS amount", "true", "counted_months"),
        ("stay_month", "amount + 1 AS amount", "true", "recomputed_hauls"),
        ("journal", "amount + 0.01 AS amount", "fee = 'storage_month'", "recomputed_journal"),
        ("waiting", "'no_measure' AS reason", "reason = 'no_price'", "recomputed_haul_waiting"),
    ],
)
def test_a_changed_row(tampered: Hauled, table: str, change: str, where: str, check: str) -> None:
    tampered.change(table, where, change)
    assert tampered.notices(check)


def test_a_charge_that_is_missing(tampered: Hauled) -> None:
    for table in ("charge", "journal"):
        tampered.remove(table, "fee = 'storage_month'")
    assert tampered.notices("recomputed_hauls")
