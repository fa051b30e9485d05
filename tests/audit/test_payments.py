"""The payments flow's own books: the auditor comes to the same, and notices what is changed."""

import random
from datetime import date

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.cards import cards
from deploy.audit.chain import read_log
from deploy.audit.ledger import check_offsets
from deploy.audit.payments import RULES, check_payments
from deploy.audit.store import Store
from schemas.payments import BillLine, PaymentRulesPublished
from schemas.times import DAY, MINUTE
from sinks.encode import Encoded
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.audit.writer import Writer
from tests.bills.lane import not_believed, parts
from tests.channels.test_believed import COMBINED
from tests.channels.world import NOON, world
from tests.payments.test_any_order import FACTS
from tests.payments.world import INPUTS, Books, decided, due, key, paid

TABLES = (
    *("receivable", "notification", "payment", "payment_match", "payment_exception", "order_status"),
    *("payment_decision", "decision_state", "journal", "bill", "bill_line"),
)


class Written(Books):
    """A lane of payments that writes into a store."""

    def __init__(self, client: Client, published: PaymentRulesPublished | None = None) -> None:
        self.writer = Writer(client, 3000)
        super().__init__(published)

    def wrote(self, made: list[Encoded]) -> None:
        """Its rows."""
        self.writer.block(made, {f"{topic.name}:0": 1_000 * (self.n + 1) for topic in INPUTS})


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
        charged = BillLine("chargeback", "B31", "", "A31", 300_000, 0, NOON + DAY, "out")
        books.take(due("FR-1031", "30.00", party="C-31"), paid("A31", "30.00", "FR-1031"))
        books.take(*parts(date(2025, 11, 9), charged))
        books.take(due("FR-1020", "9.00"), paid("A20", "9.00", "FR-1020"))
        beyond = {"payment": key("A40"), "document": "FR-1040", "amount_e4": 80_000}
        books.take(due("FR-1040", "5.00"), paid("A40", "8.00"), decided("match", "K40", shares=[beyond]))
        books.take(due("FR-1020", "8.00", id="FR-1020-2", time=NOON + DAY))
        books.take(due("FR-1021", "2000.00"), paid("A21", "2000.00"))
        shares = [{"payment": key("A21"), "document": "FR-1021", "amount_e4": 20_000_000}]
        books.take(decided("match", "K10", shares=shares)).take(
            decided("approve", "K11", by="wang", of="K10")
        )
        books.take(due("FR-1022", "3000.00"), paid("A22", "3000.00"))
        shares = [{"payment": key("A22"), "document": "FR-1022", "amount_e4": 30_000_000}]
        books.take(decided("match", "K12", shares=shares)).take(
            decided("refund", "K13", payment=key("A6"), amount_e4=200_000)
        )
        books.take(paid("A12", "1.00", "FR-1001", time=NOON + DAY)).until(NOON + 4 * DAY)
        books.take(due("FR-1026", "80.00", partial=False), paid("A26", "70.00", "FR-1026", time=NOON + DAY))
        books.take(due("FR-1023", "7.00"), paid("A23", "7.00", "FR-1023"))
        books.take(world().notification(*COMBINED))
        books.take(due("FR-1024", "600.00"), due("FR-1025", "600.00"), paid("A24", "1200.00"))
        for number, document in (("K15", "FR-1024"), ("K16", "FR-1025")):
            share = {"payment": key("A24"), "document": document, "amount_e4": 6_000_000}
            books.take(decided("match", number, shares=[share]))
        books.take(decided("withdraw", "K17", of="K10"), decided("withdraw", "K18", "wang", of="K12"))
        books.take(not_believed(date(2025, 11, 10), "y"))
        for number, kind, amount in (("K19", "bill_amount", 999_000), ("K20", "bill_refused", 0)):
            books.take(decided("accept", number, exception=books.exception(kind), amount_e4=amount))
        books.take(
            decided(
                "ignore",
                "K14",
                exception=books.exception("refund_orphan"),
                until=NOON + 30 * DAY,
                time=NOON + 4 * DAY,
            )
        )
    books.writer.close()
    return Kept(client, TABLES)


def failed(client: Client) -> set[str]:
    """Names of the checks of payments that fail."""
    store = Store(client)
    checks = [*check_payments(store), check_offsets(store, read_log(store))]
    return {check.name for check in checks if not check.passed}


def test_all_is_well(kept: Kept) -> None:
    report = audited(kept.client, closed=True)
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
        ("journal", "account", "if(account = '1815', '1811', account)", "clearing"),
        (
            "journal",
            "business_date",
            "if(fee = 'receivable', business_date + 1, business_date)",
            "dues_posted",
        ),
        ("journal", "counterparty", "if(fee = 'payment_in', 'X', counterparty)", "receipts_posted"),
        ("payment", "number", "concat(number, 'x')", "payment_names"),
        ("payment", "cause", "concat(cause, 'x')", "payment_evidence"),
        ("receivable", "amount", "amount / 2", "within_dues"),
        ("receivable", "kind", "'topup'", "within_dues"),
        ("order_status", "status", "if(status = 'over_paid', 'paid', status)", "statuses"),
        ("order_status", "due", "due + 1", "statuses"),
        ("order_status", "overpaid", "overpaid + 1", "statuses"),
        ("order_status", "overpaid", "if(document = 'FR-1004', 0, overpaid)", "statuses"),
        ("order_status", "status_id", "concat(status_id, 'x')", "payment_names"),
        ("payment_match", "match_id", "unhex(repeat('00', 16))", "payment_names"),
        ("payment_exception", "amount", "amount + 1", "exceptions"),
        ("payment_exception", "since", "since + 1", "exceptions"),
        ("payment_exception", "amount", "if(kind = 'amount_under', 70, amount)", "exceptions"),
        ("receivable", "amount", "if(document = 'FR-1026', 90, amount)", "exceptions"),
        ("payment_exception", "evidence", "replaceAll(evidence, '/A5, ', '/A13, ')", "exceptions"),
        ("payment_exception", "evidence", "replaceAll(evidence, 'already: ', 'already: x')", "exceptions"),
        (
            "payment_match",
            "payment",
            "if(payment LIKE '%/A5', replaceAll(payment, '/A5', '/A6'), payment)",
            "exceptions",
        ),
        ("payment_exception", "exception_id", "concat(exception_id, 'x')", "exceptions"),
        ("payment_exception", "until", "if(until > since, until + 1, until)", "payment_decisions"),
        ("decision_state", "state", "'in_force'", "payment_decisions"),
        ("decision_state", "state", "if(event_id = 'K16', 'in_force', state)", "payment_decisions"),
        ("decision_state", "state", "if(event_id = 'K10', 'withdrawn', state)", "payment_decisions"),
        ("decision_state", "event_id", "concat(event_id, 'x')", "payment_decisions"),
        ("payment_decision", "by", "if(event_id = 'K16', 'wang', by)", "payment_decisions"),
        ("payment_decision", "of", "if(event_id = 'K17', 'K12', of)", "payment_decisions"),
        ("payment_decision", "reason", "if(decision = 'withdraw', ' ', reason)", "payment_decisions"),
        ("payment_decision", "amount", "if(event_id = 'K19', amount + 1, amount)", "payment_decisions"),
        ("payment_exception", "status", "if(status = 'accepted', 'opened', status)", "payment_decisions"),
        ("payment_exception", "status", "if(status = 'opened', 'accepted', status)", "payment_decisions"),
        ("payment_decision", "by", "if(decision = 'approve', 'li', by)", "payment_decisions"),
        ("payment_decision", "amount", "amount * 100", "payment_decisions"),
        ("payment_decision", "shares", "replaceAll(shares, 'FR-1009', 'FR-1011')", "payment_decisions"),
        ("payment_match", "rule", "'decided'", "payment_decisions"),
        ("notification", "sealed", "''", "payment_evidence"),
        ("notification", "payments", "payments + 1", "notification_ids"),
        ("notification", "payment", "concat(payment, 'x')", "payment_evidence"),
        ("notification", "offset", "offset + 100000", "offsets"),
        ("payment", "text", "'card 4111 1111 1111 1111'", "payment_cards"),
        ("receivable", "party", "'6222021001116245702'", "payment_cards"),
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
        ("decision_state", "payment_decisions"),
        ("payment_match", "match_ids"),
    ],
)
def test_what_stands_twice_is_noticed(tampered: Kept, table: str, check: str) -> None:
    tampered.add(table, "true")
    assert check in failed(tampered.auditor)


@pytest.mark.parametrize(
    ("table", "where", "check"),
    [
        ("payment_match", "document = 'FR-1023'", "payments_by_number"),
        ("payment_exception", "kind = 'refund_orphan'", "exceptions"),
        ("payment_exception", "subject = 'FR-1040'", "statuses"),
        ("payment_decision", "decision = 'approve'", "payment_decisions"),
        ("payment_decision", "decision = 'withdraw'", "payment_decisions"),
        ("payment_decision", "decision = 'accept'", "payment_decisions"),
        ("payment_exception", "status = 'accepted'", "payment_decisions"),
        ("decision_state", "event_id = 'K10'", "payment_decisions"),
        ("order_status", "serial = 1", "statuses"),
        ("notification", "payment LIKE '%A1'", "payment_evidence"),
        ("notification", "payments = 3 AND state = 'closed'", "notification_ids"),
        ("journal", "fee = 'receivable' AND waybill = 'FR-1001'", "dues_posted"),
        ("journal", "fee = 'channel_fee'", "receipts_posted"),
        ("journal", "fee = 'receivable_refunded' AND counterparty = 'C-31'", "receivables_aged"),
        ("order_status", "document = 'FR-1031' AND status = 'open'", "receivables_aged"),
        ("receivable", "document = 'FR-1031'", "receivables_aged"),
    ],
)
def test_what_is_gone_is_noticed(tampered: Kept, table: str, where: str, check: str) -> None:
    tampered.remove(table, where)
    assert check in failed(tampered.auditor)


def test_unmatched_money_must_be_asked_about_when_its_time_has_come(tampered: Kept) -> None:
    tampered.remove("payment_exception", "kind = 'amount_over'")
    assert "exceptions" in failed(tampered.auditor)


@pytest.mark.parametrize(
    ("text", "is_card"),
    [
        ("卡号 4111 1111 1111 1111", True),
        ("6222021001116245702", True),
        ("4111-1111-1111-1112", False),
        ("4200001234202511110123456789", False),
        ("ntf-41111111111111111111111111111111", False),
    ],
)
def test_cards_are_told_from_other_numbers(text: str, is_card: bool) -> None:
    assert any(True for _ in cards(text)) == is_card


@pytest.mark.parametrize(
    ("table", "where", "check", "name"),
    [
        ("payment_decision", "event_id = 'K13'", "payment_decisions", "K13"),
        ("bill_line", "payment LIKE '%B1'", "payments_stated", key("B1")),
        ("notification", "payment LIKE '%A31'", "payments_stated", key("A31")),
    ],
)
def test_a_part_of_a_fen_is_noticed(tampered: Kept, table: str, where: str, check: str, name: str) -> None:
    tampered.change(table, where, "amount + toDecimal64('0.005', 4) AS amount")
    (found,) = [one for one in check_payments(Store(tampered.auditor)) if one.name == check]
    assert f"{name}: is about a part of a fen" in found.examples
