"""What `waybook books close` says is open in payments: days of channels, exceptions, money that nobody has matched."""

from datetime import date

import pytest

from deploy.books import open_items
from schemas.payments import BillLine, Named
from schemas.times import DAY, HOUR
from tests.bills.lane import MERCHANT, parts, with_bills
from tests.channels.world import NOON
from tests.payments.closes import close
from tests.payments.world import CHANNEL, GROUP, due, key, paid
from tests.payments.written import Written, written
from tests.servers.store import Store

FIRST, SECOND = date(2025, 11, 11), date(2025, 11, 12)
SHOP = f"{GROUP} {CHANNEL}/{MERCHANT}"


@pytest.fixture(scope="module")
def books(lasting_store: Store) -> Written:
    """Two days, of which the second has no bill and is not matched; people were asked of it on the third."""
    made = written(lasting_store, with_bills("due_hours = 24"))
    made.take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1"), paid("A2", "7.00", "FR-9"))
    made.until(NOON + DAY)
    lines = (
        BillLine("payment", number, "", "", units, 0, NOON)
        for number, units in (("A1", 1_000_000), ("A2", 70_000))
    )
    made.take(*parts(FIRST, *lines), paid("A3", "9.00", "FR-8", time=NOON + DAY))
    made.until(NOON + 2 * DAY + HOUR)
    return made


def opened(books: Written, through: date) -> list[str]:
    """What is open."""
    return list(open_items(books.client, through))


def test_what_is_open_is_named_by_its_day(books: Written) -> None:
    """Up to a day: nothing of the days after it, though people were asked about this one later."""
    assert opened(books, date(2025, 11, 10)) == []
    assert opened(books, FIRST) == [
        f"1 day of {SHOP} not closed: 2025-11-11",
        f"1 exception is open: {GROUP}, 来款无对应单据 unknown_payment",
        f"1 payment is not wholly matched: {GROUP}, 7.00 CNY in",
    ]
    assert opened(books, SECOND) == [
        f"2 days of {SHOP} not closed: 2025-11-11 to 2025-11-12",
        f"2 exceptions are open: {GROUP}, 来款无对应单据 unknown_payment",
        f"1 exception is open: {GROUP}, 账单未到 bill_missing",
        f"2 payments are not wholly matched: {GROUP}, 16.00 CNY in",
    ]


def test_a_closed_day_is_not_named(books: Written) -> None:
    """What was named when it was closed is still open."""
    number = next(
        row["exception_id"] for row in books.rows["payment_exception"] if row["subject"] == key("A2")
    )
    books.take(close("C1", FIRST, "张三", "day", Named(number, "客户未确认"), time=NOON + 2 * DAY))
    assert books.rows["close"][-1]["status"] == "closed"
    first, *others = opened(books, SECOND)
    assert first == f"1 day of {SHOP} not closed: 2025-11-12"
    assert len(others) == 3


def test_what_waits_is_named_with_its_reason_and_how_to_list_it(books: Written) -> None:
    """By words, as pages do; the question that is named finds the parcels."""
    books.client.command(
        "INSERT INTO waiting (seq, line, waybill, fee, reason, since) VALUES "
        "(1, 900, 'YT1', 'waybill', 'no_pickup', '2025-11-11 15:59:59'), "
        "(1, 901, 'YT2', 'waybill', 'no_pickup', '2025-11-11 16:00:00')"
    )
    assert not any("waits" in line for line in opened(books, date(2025, 11, 10)))
    waits, which = opened(books, FIRST)[:2]
    assert waits == "1 waits: 面单费 waybill fee, 已签收而无揽收 no_pickup"
    _, question, _ = which.split('"')
    assert [row[0] for row in books.client.query(question).result_rows] == ["YT1"]


def test_money_on_its_way_is_no_channel_whose_days_are_closed(books: Written) -> None:
    """A payout that has not come stands in `cash_day`, but nobody could close its days."""
    before = opened(books, FIRST)
    books.client.command(
        "INSERT INTO journal (book, account, counterparty, business_date, side, amount)"
        " VALUES ('HQ', '1817', 'wechat/190', '2025-11-11', 'D', 5)"
    )
    stands = books.client.query("SELECT merchant FROM cash_day WHERE channel = 'transit'").result_rows
    assert stands == [("wechat/190",)]
    assert opened(books, FIRST) == before
