"""Whatever matching and the comparison with bills say is told in Chinese, too, with the same values."""

import ast
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dashboards.phrases import PHRASES, Phrases, not_believed
from dashboards.terms import ACTIONS, EXCEPTIONS
from flows.reconciliation.accounts import missing_bill, refused_bill
from flows.reconciliation.explain import explain
from flows.reconciliation.judge import ADVICE
from flows.reconciliation.outcome import outcome
from schemas.money import YUAN
from schemas.payments import BillLine
from schemas.times import DAY
from sources import bills
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


def reasons() -> Iterator[tuple[str, str]]:
    """All that readers of bills say is wrong with one, by module, with something in the place of what they found."""
    for path in sorted(Path(bills.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        named = {
            target.id: one.value
            for one in ast.walk(tree)
            if isinstance(one, ast.Assign)
            for target in one.targets
            if isinstance(target, ast.Name) and isinstance(one.value, ast.Constant | ast.JoinedStr)
        }
        for one in ast.walk(tree):
            if isinstance(one, ast.Raise) and isinstance(call := one.exc, ast.Call) and call.args:
                said = call.args[-1]
                text = said_by(named.get(said.id) if isinstance(said, ast.Name) else said)
                if isinstance(call.func, ast.Name) and call.func.id in ("BillError", "ValueError"):
                    yield path.name, text


def said_by(text: ast.expr | None) -> str:
    """A text of the source, with values such as stand in it."""
    if isinstance(text, ast.JoinedStr):
        return "".join(
            value_of(ast.unparse(part.value))
            if isinstance(part, ast.FormattedValue)
            else ast.literal_eval(part)
            for part in text.values
        )
    return str(ast.literal_eval(text)) if text is not None else ""


def value_of(name: str) -> str:
    """A value such as this expression has."""
    if name in ("error", "error.detail"):
        return "is no believable amount"
    if "counted(" in name:
        return "3 rows"
    if "day" in name or name in ("due", "self.wanted", "time[:10]"):
        return "2025-11-11"
    if name == "what":
        return "does not say its day, as a table without rows: call the file by its day (2025-11-11)"
    return {"self._advice": "", "field": "amount", "name": "amount"}.get(
        name, "7.00" if "yuan(" in name else "7"
    )


@pytest.mark.parametrize(("module", "text"), [*reasons()])
def test_why_a_bill_is_not_believed(module: str, text: str) -> None:
    assert text, module
    assert_told(text)
    assert_told(f"a.csv: bill_unreadable: row 3: {text}")


def test_why_a_bill_is_not_believed_reads_in_one_language() -> None:
    for text, zh in {
        "a.csv: bill_total_wrong: 总金额 is 5.00, its rows come to 4.00": (
            "a.csv：账单合计不符：总金额 为 5.00，各行合计为 4.00"
        ),
        "row 3: a cell is no time like 10:00:00": "第 3 行：有一格不是 10:00:00 这样的时间",
        "row 3 is of 2025-11-12, the bill should be of 2025-11-11": "第 3 行属于 2025-11-12，账单应属于 2025-11-11",
        "paid 1.00 instead of 2.00, lines 3 instead of 4": "收款 1.00，应为 2.00；笔数 3，应为 4",
        "row 4: state is a word that is not known; `states` of bills.toml can say what it is": (
            "第 4 行：state 的文字未知；可在 bills.toml 的 `states` 写明"
        ),
    }.items():
        assert SAID.told(text).zh == zh
    known = not_believed("bill_hash_wrong", "its sha256 is not the one in a.sha256")
    assert known.startswith("账单摘要不符 bill_hash_wrong: 其 sha256 与 a.sha256 中的不符 — its")


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
