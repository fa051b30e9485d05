"""Three-way comparison by the auditor: the same table of cases, books with everything in them, and what is changed."""

import random
from fractions import Fraction

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.agreed import Agreed
from deploy.audit.movements import Line, Told, Wholes, asked, of_bills
from deploy.audit.payments import check_payments
from deploy.audit.store import Store
from flows.reconciliation import threeway
from flows.reconciliation.accounts import Terms
from schemas.payments import exception_id
from schemas.times import DAY
from sources.bills.verified import end_of
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.audit.test_payments import Written
from tests.bills.lane import not_believed, parts, with_bills
from tests.bills.test_lane import DAYS, FACTS, FEE, line
from tests.bills.test_threeway import CASES, KINDS, day, lines_of, terms_of, told_of
from tests.channels.world import NOON
from tests.payments.world import GROUP, decided, key, paid, refunded

TABLES = ("bill", "bill_line", "journal", "notification", "payment", "payment_exception", "payment_match")
CHECKS = frozenset({"bill_lines", "payments_stated", "bill_exceptions", "three_way", "bill_line_records"})


def agreed_of(terms: Terms) -> Agreed:
    """The same terms, for the auditor."""
    rate = None if terms.rate_ppm is None else Fraction(terms.rate_ppm, threeway.MILLION)
    return Agreed(
        terms.sorts, terms.notified, terms.cut_off, terms.grace_days, rate, terms.fee_slack, terms.due
    )


def heard(told: threeway.Told | None) -> Told | None:
    """A notification, for the auditor."""
    if told is None:
        return None
    return Told(told.state, told.amount, told.currency, "in", told.fee, told.time, told.settled)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["场景"])
def test_the_auditor_asks_what_the_table_says(case: dict[str, str]) -> None:
    kind, agreed = KINDS[case["种类"]], agreed_of(terms_of(case["约定"]))
    days: dict[str, set[int]] = {"trade": set(), "fund": set()}
    for word in case["到齐的账单"].split():
        days["fund" if word.startswith("资金") else "trade"].add(day(word.removeprefix("资金")))
    lines = [
        Line(bill, of, sort, one.state, one.amount_e4, one.currency, one.direction, one.fee_e4, one.time)
        for bill, of, sort, one in lines_of(kind, case["账单"])
    ]
    found = asked(
        kind, heard(told_of(kind, case["通知"])), of_bills(lines), agreed, Wholes(days), unmatched=True
    )
    assert sorted(one for one, _ in found) == sorted(case["例外"].split())


MORE = [
    paid("A6", "20.00", "", settled=None, fee_e4=1_200),
    paid("A6", "20.00", "", fee_e4=None),
    paid("A7", "8.00", "", time=NOON + DAY),
    paid("A8", "8.00", "", time=NOON + 2 * DAY),
    paid("A13", "4.00", "", time=NOON + 3 * DAY),
    refunded("R3", "1.00", "A1", fee_e4=None),
    *parts(
        DAYS[4],
        line("A6", "20.00", fee="0.12"),
        line("A7", "8.00", fee="0.05"),
        line("A9", "3.00", state="failed"),
        corrects=1,
    ),
    *parts(DAYS[2], line("A10", "2.00", currency="USD"), line("A10", "0", fee="0.01"), size=1)[:2],
    *parts(DAYS[4], line("A6", "20.00", fee="0.50"), line("A15", "2.00")),
    paid("A10", "2.00", "", fee_e4=None),
    *parts(DAYS[1], line("F1", "0", fee="0.30"), line("F2", "0", fee="0.40"), sort="fund"),
    decided("accept", "KF", exception=exception_id(GROUP, "fee_alone", key("F2")), amount_e4=4_000),
]
STATEMENTS = [
    *parts(DAYS[3], line("A16", "1.00"), line("A17", "3.00"), size=1, statement="1"),
    *parts(DAYS[3], line("A17", "3.00"), line("A18", "5.00"), statement="2"),
    *parts(DAYS[3], line("A17", "3.00"), line("A19", "6.00"), statement="1", corrects=1),
    not_believed(DAYS[3], "z", "3"),
]
LATER_FEES = parts(
    DAYS[4], line("A7", "0", fee="0.02"), line("F1", "0", fee="-0.10"), sort="fund", statement="4"
)


@pytest.fixture(scope="module")
def kept(client: Client) -> Kept:
    """Books with bills of every kind, in some order, in blocks of a few."""
    books = Written(client, with_bills("", FEE))
    facts = [*FACTS, *MORE]
    order = random.Random(5).sample(facts, len(facts))
    with books.writer.held():
        books.until(end_of(DAYS[4]))
        for start in range(0, len(order), 3):
            books.take(*order[start : start + 3])
        books.take(*STATEMENTS[:-3]).take(*STATEMENTS[-3:]).take(*LATER_FEES)
        books.take(*parts(DAYS[4], line("A11", "1.00"), line("A12", "2.00"), sort="fund", claims=9))
        books.until(end_of(DAYS[4]) + 2 * DAY)
        books.writer.close()
    return Kept(client, TABLES)


def failed(client: Client) -> set[str]:
    """Names of the checks that fail."""
    return {check.name for check in check_payments(Store(client)) if not check.passed}


def test_all_is_well(kept: Kept) -> None:
    report = audited(kept.client, closed=True)
    assert report.passed, report.to_text()
    assert {check.name for check in report.checks} >= CHECKS
    kinds = kept.client.query("SELECT DISTINCT kind FROM open_payment_exception").result_rows
    assert {kind for (kind,) in kinds} >= {
        *("long", "short", "cut_off", "bill_amount", "bill_status", "bill_currency", "bill_fee"),
        *("bill_duplicate", "bill_refused", "bill_missing", "fee_alone"),
    }


@pytest.mark.parametrize(
    ("table", "where", "changed", "check"),
    [
        ("bill_line", "payment LIKE '%A1'", "amount + 1 AS amount", "bill_exceptions"),
        ("bill_line", "payment LIKE '%A3'", "amount + 1 AS amount", "payments_stated"),
        ("bill_line", "payment LIKE '%A6'", "fee + 1 AS fee", "payments_stated"),
        ("bill_line", "payment LIKE '%A6'", "'pending' AS state", "bill_exceptions"),
        ("bill_line", "payment LIKE '%A6'", "'USD' AS currency", "bill_exceptions"),
        ("bill_line", "payment LIKE '%A7'", "day - 1 AS day", "payments_stated"),
        ("bill_line", "payment LIKE '%A7'", "'fund' AS sort", "bill_exceptions"),
        ("bill_line", "payment LIKE '%A7'", "'refund' AS kind", "bill_lines"),
        ("bill_line", "payment LIKE '%A7'", "concat(payment, 'x') AS payment", "payments_stated"),
        ("bill_line", "payment LIKE '%A3'", "'out' AS direction", "payments_stated"),
        ("bill_line", "payment LIKE '%A3'", "event_time + 1 AS event_time", "payments_stated"),
        ("bill_line", "payment LIKE '%A7'", "offset + 1 AS offset", "bill_lines"),
        ("bill_line", "payment LIKE '%A18'", "'1' AS statement", "bill_lines"),
        ("bill", "statement = '2'", "'1' AS statement", "bill_lines"),
        ("bill", "statement = '3'", "'2' AS statement", "bill_exceptions"),
        ("bill", "status = 'complete'", "parts + 1 AS parts", "bill_exceptions"),
        ("bill", "status = 'complete'", "lines + 1 AS lines", "bill_exceptions"),
        ("bill", "status = 'complete'", "paid + 1 AS paid", "bill_exceptions"),
        ("bill", "status = 'complete'", "fee + 1 AS fee", "bill_exceptions"),
        ("bill", "status = 'complete'", "day + 9 AS day", "bill_exceptions"),
        ("bill", "status = 'refused'", "'complete' AS status", "bill_exceptions"),
        (
            "bill",
            "true",
            "addDays(event_time, -toInt32(event_time = (SELECT max(event_time) FROM kept_bill))) AS event_time",
            "payments_stated",
        ),
        ("notification", "payment LIKE '%A1'", "amount + 1 AS amount", "payments_stated"),
        ("notification", "payment LIKE '%A1'", "'pending' AS state", "bill_exceptions"),
        ("notification", "payment LIKE '%A5'", "event_time + 86400 AS event_time", "payments_stated"),
        ("notification", "payment LIKE '%A5'", "'USD' AS currency", "payments_stated"),
        ("notification", "payment LIKE '%A5'", "'out' AS direction", "payments_stated"),
        ("notification", "payment LIKE '%A5'", "1 AS fee_told", "payments_stated"),
        ("notification", "payment LIKE '%A5'", "today() AS settled", "payments_stated"),
        ("payment", "payment LIKE '%A6'", "fee + 1 AS fee", "payments_stated"),
        ("payment", "payment LIKE '%A6'", "settled + 1 AS settled", "payments_stated"),
        ("payment", "payment LIKE '%A6'", "'pending' AS state", "payments_stated"),
        ("payment", "payment LIKE '%F1'", "'success' AS state", "payments_stated"),
        ("payment", "payment LIKE '%F2' AND state = 'success'", "'pending' AS state", "payments_stated"),
        ("bill_line", "payment LIKE '%F1'", "fee + 1 AS fee", "bill_exceptions"),
        (
            "journal",
            "fee = 'channel_fee' AND endsWith(waybill, 'F2')",
            "amount + 1 AS amount",
            "receipts_posted",
        ),
        (
            "payment_exception",
            "kind = 'fee_alone' AND status = 'accepted'",
            "'changed' AS status",
            "payments_stated",
        ),
        ("payment_exception", "kind = 'short'", "amount + 1 AS amount", "bill_exceptions"),
        ("payment_exception", "kind = 'bill_missing'", "concat(subject, 'x') AS subject", "bill_exceptions"),
    ],
)
def test_what_is_changed_is_noticed(tampered: Kept, table: str, where: str, changed: str, check: str) -> None:
    tampered.change(table, where, changed)
    assert check in failed(tampered.auditor)


@pytest.mark.parametrize(
    "kind",
    [
        *("long", "short", "cut_off", "bill_amount", "bill_status", "bill_currency", "bill_fee"),
        *("bill_duplicate", "bill_refused", "bill_missing", "fee_alone"),
    ],
)
def test_a_question_that_nobody_asks_is_noticed(tampered: Kept, kind: str) -> None:
    """And so is money in it that three sides do not have alike."""
    tampered.remove("payment_exception", f"kind = '{kind}'")
    assert "bill_exceptions" in failed(tampered.auditor)


@pytest.mark.parametrize("table", ["bill", "bill_line", "notification"])
def test_what_is_gone_is_noticed(tampered: Kept, table: str) -> None:
    tampered.remove(table, f"seq = (SELECT min(seq) FROM kept_{table})")
    assert failed(tampered.auditor) & {"bill_exceptions", "payments_stated"}


def test_lines_that_stand_twice_are_noticed(tampered: Kept) -> None:
    tampered.add("bill_line", "payment LIKE '%A7'")
    assert "bill_line_records" in failed(tampered.auditor)


def test_money_that_only_a_bill_knows_must_be_matched_or_asked_about(tampered: Kept) -> None:
    """Nobody is asked about what is matched; without its match it is a difference that nobody knows of."""
    tampered.remove("payment_match", "payment LIKE '%A3'")
    assert failed(tampered.auditor) >= {"bill_exceptions", "three_way"}


def test_a_surplus_that_is_matched_and_asked_about_is_noticed(tampered: Kept) -> None:
    tampered.change("payment_exception", "kind = 'long'", "replaceOne(subject, 'A14', 'A3') AS subject")
    assert "bill_exceptions" in failed(tampered.auditor)


@pytest.mark.parametrize("kind", ["long", "short", "bill_amount"])
def test_a_difference_of_a_day_that_nobody_asks_about_is_noticed(tampered: Kept, kind: str) -> None:
    tampered.remove("payment_exception", f"kind = '{kind}'")
    assert "three_way" in failed(tampered.auditor)
