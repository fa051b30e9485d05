"""Closed days of the books in what accounts and payments book: the auditor comes to the same, and notices changes."""

import pytest
from clickhouse_connect.driver.client import Client

from deploy import books
from deploy.audit.accounts import check_accounts
from deploy.audit.chain import read_log
from deploy.audit.payments import check_payments
from deploy.audit.periods import Closes
from deploy.audit.rules import RULES, check_rule
from deploy.audit.store import Store
from deploy.statements import statement
from schemas import topics
from schemas.times import DAY, day_of
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.audit.test_accounts import Books as Accounts
from tests.audit.test_payments import Written
from tests.audit.writer import Writer
from tests.channels.world import NOON
from tests.payments.both import Both
from tests.payments.closes import day
from tests.payments.test_periods import Case
from tests.wallet.world import PARTY

TABLES = ("account_movement", "books_close", "journal", "payment_match")
BOOKED_ON = next(rule for rule in RULES if rule.name == "booked_on")
STEPS = """
充值 11 100；单 FR-1 11 100；单 FR-2 8 50；扣款单 FR-3 11 60；充值单 FR-4 11 30；到 12；
关账 11 张三；充值 11 40；提现 11 10；款 A2 11 30 FR-2 费0.30；核减 FR-2 20；单 FR-1 11 90；取消 FR-3；
款 A4 11 30 FR-4；反关账 10 李四；充值 11 1；单 FR-6 11 9；单 FR-1 11 80；到 13；日结 12 张三；关账 11 王五；
款 A6 11 9 FR-6；扣款单 FR-5 11 20
"""


@pytest.fixture(scope="module")
def kept(client: Client) -> Kept:
    """Both flows' books, closed, reopened, and closed again."""
    payments, bank = Written(client), Accounts(client, "")
    case = Case(Both(books=payments, bank=bank))
    with payments.writer.held(), bank.writer.held():
        case.play(STEPS.replace("\n", ""))
    payments.writer.close()
    bank.writer.close()
    return Kept(client, TABLES)


def failed(client: Client) -> set[str]:
    """Names of the checks that fail when nothing may be on the way."""
    store = Store(client)
    checks = [
        *check_payments(store, settled=True),
        *check_accounts(store, read_log(store), settled=True),
        check_rule(store, BOOKED_ON),
        Closes(store).check_said(read_log(store)),
    ]
    return {check.name for check in checks if not check.passed}


def test_all_is_well(kept: Kept) -> None:
    report = audited(kept.client, closed=True)
    assert report.passed, report.to_text()
    assert failed(kept.client) == set()
    told = list(books.told(kept.client))
    assert [line.split()[2] for line in told[:3]] == ["closed", "reopened", "closed"]
    assert all("(2 lanes)" in line for line in told[:3])
    assert any(" rows of 2025-11-11" in line and line.endswith("2025-11-12") for line in told)
    late = statement(kept.client, PARTY, day("12"), day("12"), lines=True)
    assert "2025-11-11 12:00:00" in late, "who asked for it on the day before is shown"


@pytest.mark.parametrize(
    ("table", "where", "changed", "check"),
    [
        ("journal", "fee = 'top_up' AND business_date = '2025-11-12'", "- 1", "booked_on"),
        ("journal", "fee = 'top_up' AND business_date = '2025-11-12'", "+ 1", "booked_on"),
        ("journal", "fee = 'give_back'", "- 1", "booked_on"),
        ("journal", "fee = 'payment_in' AND business_date = '2025-11-12'", "- 1", "booked_on"),
        ("journal", "fee = 'receivable' AND business_date = '2025-11-12'", "- 1", "booked_on"),
        ("journal", "fee = 'receivable' AND business_date = '2025-11-12'", "+ 1", "dues_posted"),
        ("journal", "fee = 'payment_in' AND business_date = '2025-11-13'", "- 1", "receipts_posted"),
        ("payment_match", "what = 'write_off'", "- 1", "closed_days"),
        ("payment_match", "what = 'write_off'", "- 4", "closed_days"),
        ("payment_match", "what = 'write_off'", "+ 1", "closed_days"),
        ("payment_match", "reversal = 1", "+ 1", "closed_days"),
        (
            "account_movement",
            "kind = 'top_up' AND business_date = '2025-11-12'",
            "- 1",
            "recomputed_accounts",
        ),
        ("account_movement", "kind = 'give_back'", "- 1", "recomputed_accounts"),
        ("account_movement", "kind = 'posting'", "- 1", "told"),
    ],
)
def test_a_row_on_another_day_is_noticed(
    tampered: Kept, table: str, where: str, changed: str, check: str
) -> None:
    tampered.change(table, where, f"business_date {changed} AS business_date")
    assert check in failed(tampered.auditor)


@pytest.mark.parametrize("lane", [1000, 3000])
@pytest.mark.parametrize("changed", ["through - 1 AS through", "'赵六' AS published_by"])
def test_a_close_that_one_lane_has_otherwise_is_noticed(tampered: Kept, lane: int, changed: str) -> None:
    tampered.change("books_close", f"bitShiftRight(seq, 32) = {lane}", changed)
    assert "closes_said" in failed(tampered.auditor)


def test_rows_are_held_to_what_is_closed(tampered: Kept) -> None:
    tampered.change("books_close", "status = 'closed'", "through + 1 AS through")
    wrong = {"booked_on", "closed_days", "dues_posted", "receipts_posted", "recomputed_accounts"}
    assert wrong <= failed(tampered.auditor)


CONTROL = f"{topics.CONTROL.name}:0"
CLOSE = {
    "event_id": "c1",
    "status": "closed",
    "through": day_of(day("11")),
    "event_time": NOON + DAY,
    "published_by": "张三",
}
OPENED = {
    **CLOSE,
    "event_id": "o1",
    "status": "reopened",
    "through": day_of(day("10")),
    "published_by": "李四",
}
Lanes = dict[int, list[tuple[int, list[dict[str, object]]]]]
"""By lane its blocks: up to which record of the control topic it has read, and what it took of closes."""
TAKEN: Lanes = {
    0: [(3, []), (4, [CLOSE]), (6, [OPENED])],
    1000: [(3, []), (6, [CLOSE, OPENED])],
    3000: [(4, [CLOSE]), (4, []), (5, [OPENED])],
}


@pytest.mark.parametrize(
    ("lane", "blocks", "says"),
    [
        (0, TAKEN[0], []),
        (2000, [(6, [CLOSE, OPENED])], []),
        (2000, [(3, [])], []),
        (2000, [(6, [])], ["lane 2000 has read c1", "lane 2000 has read o1"]),
        (1000, [(4, [CLOSE]), (6, [])], ["lane 1000 has read o1"]),
        (3000, [(4, [])], ["lane 3000 has read c1"]),
        (1000, [(3, [CLOSE]), (6, [OPENED])], ["c1: lanes took it from different records"]),
        (1000, [(4, []), (6, [CLOSE, OPENED])], ["c1: lanes took it from different records"]),
    ],
)
def test_a_lane_takes_each_close_in_the_block_that_reads_it(
    empty: Client, lane: int, blocks: list[tuple[int, list[dict[str, object]]]], says: list[str]
) -> None:
    """One that does not would go unnoticed until it books something for a closed day."""
    for writer in _written(empty, TAKEN | {lane: blocks}):
        writer.close()
    store = Store(empty)
    check = Closes(store).check_said(read_log(store))
    assert [one.startswith(start) for one, start in zip(check.examples, says, strict=True)] == [True] * len(
        says
    )
    assert check.passed == (not says)


def test_what_may_not_be_written_yet_is_not_missed(empty: Client) -> None:
    """A lane's newest block, whose rows may be on their way."""
    _written(empty, TAKEN | {2000: [(6, [])]})
    store = Store(empty)
    assert Closes(store).check_said(read_log(store)).passed


def _written(client: Client, lanes: Lanes) -> list[Writer]:
    writers = [Writer(client, number) for number in lanes]
    for writer in writers:
        for upto, rows in lanes[writer.lane]:
            writer.by_hand({"books_close": rows}, {CONTROL: upto})
    return writers
