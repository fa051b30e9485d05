"""Why a payment was matched, or why not."""

from flows.reconciliation.explain import explain
from tests.reconciliation.world import LATER, decisions, dues, payments, rules


def lines(owed: str, paid: str, key: str = "P1", said: str = "", now: int = LATER) -> list[str]:
    return explain(key, dues(owed), payments(paid), decisions(said), rules(), now)


def test_what_matched_says_rule_and_evidence() -> None:
    told = lines("FR-1001 甲 100.00", "P1 100.00 附言付fr1001")
    assert told[0].startswith("P1: payment in, 100.00 CNY at ")
    assert told[-1] == "matched: 100.00 for FR-1001 by reference (reference FR1001 in the text)"


def test_what_goes_back_is_told_in_yuan() -> None:
    told = lines("FR-1001 甲 100.00", "P1 120.00 订单FR-1001；R1 30.00 退款P1", "R1")
    assert "20.00 from what P1 has not matched" in told
    assert "refund: 10.00 for FR-1001 (refund of P1)" in told


def test_candidates_that_lost_say_why() -> None:
    told = lines(
        "FR-1001 甲 100.00；FR-1002 甲 40.00 USD；FR-1003 甲 30.00 5日09:00", "P1 77.00 主体甲 4日09:00"
    )
    assert "payer_and_amount: 甲 has 3 dues, 1 can be paid" in told
    assert "payer_and_amount: FR-1002 lost: it is in USD" in told
    assert "payer_and_amount: FR-1003 lost: it was told later" in told
    assert "payer_and_amount: no group of them comes to 77.00" in told
    assert told[-1].startswith("open: 77.00, unknown_payment: no group of the payer's open items fits")


def test_several_that_fit_are_all_told() -> None:
    told = lines("FR-1001 甲 100.00；FR-1002 甲 40.00；FR-1003 甲 60.00", "P1 100.00 主体甲")
    (ways,) = [line for line in told if "fit equally well:" in line]
    assert "FR-1001 100.00" in ways
    assert "FR-1002 40.00 + FR-1003 60.00" in ways


def test_anothers_number_is_not_believed() -> None:
    told = lines("FR-1001 乙 100.00", "P1 60.00 主体甲 附言FR-1001")
    assert "its number names FR-1001, which is another's and of another amount" in told


def test_who_is_not_there_and_who_waits() -> None:
    assert lines("FR-1001 甲 100.00", "P1 100.00", "P9") == ["P9: no such payment"]
    paid = payments("P1 100.00")[0]
    assert lines("FR-1001 甲 100.00", "P1 100.00", now=paid.time)[-1].startswith(
        "nothing yet; people are told from"
    )
    assert "a person decided that it goes back: no rule may use it" in lines(
        "FR-1001 甲 100.00", "P1 100.00 订单FR-1001", said="退回P1 100.00"
    )


def test_one_due_is_a_due() -> None:
    assert "reference: FR1001 names 1 due, 1 can be paid" in lines(
        "FR-1001 甲 100.00", "P1 100.00 附言付fr1001"
    )
    assert "payer_and_amount: 甲 has 1 due, 1 can be paid" in lines("FR-1001 甲 100.00", "P1 77.00 主体甲")
