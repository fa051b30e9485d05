"""What is deducted from virtual accounts, in both flows' books: the auditor comes to the same, and notices changes."""

import random

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.asked import showing
from dashboards.trail import trail
from dashboards.why import explained
from deploy.audit.accounts import check_accounts
from deploy.audit.chain import read_log
from deploy.audit.payments import check_payments
from deploy.audit.rules import RULES, check_rule
from deploy.audit.store import Store
from deploy.reconciliation.people import listing
from deploy.statements import statement
from schemas.times import MINUTE, business_day, date_of
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.audit.test_accounts import Books as Accounts
from tests.audit.test_payments import Written
from tests.channels.world import NOON
from tests.payments.both import Both
from tests.payments.test_deductions import FACTS, MONEY, account
from tests.payments.world import decided, paid, tick
from tests.wallet.world import PARTY, command

TABLES = (
    *("deduction", "payment", "payment_match", "payment_exception", "receivable", "journal"),
    *("account_movement", "order_status"),
)
POSTED = next(rule for rule in RULES if rule.name == "deductions_posted")


@pytest.fixture(scope="module")
def kept(client: Client) -> Kept:
    """Deductions of every kind: taken at once or later, refused, given back, withdrawn."""
    r = random.Random(4)
    books, bank = Written(client), Accounts(client, "")
    both = Both(books=books, bank=bank)
    with books.writer.held(), bank.writer.held():
        both.ask(*MONEY[:1])
        for fact in r.sample(FACTS, len(FACTS)):
            both.take(fact)
            both.hear(r.randint(0, 2)).answer(r.randint(0, 2))
        both.settle().ask(*MONEY[1:]).settle()
        both.take(
            account("FR-1020", "5000.00"), account("FR-1021", "11.00"), account("FR-1022", "6000.00")
        ).settle()
        both.take(paid("A22", "6000.00", "FR-1022")).settle().ask(
            command("top_up", "c9", amount_e4=100)
        ).settle()
        both.take(decided("write_off", "K21", document="FR-1021", amount_e4=10_000)).settle()
        for time in (NOON + 30 * MINUTE, NOON + 24 * 60 * MINUTE):
            both.take(tick(time)).settle()
    books.writer.close()
    bank.writer.close()
    return Kept(client, TABLES)


def failed(client: Client) -> set[str]:
    """Names of the checks that fail when nothing may be on the way."""
    store = Store(client)
    checks = [
        *check_payments(store, settled=True),
        *check_accounts(store, read_log(store), settled=True),
        check_rule(store, POSTED),
    ]
    return {check.name for check in checks if not check.passed}


def test_all_is_well(kept: Kept) -> None:
    report = audited(kept.client, closed=True)
    assert report.passed, report.to_text()
    assert failed(kept.client) == set()
    assert "0 on the way" in report.check("deductions_done").detail
    done = {row[0] for row in kept.client.query("SELECT DISTINCT status FROM deduction").result_rows}
    assert done == {"asked", "dropped", "refused", "taken", "returned", "withdrawn"}
    live = audited(kept.client, live=True)
    assert live.passed, live.to_text()


@pytest.mark.parametrize(
    ("table", "where", "changed", "check"),
    [
        ("deduction", "status = 'asked'", "amount + 1 AS amount", "deductions_asked"),
        ("deduction", "status = 'asked'", "'XAD' AS party", "deductions_asked"),
        ("deduction", "status = 'asked'", "concat(deduction, 'x') AS deduction", "deductions_asked"),
        ("deduction", "status = 'dropped'", "amount + 1 AS amount", "deductions_asked"),
        ("deduction", "status = 'taken'", "amount + 1 AS amount", "deductions_posted"),
        ("deduction", "status = 'taken'", "amount + 1 AS amount", "recomputed_accounts"),
        ("deduction", "status = 'taken'", "'refused' AS status", "recomputed_deductions"),
        ("deduction", "status = 'taken'", "available + 1 AS available", "recomputed_deductions"),
        ("deduction", "status = 'refused'", "'taken' AS status", "recomputed_deductions"),
        ("deduction", "status = 'refused'", "'over_limit' AS reason", "recomputed_deductions"),
        ("deduction", "status = 'refused'", "toDecimal64(0.01, 4) AS amount", "recomputed_deductions"),
        ("deduction", "status = 'returned'", "'withdrawn' AS status", "deductions_done"),
        ("deduction", "status = 'returned'", "time + 1 AS time", "deductions_posted"),
        ("deduction", "status = 'withdrawn'", "'returned' AS status", "recomputed_deductions"),
        ("deduction", "true", "'FR-1001' AS document", "deductions_asked"),
        ("payment", "channel = 'account'", "amount + 1 AS amount", "deductions_done"),
        ("payment", "channel = 'account'", "'success' AS state", "deductions_done"),
        ("payment_match", "rule = 'account'", "'order_number' AS rule", "deductions_done"),
        ("payment_exception", "kind = 'deduction_refused'", "amount + 1 AS amount", "deductions_done"),
        ("receivable", "settle = 'account'", "'payment' AS settle", "deductions_asked"),
        ("receivable", "settle = 'payment'", "'account' AS settle", "deductions_asked"),
        ("journal", "fee = 'deduct'", "amount + 1 AS amount", "deductions_posted"),
        ("journal", "fee = 'give_back'", "'1815' AS account", "deductions_posted"),
        ("journal", "account = '1816' AND fee = 'payment_in'", "amount + 1 AS amount", "clearing"),
        ("account_movement", "kind = 'deduct'", "'give_back' AS kind", "recomputed_accounts"),
        ("account_movement", "kind = 'give_back'", "command_id || 'x' AS command_id", "recomputed_accounts"),
    ],
)
def test_what_is_changed_is_noticed(tampered: Kept, table: str, where: str, changed: str, check: str) -> None:
    tampered.change(table, where, changed)
    assert check in failed(tampered.auditor)


@pytest.mark.parametrize(
    ("table", "where", "check"),
    [
        ("deduction", "status = 'asked'", "deductions_done"),
        ("deduction", "status = 'dropped'", "deductions_asked"),
        ("deduction", "status = 'taken'", "deductions_done"),
        ("deduction", "status = 'refused'", "deductions_done"),
        ("deduction", "status = 'returned'", "deductions_done"),
        ("payment", "channel = 'account'", "deductions_done"),
        ("payment_exception", "kind = 'deduction_refused'", "deductions_done"),
        ("account_movement", "kind = 'deduct'", "recomputed_accounts"),
        ("journal", "fee = 'give_back'", "deductions_posted"),
    ],
)
def test_what_is_gone_is_noticed(tampered: Kept, table: str, where: str, check: str) -> None:
    tampered.remove(table, where)
    assert check in failed(tampered.auditor)


def test_people_see_what_was_deducted(kept: Kept) -> None:
    shown = "\n".join(step.line for step in trail(kept.client, "FR-1005"))
    assert "已退回 given back  SHC  60.00" in shown
    assert "已扣 taken  SHC  35.00" in shown
    (line,) = [one for one in listing(kept.client) if "FR-1020" in one]
    assert "账户扣款未成功 deduction_refused" in line
    asked = "\n".join(showing(kept.client, line.split()[0]))
    assert "insufficient_balance" in asked
    query = "SELECT payment FROM payment WHERE channel = 'account' AND order = 'FR-1001'"
    payment = kept.client.query(query).result_rows[0][0]
    assert any("已扣 taken" in one.zh for one in explained(kept.client, payment))
    day = date_of(business_day(NOON))
    text = statement(kept.client, PARTY, day, day, lines=True)
    assert "自动扣款 deduction" in text
    assert "FR-1001" in text
