"""What went back and comes back by the auditor: chargebacks, what is won back, what went back beyond what was paid."""

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.payments import check_payments
from deploy.audit.store import Store
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.audit.test_payments import Written
from tests.payments.test_chargebacks import played

TABLES = ("journal", "order_status", "payment", "payment_exception", "payment_match", "receivable")


@pytest.fixture(scope="module")
def kept(client: Client) -> Kept:
    """All stories of the table."""
    books = Written(client)
    with books.writer.held():
        played(books, restarts=False)
        books.writer.close()
    return Kept(client, TABLES)


def test_all_is_well(kept: Kept) -> None:
    report = audited(kept.client, closed=True)
    assert report.passed, report.to_text()


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ("payment_match", "posting = 'refund_owed'"),
        ("payment_match", "posting = 'refund_recovered'"),
        ("payment_match", "posting = 'refund_lost'"),
        ("payment_match", "rule = 'chargeback' AND posting = 'receivable_paid'"),
        ("payment_exception", "kind = 'refund_over'"),
        ("journal", "account = '1221'"),
    ],
)
def test_what_is_gone_is_noticed(tampered: Kept, table: str, where: str) -> None:
    tampered.remove(table, where)
    assert any(not check.passed for check in check_payments(Store(tampered.auditor)))


@pytest.mark.parametrize(
    ("table", "where", "changed"),
    [
        ("payment_match", "posting = 'refund_owed'", "amount - 1 AS amount"),
        ("payment_match", "posting = 'refund_lost'", "'decision x' AS evidence"),
        ("payment_match", "posting = 'refund_recovered'", "'x' AS party"),
        ("payment_exception", "kind = 'refund_over'", "amount + 1 AS amount"),
    ],
)
def test_what_is_changed_is_noticed(tampered: Kept, table: str, where: str, changed: str) -> None:
    tampered.change(table, where, changed)
    assert {"payouts"} <= {
        check.name for check in check_payments(Store(tampered.auditor)) if not check.passed
    }
