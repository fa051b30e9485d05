"""One row, one case: each rule, each exception and each allocation, whatever order the facts come in."""

import pytest

from flows.reconciliation.explain import explain
from flows.reconciliation.outcome import outcome
from tests.rating.material import scenarios
from tests.reconciliation.world import (
    LATER,
    decisions,
    dues,
    excepted,
    items,
    matched,
    payments,
    rules,
)

CASES = scenarios("matching.csv")
NAMES = [case["用例"] for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_scenario(case: dict[str, str]) -> None:
    owed, paid, said = dues(case["应收应付"]), payments(case["来款"]), decisions(case["裁决"])
    result = outcome(owed, paid, said, rules(case["规则"]), LATER)
    assert sorted(matched(result)) == items(case["匹配"])
    assert sorted(excepted(result)) == items(case["例外"])
    backwards = outcome(reversed(owed + owed), reversed(paid + paid), said, rules(case["规则"]), LATER)
    assert backwards == result
    for one in paid:
        lines = explain(one.key, owed, paid, said, rules(case["规则"]), LATER)
        assert one.key in lines[0]
        assert sum(line.startswith("matched: ") for line in lines) == sum(
            match.payment == one.key for match in (*result.matches, *result.transit)
        )


def test_every_rule_and_exception_of_matching_has_a_case() -> None:
    told = "".join(case["匹配"] + case["例外"] for case in CASES)
    for name in ("order_number", "reference", "payer_and_amount", "on_account", "amount_in_window"):
        assert name in told
    for kind in (
        "来款无对应单据",
        "多种匹配同样合理",
        "多付",
        "少付",
        "重复支付",
        "币种不符",
        "退款单边",
        "退款超过原支付",
        "已取消单据收到款项",
        "组合过多，未能判定",
    ):
        assert kind in told
