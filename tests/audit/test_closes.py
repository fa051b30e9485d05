"""Closes: the auditor comes to the same, and notices what is changed, gone or booked on a closed day."""

from functools import partial

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.closed import Closes
from deploy.audit.matched import check_matched
from deploy.audit.payments import check_payments
from deploy.audit.store import Store
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.audit.test_payments import Written
from tests.payments.closes import Case

TABLES = ("close", "journal", "payment_match", "payment", "payment_exception", "bill")
STEPS = """
单 FR-1 100.00；款 A1 11 100.00 FR-1 费0.60；款 A2 11 7.00 FR-9；款 A3 11 40.00；到 12；账单 11 A1 A2 A3；日结 11 张三；
日结 11 张三 列明A2 列明A3；款 A4 12 3.00 FR-8；款 A5 11 2.00 FR-1；单 FR-9 7.00；退 R1 12 5.00 A1；外 X1 12 6.00；
到 13；账单 12 A4 R1 X1；残账单 12 A4；日结 12 张三 列明A4 列明A5 列明X1；反结 3 李四；反结 2 李四；款 A6 11 1.00 FR-7；
试结 日结 11 李四；试结 日结 11 李四 列明A2 列明A3 列明A5 列明A6；
日结 11 李四 列明A2 列明A3 列明A5 列明A6；单 FR-1 90.00；到 17；
日结 16 李四 列明A1 列明A4 列明A5 列明R1 列明X1 列明账单13 列明账单14 列明账单15 列明账单16；
日结 12 李四 列明A1 列明A4 列明A5 列明R1 列明X1；
日结 16 李四 列明A1 列明A4 列明A5 列明R1 列明X1 列明账单13 列明账单14 列明账单15 列明账单16；周结 10 李四；
款 A7 16 8.00 FR-1；款 A8 17 6.00 FR-6；到 20；
认可 账单16；认可 账单17；日结 17 李四 列明A1 列明A4 列明A5 列明A7 列明A8 列明R1 列明X1；
试结 日结 18 李四 列明账单18；款 A9 18 2.00 FR-5
"""
RESULTS = [
    *(
        "refused",
        "closed",
        "closed",
        "reopened",
        "reopened",
        "refused",
        "ready",
        "closed",
        "refused",
        "closed",
        "closed",
        "closed",
        "closed",
        "ready",
    )
]


@pytest.fixture(scope="module")
def kept(client: Client) -> Kept:
    """Books with closes of all kinds."""
    case = Case("交易", partial(Written, client))
    books = case.books
    assert isinstance(books, Written)
    with books.writer.held():
        case.play(STEPS.replace("\n", ""))
    books.writer.close()
    statuses = [row["status"] for row in books.rows["close"]]
    assert statuses == RESULTS
    return Kept(client, TABLES)


def failed(client: Client) -> set[str]:
    """Names of the checks that fail."""
    store = Store(client)
    return {check.name for check in check_matched(store, None) if not check.passed}


def test_all_is_well(kept: Kept) -> None:
    report = audited(kept.client, closed=True)
    assert report.passed, report.to_text()
    closes = Closes(Store(kept.client))
    assert closes.accounts == ["other/SHOP-7"]
    assert len(closes.rows) == len(RESULTS)


def test_closes_of_former_versions_told_no_currency(tampered: Kept) -> None:
    """And added up all amounts."""
    former = "replaceRegexpAll(items, ',\"currency\":\"...\"', '') AS items, open + 12 AS open"
    tampered.change("close", "last = toDate('2025-11-17')", former)
    assert "close_items" not in failed(tampered.auditor)


@pytest.mark.parametrize(
    ("table", "where", "changed", "check"),
    [
        ("close", "status = 'closed'", "received + 1 AS received", "close_figures"),
        ("close", "status = 'closed'", "matched_count + 1 AS matched_count", "close_figures"),
        ("close", "status = 'closed'", "billed + 1 AS billed", "close_figures"),
        ("close", "status = 'closed'", "suspense + 1 AS suspense", "close_figures"),
        ("close", "status = 'ready'", "received + 1 AS received", "close_figures"),
        ("close", "status = 'ready'", "'[]' AS items", "close_items"),
        ("close", "status = 'ready'", "last + 1 AS last", "closes"),
        ("close", "status = 'ready'", "'closed' AS status", "closes"),
        ("close", "period = 'week'", "fees + 1 AS fees", "close_figures"),
        ("close", "status = 'closed'", "'[]' AS items", "close_items"),
        ("close", "status = 'closed'", "replaceAll(items, '客户未确认', '') AS items", "close_items"),
        ("close", "open_count > 0", "open_count + 1 AS open_count", "close_items"),
        ("close", "open_count > 0", "open + 12 AS open", "close_items"),
        ("close", "open_count > 0", "replaceAll(items, 'USD', 'EUR') AS items", "close_items"),
        ("payment", "currency = 'USD'", "'EUR' AS currency", "close_items"),
        ("close", "status = 'refused'", "'closed' AS status", "closes"),
        ("close", "status = 'closed'", "'refused' AS status", "closes"),
        ("close", "status = 'reopened'", "'张三' AS by", "closes"),
        ("close", "status = 'reopened'", "' ' AS reason", "closes"),
        ("payment_exception", "status = 'accepted'", "'opened' AS status", "close_items"),
        ("payment_exception", "status = 'accepted'", "concat(subject, 'x') AS subject", "close_items"),
        ("close", "status = 'reopened'", "'C77' AS of", "closes"),
        ("close", "period = 'day'", "last + 1 AS last", "closes"),
        ("close", "period = 'week'", "first + 1 AS first", "closes"),
        ("close", "status = 'closed'", "time - INTERVAL 3 DAY AS time", "closes"),
        ("payment_match", "true", "toDate(event_time, 'Asia/Shanghai') AS business_date", "closed_days"),
        ("payment_match", "document = 'FR-9'", "business_date + 1 AS business_date", "closed_days"),
        (
            "journal",
            "fee = 'payment_in'",
            "toDate(event_time, 'Asia/Shanghai') AS business_date",
            "receipts_posted",
        ),
        ("journal", "fee = 'channel_fee'", "business_date + 1 AS business_date", "receipts_posted"),
        ("bill", "status = 'complete'", "paid + 1 AS paid", "close_figures"),
        ("payment_exception", "true", "amount + 1 AS amount", "close_items"),
    ],
)
def test_what_is_changed_is_noticed(tampered: Kept, table: str, where: str, changed: str, check: str) -> None:
    tampered.change(table, where, changed)
    assert check in failed(tampered.auditor)


@pytest.mark.parametrize(
    ("table", "where", "check"),
    [
        ("close", "status = 'reopened'", "closes"),
        ("close", "status = 'closed' AND period = 'day'", "closes"),
        ("bill", "status = 'complete'", "close_items"),
        ("payment_exception", "status = 'closed'", "close_items"),
    ],
)
def test_what_is_gone_is_noticed(tampered: Kept, table: str, where: str, check: str) -> None:
    tampered.remove(table, where)
    assert check in failed(tampered.auditor)


def test_a_close_stands_once(tampered: Kept) -> None:
    tampered.add("close", "status = 'closed'")
    assert "closes" in failed(tampered.auditor)


def test_matches_of_a_closed_day_show_in_the_journal_where_they_are_booked(tampered: Kept) -> None:
    tampered.change("journal", "fee = 'receivable_paid'", "business_date + 1 AS business_date")
    store = Store(tampered.auditor)
    assert "matches_posted" in {check.name for check in check_payments(store) if not check.passed}
