"""Payouts to banks by the auditor: books with all kinds of them, and what is changed."""

from decimal import Decimal

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.why import explained
from deploy.audit.payments import check_payments
from deploy.audit.store import Store
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.audit.test_payments import Written
from tests.payments.closes import noon
from tests.payments.test_payouts import OF_TWO, played

STEPS = (
    "单FR-1007 100；提P1 11 100；提P2 11 70；提P3 12 70；入C1 12 100 财付通FR-1007；入C2 13 70 支付宝；"
    "入C3 14 5 支付宝；到 15；提P4 14 30；入C4 15 30 财付通；"
    "提P5 15 55；回R5 16 50 P5；提P6 11 33；认可P6 33；提P7 11 44；入C7 15 44 货款；核C7→P7 44；"
    "回R8 15 12；回R9 15 13；认可R9 13；回R0 15 14；退R0 14；回R10 15 21；付B1 15 21；核R10→B1 21"
)
TABLES = ("journal", "order_status", "payment", "payment_exception", "payment_match", "receivable")


@pytest.fixture(scope="module")
def kept(client: Client) -> Kept:
    """Books with payouts of every kind."""
    books = Written(client, OF_TWO)
    with books.writer.held():
        played(books, STEPS).until(noon("17"))
        books.writer.close()
    return Kept(client, TABLES)


def failed(client: Client) -> set[str]:
    """Names of the checks that fail."""
    return {check.name for check in check_payments(Store(client)) if not check.passed}


def test_all_is_well(kept: Kept) -> None:
    report = audited(kept.client, closed=True)
    assert report.passed, report.to_text()
    (row,) = kept.client.query(
        "SELECT sum(balance) FROM cash_position WHERE account = '1817' AND channel = 'transit'"
    ).result_rows
    assert row == (Decimal(175),)


@pytest.mark.parametrize(
    ("payment", "line"),
    [
        ("transfer/P4", "已核销：30.00 核销 other/SHOP-7/transfer/P4，依据渠道提现（提现在途）"),
        (
            "payment/C4",
            "已核销：30.00 核销 other/SHOP-7/transfer/P4，依据渠道提现（提现 other/SHOP-7/transfer/P4 已到账）",
        ),
        ("transfer/P1", "未结：100.00，提现未到账：提现 100.00，至 2025-11-14 银行仍未入账"),
    ],
)
def test_people_are_told_why(kept: Kept, payment: str, line: str) -> None:
    """What cleared it, or how long it has been missing."""
    assert line in [one.zh for one in explained(kept.client, f"other/SHOP-7/{payment}")]


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("payment_match", "posting = 'payout_sent' AND endsWith(payment, 'P1')"),
        ("payment_match", "posting = 'payout_arrived' AND endsWith(payment, 'C4')"),
        ("payment_match", "posting = 'payout_arrived' AND endsWith(payment, 'C7')"),
        ("payment_match", "posting = 'payout_returned'"),
        ("payment_match", "posting = 'payout_lost'"),
        ("journal", "fee = 'payout_lost' AND account = '1817'"),
        ("payment_exception", "kind = 'payout_missing'"),
        ("payment_exception", "kind = 'return_orphan' AND endsWith(subject, 'R8')"),
        ("payment_exception", "kind = 'return_orphan' AND endsWith(subject, 'R9')"),
        ("payment_match", "posting = 'money_kept'"),
        ("payment_match", "posting = 'deposit_sent'"),
        ("payment_match", "posting = 'deposit_arrived'"),
        ("journal", "fee = 'payout_arrived' AND account = '1817'"),
    ],
)
def test_what_is_gone_is_noticed(tampered: Kept, table: str, where: str) -> None:
    tampered.remove(table, where)
    assert "payouts" in failed(tampered.auditor)


@pytest.mark.parametrize(
    ("table", "where", "changed"),
    [
        ("payment_match", "posting = 'payout_arrived'", "replaceOne(document, 'P4', 'P3') AS document"),
        ("payment_match", "posting = 'payout_arrived'", "'x' AS party"),
        ("payment", "endsWith(payment, 'C4')", "'货款' AS text"),
        ("payment", "endsWith(payment, 'C4')", "'银联' AS text"),
        ("payment", "endsWith(payment, 'P4')", "event_time + 172800 AS event_time"),
        ("payment_exception", "kind = 'payout_missing'", "amount + 1 AS amount"),
        ("payment_match", "posting = 'money_kept'", "amount + 1 AS amount"),
        ("payment_match", "posting = 'money_kept'", "'decision x' AS evidence"),
        ("payment_match", "posting = 'deposit_arrived'", "'payout' AS rule"),
        ("payment_exception", "kind = 'return_orphan'", "amount + 1 AS amount"),
        ("payment_exception", "kind = 'return_orphan'", "replaceOne(subject, 'R8', 'R0') AS subject"),
    ],
)
def test_what_is_changed_is_noticed(tampered: Kept, table: str, where: str, changed: str) -> None:
    tampered.change(table, where, changed)
    assert "payouts" in failed(tampered.auditor)
