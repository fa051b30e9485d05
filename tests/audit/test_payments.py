"""The payments flow's own books: the auditor comes to the same, and notices what is changed."""

import random
from collections.abc import Iterator
from datetime import date
from typing import Self

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit import run
from deploy.audit.payments import RULES, check_payments
from deploy.audit.store import Store
from schemas.events import Event
from schemas.payments import BillLine
from schemas.times import DAY, MINUTE
from sinks.encode import Encoded
from tests.audit.tampering import Kept
from tests.audit.writer import Writer
from tests.bills.lane import not_believed, parts
from tests.channels.world import NOON
from tests.payments.test_any_order import FACTS
from tests.payments.world import Books, decided, due, paid

TABLES = (
    *("receivable", "notification", "payment", "payment_match", "payment_exception", "order_status"),
    *("payment_decision", "journal", "bill"),
)


class Written(Books):
    """A lane of payments that writes into a store."""

    def __init__(self, client: Client) -> None:
        self.writer = Writer(client, 3000)
        super().__init__()

    def take(self, *events: Event | bytes) -> Self:
        """A block more."""
        super().take(*events)
        return self

    def wrote(self, made: list[Encoded]) -> None:
        """Its rows."""
        self.writer.block(made, {"waybook.receivables:0": self.n})


@pytest.fixture(scope="module")
def kept(client: Client) -> Kept:
    """Books with every kind of fact, in some order that has corrections in it."""
    books = Written(client)
    order = random.Random(3).sample(FACTS, len(FACTS))
    with books.writer.held():
        for event in order:
            books.take(event)
        books.until(NOON + 30 * MINUTE).until(NOON + DAY)
    told, lacking = (
        BillLine("payment", "A1", "", "", 1_000, 6, NOON),
        BillLine("payment", "B1", "", "", 900, 5, NOON),
    )
    back = BillLine("refund", "B2", "", "B1", 900, -5, NOON, "out")
    books.take(*parts(date(2025, 11, 11), told, lacking, back), not_believed(date(2025, 11, 11)))
    books.take(decided("ignore", "K9", exception=books.exception("refund_orphan"), until=NOON + 3 * DAY))
    books.take(due("FR-1020", "9.00"), paid("A20", "9.00", "FR-1020"))
    books.take(due("FR-1020", "8.00", id="FR-1020-2", time=NOON + DAY))
    books.take(paid("A12", "1.00", "FR-1001", time=NOON + DAY)).until(NOON + 4 * DAY)
    books.writer.close()
    return Kept(client, TABLES)


@pytest.fixture
def tampered(kept: Kept) -> Iterator[Kept]:
    """The books, mended after the test."""
    yield kept
    kept.mend()


def failed(client: Client) -> set[str]:
    """Names of the checks of payments that fail."""
    return {check.name for check in check_payments(Store(client)) if not check.passed}


def test_all_is_well(kept: Kept) -> None:
    report = run(kept.client, closed=True)
    assert report.passed, report.to_text()
    assert {rule.name for rule in RULES} <= {check.name for check in report.checks}


@pytest.mark.parametrize(
    ("table", "column", "changed", "check"),
    [
        ("payment", "amount", "amount + 1", "receipts_posted"),
        ("payment", "fee", "fee + 1", "receipts_posted"),
        ("payment", "channel", "'wechat'", "receipts_posted"),
        ("payment_match", "amount", "amount + 1", "matches_posted"),
        ("payment_match", "party", "'X'", "matches_posted"),
        ("payment_match", "posting", "'payable_paid'", "matches_posted"),
        ("payment_match", "revision", "revision + 1", "matches_in_turn"),
        ("payment_match", "amount", "if(reversal = 1, amount - 1, amount)", "matches_reversed"),
        ("payment_match", "amount", "amount * 1000", "within_payments"),
        ("payment_match", "payment", "concat(payment, 'x')", "suspense"),
        ("receivable", "amount", "amount + 1", "dues_posted"),
        ("order_status", "paid", "paid + 1", "statuses"),
        ("order_status", "serial", "serial + 1", "statuses"),
        ("order_status", "status", "'refunded'", "statuses"),
        ("payment_exception", "status", "'closed'", "exceptions"),
        ("journal", "account", "if(account = '2601', '2602', account)", "suspense"),
    ],
)
def test_what_is_changed_is_noticed(
    tampered: Kept, table: str, column: str, changed: str, check: str
) -> None:
    tampered.change(table, "true", f"({changed}) AS `{column}`")
    assert check in failed(tampered.auditor)


@pytest.mark.parametrize(
    ("table", "check"),
    [
        ("bill", "bill_records"),
        ("notification", "notification_ids"),
        ("receivable", "receivable_records"),
        ("order_status", "status_ids"),
        ("payment_decision", "decision_ids"),
        ("payment_match", "match_ids"),
    ],
)
def test_what_stands_twice_is_noticed(tampered: Kept, table: str, check: str) -> None:
    tampered.add(table, "true")
    assert check in failed(tampered.auditor)
