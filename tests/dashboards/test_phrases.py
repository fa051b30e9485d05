"""Whatever matching and the comparison with bills say is told in Chinese, too, with the same values."""

import re
import time
from datetime import timedelta

import pytest

from dashboards.phrases import PHRASES, Phrases
from dashboards.terms import ACTIONS, EXCEPTIONS
from flows.reconciliation.accounts import missing_bill, refused_bill
from flows.reconciliation.explain import explain
from flows.reconciliation.judge import ADVICE
from flows.reconciliation.outcome import outcome
from schemas.money import YUAN
from schemas.payments import BillLine
from schemas.times import DAY
from tests.bills.lane import parts
from tests.bills.test_lane import TODAY, books
from tests.bills.test_threeway import CASES as BILLS
from tests.bills.test_threeway import found_of
from tests.channels.world import NOON
from tests.payments.world import due, paid, refunded
from tests.rating.material import scenarios
from tests.reconciliation.world import LATER, decisions, dues, payments, rules

LABELS = {rule.name: rule.label for rule in rules("甲挂账").rules}
SAID = Phrases(LABELS)
VALUE = re.compile(r"\{[a-z_]+\}")
CHINESE = re.compile("[\u4e00-\u9fff]")


def assert_told(text: str) -> None:
    """It is told in Chinese, and its English is what the books keep."""
    told = SAID.told(text)
    assert CHINESE.search(told.zh), f"no phrase for {text!r}"
    assert told.zh != text, f"no phrase for {text!r}"
    assert told.en == text
    assert not any(f"{name}:" in told.zh for name in LABELS), told.zh


@pytest.mark.parametrize("case", scenarios("matching.csv"), ids=lambda case: case["用例"])
def test_matching(case: dict[str, str]) -> None:
    owed, came, said = dues(case["应收应付"]), payments(case["来款"]), decisions(case["裁决"])
    result = outcome(owed, came, said, rules(case["规则"]), LATER)
    for evidence in [one.evidence for one in result.matches] + [one.evidence for one in result.exceptions]:
        assert_told(evidence)
    for payment in came:
        for now in (payment.time, LATER):
            for line in explain(payment.key, owed, came, said, rules(case["规则"]), now):
                assert_told(line)


@pytest.mark.parametrize("case", BILLS, ids=lambda case: case["场景"])
def test_bills(case: dict[str, str]) -> None:
    for one in found_of(case):
        assert_told(one.evidence)


def test_what_is_said_besides() -> None:
    """In a lane: by people, contradictions, several bills."""
    for text in (
        missing_bill("x").evidence,
        refused_bill(
            "x", {"a.csv": "bill_total_wrong: paid 1.00 instead of 2.00", "b": "bill_too_large: x"}
        ).evidence,
        "people matched 8.00 with it, it asks for 5.00",
        "60.00 by a person's decision; 40.00 by order number FR-1, 2 payments together",
        "decision decision-1",
        "kept",
        "given up",
        "deducted from the account",
        "insufficient_balance: C-1 may spend 0.00",
        "payer was told as tok-a and tok-b",
    ):
        assert_told(text)
    assert SAID.told("payer was told as tok-a and tok-b").zh == "付款方先后说成 tok-a、tok-b"
    told = SAID.told("amount_e4 was told as 1000000 and 1100000")
    assert told == ("金额先后说成 100.00、110.00", "amount was told as 100.00 and 110.00")
    idle = "nothing could be matched of 1.00 of bank/A/payment/7 for FR-1, 20.50 of bank/A/payment/7 for FR-2"
    assert (
        SAID.told(idle).zh == "未能核销：bank/A/payment/7 的 1.00 对 FR-1、bank/A/payment/7 的 20.50 对 FR-2"
    )


def test_a_lanes_texts() -> None:
    """All evidence of a lane in which much goes wrong."""
    lane = books()
    lane.take(
        due("FR-1", "100.00"),
        paid("A1", "100.00", "FR-1"),
        paid("A1", "110.00", "FR-1", time=NOON + 1),
        paid("A2", "100.00", "FR-1"),
        paid("A3", "5.00", "FR-9"),
        refunded("R1", "7.00", "A9"),
    )
    lane.take(*parts(TODAY, BillLine("payment", "A7", "", "", 70 * YUAN, 0, NOON)))
    lane.take(*parts(TODAY + timedelta(days=1))).until(NOON + 5 * DAY)
    rows = [*lane.rows["payment_exception"], *lane.rows["payment_match"]]
    kinds = {row["kind"] for row in lane.rows["payment_exception"]}
    assert kinds >= {"conflicting_states", "duplicate_payment", "long", "cut_off", "refund_orphan"}, kinds
    for row in rows:
        assert CHINESE.search(SAID.told(row["evidence"]).zh), row["evidence"]


def test_both_languages_tell_the_same_values() -> None:
    for phrase in PHRASES:
        assert set(VALUE.findall(phrase.zh)) == set(VALUE.findall(phrase.en)), phrase


def test_each_action_has_its_english() -> None:
    assert len(ACTIONS) == len(ADVICE) == len(EXCEPTIONS)
    assert all(english and not CHINESE.search(english) for _, english in ACTIONS.values())


def test_what_nobody_knows_stays_as_it_is() -> None:
    assert SAID.told("something of another version") == ("something of another version",) * 2
    assert str(SAID.told("something of another version")) == "something of another version"
    assert SAID.rule("order_number") == ("按订单号", "order_number")
    assert SAID.rule("gone") == ("gone", "gone")


@pytest.mark.parametrize(
    "text",
    [
        "in the " + "trade bill of 2025 (x), the " * 150,
        "open: 1.00, unknown_payment: " + "(looked at: " * 200,
        "matched: 1.00 for " + "a by b (" * 200,
        "x: " * 600,
        " for 1 by (" * 300,
        "the trade bill of " + " has 1.00, notified were " * 100,
        "; ".join(["x: y"] * 300),
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """Names come from outside."""
    began = time.process_time()
    assert SAID.told(text).en == text
    assert time.process_time() - began < 0.5
