"""The views for people, by a small world whose figures are plain."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.live.lists import LISTINGS, list_page
from schemas.payments import BillLine
from schemas.times import DAY
from tests.bills.lane import not_believed, parts
from tests.channels.world import NOON
from tests.payments.world import due, key, paid
from tests.payments.written import written
from tests.servers.store import Store

TODAY, TOMORROW = date(2025, 11, 11), date(2025, 11, 12)


@pytest.fixture(scope="module")
def client(lasting_store: Store) -> Client:
    """A store with a few dues and payments; it is two days after noon."""
    books = written(lasting_store)
    books.take(
        due("FR-1001", "100.00"),
        due("FR-1002", "50.00", due_day="2025-11-30"),
        due("FR-1003", "30.00", due_day="2025-09-10", party="C-2"),
        due("FR-1004", "20.00", due_day="2025-07-01", party="C-2"),
        paid("A1", "100.00", "FR-1001", fee_e4=6_000),
        paid("A2", "10.00", "FR-1003"),
        paid("A3", "7.00", "FR-9999"),
    ).until(NOON + 2 * DAY)
    line = BillLine("payment", "A1", "FR-1001", "", 1_000_000, 6_000, NOON)
    books.take(*parts(TODAY), not_believed(TODAY), *parts(TODAY, line, corrects=1), *parts(TOMORROW))
    books.take(*parts(TODAY, line, sort="fund"))
    second = BillLine("payment", "A2", "", "", 100_000, 0, NOON)
    _, *lacking = parts(TODAY, line, second, size=1, corrects=2)
    books.take(*lacking, *parts(TODAY, second, corrects=3, claims=2))
    books.take(*parts(TOMORROW, statement="2"))
    return books.client


def rows(client: Client, sql: str) -> list[tuple[Any, ...]]:
    """A question's answer."""
    return [tuple(row) for row in client.query(sql).result_rows]


def test_open_receivables(client: Client) -> None:
    """One row a document, of which something is open, with the days that it is late."""
    assert rows(
        client,
        "SELECT of_group, document, kind, party, currency, due_day, late, bucket, remains FROM open_receivable "
        "ORDER BY document",
    ) == [
        ("north", "FR-1002", "order", "C-1", "CNY", date(2025, 11, 30), -17, "current", Decimal(50)),
        ("north", "FR-1003", "order", "C-2", "CNY", date(2025, 9, 10), 64, "61-90", Decimal(20)),
        ("north", "FR-1004", "order", "C-2", "CNY", date(2025, 7, 1), 135, "over 90", Decimal(20)),
    ]


def test_days_overdue_and_their_bucket(store: Store) -> None:
    """The first and the last day of each; what has to be paid to others is in none."""
    expected = [
        *(("current", -1), ("current", 0), ("1-30", 1), ("1-30", 30), ("31-60", 31), ("31-60", 60)),
        *(("61-90", 61), ("61-90", 90), ("over 90", 91)),
    ]
    books = written(store)
    books.take(
        due("PO-1", "1.00", direction="out"),
        *(due(f"FR{late}", "1.00", due_day=str(TODAY - timedelta(days=late))) for _, late in expected),
    )
    assert rows(books.client, "SELECT bucket, late FROM open_receivable ORDER BY late") == expected


@pytest.mark.parametrize(
    ("reason", "documents"),
    [("", ["FR-1004", "FR-1003", "FR-1002"]), ("61-90", ["FR-1003"]), ("1-30", []), ("FR-1003", [])],
)
def test_open_receivables_are_listed_the_oldest_first(
    client: Client, reason: str, documents: list[str]
) -> None:
    found = list_page(client, LISTINGS["receivables"], reason, 1)
    assert [row["document"] for row in found["rows"]] == documents
    assert found["reasons"] == [
        ("current", "未到期", 1),
        ("61-90", "61–90 天", 1),
        ("over 90", "90 天以上", 1),
    ]


def test_aging(client: Client) -> None:
    """The sums of them."""
    assert rows(
        client, "SELECT party, bucket, documents, amount FROM receivable_aging ORDER BY party, bucket"
    ) == [
        ("C-1", "current", 1, Decimal(50)),
        ("C-2", "61-90", 1, Decimal(20)),
        ("C-2", "over 90", 1, Decimal(20)),
    ]


def test_a_days_bill_that_counts(client: Client) -> None:
    """The latest of those of which all has come, and agrees."""
    assert rows(client, "SELECT day, state FROM bill_now WHERE sort = 'trade' ORDER BY day, state") == [
        (TODAY, "counts"),
        (TODAY, "incomplete"),
        (TODAY, "incomplete"),
        (TODAY, "refused"),
        (TODAY, "superseded"),
        (TOMORROW, "counts"),
        (TOMORROW, "counts"),
    ]


def test_days_sales_outstanding(client: Client) -> None:
    """Of a business that is younger than 90 days by its own days: who sold for 200 in 3 days and has 90 to get."""
    sql = "SELECT outstanding, issued_in_90_days, period, days FROM days_sales_outstanding"
    assert rows(client, sql) == [(Decimal(90), Decimal(200), 3, 1.4)]


def test_days_sales_outstanding_of_a_quarter(store: Store) -> None:
    """What was issued before it is in what is open, and not in what was sold."""
    books = written(store).take(due("FR-1", "50.00"))
    for days in (30, 60, 90, 100):
        books.until(NOON + days * DAY)
    books.take(due("FR-2", "100.00", time=NOON + 95 * DAY))
    sql = "SELECT outstanding, issued_in_90_days, period, days FROM days_sales_outstanding"
    assert rows(books.client, sql) == [(Decimal(150), Decimal(100), 90, 135)]


def test_channels_by_day(client: Client) -> None:
    assert rows(
        client,
        "SELECT business_date, channel, payments, amount, fees, matched, fully_matched FROM channel_day",
    ) == [(date(2025, 11, 11), "other", 3, Decimal(117), Decimal("0.6"), Decimal(110), 2)]


def test_three_sides_of_a_day(client: Client) -> None:
    assert rows(
        client,
        "SELECT day, channel, merchant, kind, notified, notified_amount, billed, billed_amount, moved, moved_amount, "
        "booked, booked_amount FROM three_way_day",
    ) == [
        (
            *(date(2025, 11, 11), "other", "SHOP-7", "payment"),
            *(3, Decimal(117), 1, Decimal(100), 1, Decimal(100), 3, Decimal(117)),
        )
    ]


def test_cash_position(client: Client) -> None:
    assert rows(
        client, "SELECT account, channel, merchant, currency, balance, suspense FROM cash_position"
    ) == [("1815", "other", "SHOP-7", "CNY", Decimal("116.4"), Decimal(7))]


def test_open_exceptions_and_what_they_are_about(client: Client) -> None:
    assert rows(client, "SELECT kind, subject, state, amount, severity FROM open_payment_exception") == [
        ("unknown_payment", key("A3"), "opened", Decimal(7), "medium")
    ]
    assert rows(client, "SELECT payment FROM payment_now WHERE unmatched > 0") == [(key("A3"),)]
    assert rows(
        client, "SELECT document, status, paid, remains, overpaid FROM due_now ORDER BY document"
    ) == [
        ("FR-1001", "paid", Decimal(100), Decimal(0), Decimal(0)),
        ("FR-1002", "open", Decimal(0), Decimal(50), Decimal(0)),
        ("FR-1003", "part_paid", Decimal(10), Decimal(20), Decimal(0)),
        ("FR-1004", "open", Decimal(0), Decimal(20), Decimal(0)),
    ]
