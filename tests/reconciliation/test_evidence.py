"""What an exception tells as its evidence: a function of the facts, in whichever order they are given."""

import pytest

from flows.reconciliation.outcome import outcome
from schemas.money import yuan
from tests.reconciliation.world import LATER, decisions, dues, payments, rules

DUE = "FR-1001 甲 100.00"


def evidence(owed: str, paid: str, said: str = "") -> dict[str, str]:
    """By subject: kind and evidence."""
    made = dues(owed), payments(paid), decisions(said)
    found = outcome(*made, rules(), LATER)
    assert outcome(reversed(made[0]), reversed(made[1]), made[2], rules(), LATER) == found
    return {one.subject: f"{one.kind}: {one.evidence}" for one in found.exceptions}


@pytest.mark.parametrize(
    ("owed", "paid", "said", "wanted"),
    [
        pytest.param(
            DUE,
            "P1 100.00 订单FR-1001 2日12:00；P2 100.00 订单FR-1001 2日11:00",
            "",
            {"P1": "duplicate_payment: what it names is paid already: P2, 100.00 at 2025-11-12 11:00:00"},
            id="the first by its own time",
        ),
        pytest.param(
            DUE,
            "P1 60.00 订单FR-1001；P2 40.00 订单FR-1001；P3 100.00 订单FR-1001",
            "",
            {"P3": "duplicate_payment: what it names is paid already: P1, 60.00 at 2025-11-11 10:00:00"},
            id="of several that paid it together the first",
        ),
        pytest.param(
            DUE,
            "P1 100.00 订单FR-1001；P2 100.00 订单FR-1001；R1 100.00 退款P1 订单FR-1001；P3 100.00 订单FR-1001",
            "",
            {"P3": "duplicate_payment: what it names is paid already: P2, 100.00 at 2025-11-11 10:01:00"},
            id="not one that has gone back",
        ),
        pytest.param(
            DUE,
            "P1 100.00 订单FR-1001；P2 100.00 2日10:00",
            "P2→FR-1001 100.00",
            {"P1": "duplicate_payment: what it names is paid already: P2, 100.00 at 2025-11-12 10:00:00"},
            id="what a person matched",
        ),
        pytest.param(
            DUE + " 付款人x",
            "P1 100.00 付款人x；P2 100.00 付款人x",
            "",
            {
                "P2": "duplicate_payment: the payer paid the same amount before: P1, 100.00 at 2025-11-11 10:00:00"
            },
            id="without a number the one that it repeats",
        ),
        pytest.param(
            DUE,
            "P1 100.00 订单FR-1001",
            "核销FR-1001 100.00",
            {"P1": "amount_over: 100.00 came, open of what it names was 0.00"},
            id="nobody paid what was given up",
        ),
    ],
)
def test_a_repeated_payment_names_the_first(owed: str, paid: str, said: str, wanted: dict[str, str]) -> None:
    assert evidence(owed, paid, said) == wanted


@pytest.mark.parametrize(
    ("owed", "paid", "wanted"),
    [
        pytest.param(
            DUE,
            "P1 120.00 订单FR-1001",
            "amount_over 20.00: 120.00 came, open of what it names was 100.00",
            id="too much",
        ),
        pytest.param(
            DUE,
            "P1 120.00 订单FR-1001；R1 5.00 退款P1",
            "amount_over 15.00: 120.00 came, open of what it names was 100.00; 5.00 of it went back",
            id="a part of what was too much went back",
        ),
        pytest.param(
            f"{DUE} 不可分期",
            "P1 30.00 订单FR-1001",
            "amount_under 70.00: 30.00 came, open of what it names is 100.00, and it may not be paid in parts",
            id="too little: what is missing",
        ),
        pytest.param(
            f"{DUE} 引用C-1；FR-1002 甲 50.00 引用C-1",
            "P1 120.00 订单C-1",
            "amount_under 30.00: 120.00 came, open of what it names is 150.00, and several are named",
            id="too little for all that it names",
        ),
    ],
)
def test_a_difference_is_told_with_both_sides(owed: str, paid: str, wanted: str) -> None:
    (one,) = outcome(dues(owed), payments(paid), decisions(""), rules(), LATER).exceptions
    assert f"{one.kind} {yuan(one.amount)}: {one.evidence}" == wanted


def test_what_goes_back_is_the_payment_and_not_what_was_missing() -> None:
    owed, paid = dues(f"{DUE} 不可分期"), payments("P1 30.00 订单FR-1001")
    for said, asked in (("退回P1 30.00", 0), ("退回P1 29.00", 1)):
        assert len(outcome(owed, paid, decisions(said), rules(), LATER).exceptions) == asked


@pytest.mark.parametrize("count", [20, 45])
def test_how_many_candidates_are_not_named_is_told(count: int) -> None:
    owed = dues("；".join(f"FR-2{n:03} 甲 {n}.01" for n in range(1, count + 1)))
    paid = payments("P1 101.50 主体甲")
    (one,) = outcome(owed, paid, decisions(""), rules("工作量1000"), LATER).exceptions
    assert one.kind == "too_complex"
    assert len(one.candidates) == 20
    assert one.evidence == "the search has reached its bound" + (
        "; 20 of 45 candidates are named" if count == 45 else ""
    )
