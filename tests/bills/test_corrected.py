"""A channel's corrected bill takes the place of the day's first: its lines count, the first's are taken back."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Event
from schemas.payments import BillComplete, BillLine, BillLines
from schemas.times import DAY
from sources.bills.verified import end_of
from tests.bills.lane import not_believed, parts
from tests.bills.test_lane import DAYS, TODAY, books, final, line, run
from tests.channels.world import NOON
from tests.payments.closes import close
from tests.payments.world import decided, due, key, paid, refunded
from tests.rating.material import scenarios
from tests.volume import examples

CASES = scenarios("corrected_bills.csv")


def facts_of(case: dict[str, str]) -> Iterator[Event]:
    """`D1 100.00; …` dues, `A1 100.00 D1; R1 -50.00 B1; …` notifications of payments and refunds."""
    for words in map(str.split, filter(None, case["应收"].split(";"))):
        yield due(*words)
    for number, amount, of in map(str.split, filter(None, case["通知"].split(";"))):
        if amount.startswith("-"):
            yield refunded(number, amount[1:], of)
        else:
            yield paid(number, amount, of, fee_e4=None)


def lines_of(text: str) -> Iterator[BillLine]:
    """`A1 100.00 0.60 D1; R1 -50.00 0.00 B1; …`: number, amount, fee, our number or the payment of a refund."""
    for number, amount, fee, *of in map(str.split, filter(None, text.split(";"))):
        if amount.startswith("-"):
            yield line(number, amount[1:], "", fee, kind="refund", direction="out", original=of[0])
        else:
            yield line(number, amount, "".join(of), fee)


def bill_of(text: str, corrects: int) -> list[Any]:
    """Lines, `无` for no bill, or `不可信` for one that does not agree with itself."""
    if text == "不可信":
        return [not_believed(TODAY)]
    return [] if text == "无" else list(parts(TODAY, *lines_of(text), corrects=corrects))


@pytest.mark.parametrize("first_comes_last", [False, True])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["场景"])
def test_case(case: dict[str, str], first_comes_last: bool) -> None:
    """One row of the table; a lane that has the correction before the first bill comes to the same."""
    bills = [bill_of(case["原账单"], 0), bill_of(case["更正账单"], 1)]
    lane = books().take(*facts_of(case))
    for bill in bills[::-1] if first_comes_last else bills:
        lane.take(*bill)
    open_ = {f"{kind} {subject.rpartition('/')[2]}" for kind, subject in lane.exceptions()}
    assert open_ == set(filter(None, case["例外"].split(";")))
    assert lane.balances().get(("HQ", "6301"), Decimal(0)) == Decimal(case["手续费"])
    for document, status in map(str.split, case["单据状态"].split(";")):
        assert lane.status(document)[0] == status
    assert len(lane.rows["bill"]) == sum(map(bool, bills))


def test_what_only_the_first_bill_told_is_no_money_any_more() -> None:
    """It stands there as closed, with nothing booked; a notification brings it back."""
    lane = books().take(due("FR-1", "50.00"), *parts(TODAY, line("B1", "50.00", "FR-1", "0.30")))
    lane.take(*parts(TODAY, corrects=1)).restart()
    assert [row["state"] for row in lane.rows["payment"]] == ["success", "closed"]
    assert not lane.exceptions()
    assert lane.balances() == {("HQ", "1122"): Decimal(50), ("HQ", "2602"): Decimal(-50)}
    assert [one.colour for one in lane.invoices] == ["blue", "red"]
    lane.take(paid("B1", "50.00", "FR-1", fee_e4=None))
    assert lane.status("FR-1")[0] == "paid"
    assert lane.exceptions() == {("cut_off", key("B1")): "opened"}


def test_a_correction_that_is_not_whole_changes_nothing() -> None:
    """And one that is not believed neither."""
    first = parts(TODAY, line("A1", "100.00", "FR-1", "0.60"), line("A2", "50.00", "", "0.30"))
    one, _, end = parts(TODAY, line("A1", "99.00", "FR-1", "0.60"), line("B9", "7.00"), size=1, corrects=1)
    facts = (due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=None), *first)
    before = final(books().take(*facts))
    assert final(books().take(*facts).take(one, end, not_believed(TODAY))) == before
    assert final(books().take(one, end).take(*facts)) == before


def test_statements_of_a_day_stand_beside_each_other_and_are_corrected_one_by_one() -> None:
    """By the bank's numbers; what two of them have is asked about, and a close counts them all."""
    first, second = line("A1", "100.00", "FR-1", "0.60"), line("A2", "50.00", "", "0.30")
    lane = books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=None))
    lane.take(*parts(TODAY, first, statement="235/1"), *parts(TODAY, second, statement="235/2")).restart()
    assert {row["payment"]: row["fee"] for row in lane.rows["payment"]} == {
        key("A1"): Decimal("0.6"),
        key("A2"): Decimal("0.3"),
    }
    lane.take(*parts(TODAY, second, line("A3", "1.00"), statement="235/2", corrects=2))
    lane.take(*parts(TODAY, first, line("A4", "7.00"), statement="235/3", corrects=3))
    assert {subject for kind, subject in lane.exceptions() if kind == "bill_duplicate"} == {key("A1")}
    lane.take(*parts(TODAY, line("A4", "7.00"), statement="235/3", corrects=4))
    assert {subject for kind, subject in lane.exceptions() if kind == "bill_duplicate"} == set()
    lane.take(close("C1", TODAY, time=end_of(DAYS[4])))
    assert [(row["billed_lines"], row["billed"]) for row in lane.rows["close"]] == [(4, 158)]


def test_a_statement_that_is_not_believed_is_asked_about_until_it_is() -> None:
    """Whatever others of its day say; a file that does not say which it is, any of them makes up for."""
    lane = books().take(*parts(TODAY, statement="1"), not_believed(TODAY, "x"), not_believed(TODAY, "y", "2"))
    (((kind, subject), _),) = lane.exceptions().items()
    assert (kind, subject) == ("bill_refused", f"other/SHOP-7/trade/{TODAY}")
    assert "y: bill_total_wrong" in lane.rows["payment_exception"][-1]["evidence"]
    lane.take(*parts(TODAY, statement="2"))
    assert lane.exceptions() == {}


def test_a_bill_is_of_one_statement() -> None:
    one, end = parts(TODAY, line("A1", "1.00"), statement="1")
    lane = books().take(one, msgspec.structs.replace(end, statement="2"))
    assert [row["reason"] for row in lane.rows["dead_letter"]] == ["conflicting_duplicate"]


def test_a_corrected_bill_whose_payments_may_have_left_the_lane_is_refused() -> None:
    """Otherwise what they were booked for would be booked again."""
    old = NOON - 30 * DAY
    lane = books().until(NOON + 31 * DAY).until(NOON + 61 * DAY)
    lane.take(*parts(DAYS[0], line("A1", "1.00", time=old)))
    assert [row["reason"] for row in lane.rows["dead_letter"]] == ["time_too_old"]


FACTS = [
    due("FR-1", "100.00"),
    due("FR-2", "50.00"),
    due("FR-3", "10.00"),
    paid("A1", "100.00", "FR-1", fee_e4=None),
    paid("A2", "50.00", "FR-2", fee_e4=None),
    paid("A4", "7.00", "", state="pending", fee_e4=None),
    refunded("R3", "10.00", "A3", fee_e4=None),
    decided("ignore", "K1", exception="ex-none", until=NOON + DAY),
    *parts(
        DAYS[0],
        line("A1", "100.00", "FR-1", "0.60"),
        line("A2", "49.00", "FR-2", "0.90"),
        line("A3", "10.00", "FR-3", "0.06"),
        line("A4", "7.00", "", "0.04"),
        size=2,
    ),
    *parts(
        DAYS[0],
        line("A1", "100.00", "FR-1", "0.60"),
        line("A2", "50.00", "FR-2", "0.30"),
        line("A5", "3.00", "", "0.02"),
        size=1,
        corrects=1,
    ),
    *parts(DAYS[0], line("A1", "1.00"), line("A3", "10.00", "FR-3", "0.06"), size=1)[:1],
    *parts(DAYS[1], line("A4", "7.00", "", "0.04")),
    *parts(DAYS[3], line("A6", "5.00"), size=1),
    *parts(DAYS[3], size=1, corrects=1),
    *parts(DAYS[2], line("A7", "9.00"), line("A8", "4.00"), size=1, statement="1"),
    *parts(DAYS[2], line("A8", "4.00"), line("A9", "2.00", "", "0.02"), size=1, statement="2"),
    *parts(DAYS[2], line("A9", "2.00"), statement="2", corrects=2),
    not_believed(DAYS[2], "z", "3"),
]


EXPECTED = run(FACTS, 100)


@examples(20)
@given(st.permutations([*FACTS, *FACTS[::3]]), st.sampled_from([1, 3, 100]))
def test_the_order_of_a_bill_and_its_correction_does_not_matter(facts: list[Any], size: int) -> None:
    """Any order, any repetition, any blocks, restarts: the same books, exceptions and evidence."""
    assert run(facts, size) == EXPECTED


def test_what_the_facts_come_to() -> None:
    """So that the property is about something."""
    kinds = {(kind, subject.split("/")[-1]) for kind, subject, _, _ in EXPECTED[1]}
    assert kinds == {
        *(("refund_orphan", "R3"), ("long", "A5"), ("unknown_payment", "A5")),
        *(("bill_status", "A4"), ("unknown_payment", "A4"), ("short", "R3")),
        *((kind, number) for kind in ("long", "unknown_payment") for number in ("A7", "A8", "A9")),
        ("bill_refused", str(DAYS[2])),
    }
    states = {payment: state for payment, (_, _, state) in EXPECTED[2]}
    assert (states[key("A3")], states[key("A6")], states[key("A5")]) == ("closed", "closed", "success")
    fees = sum(fee for _, (fee, _, state) in EXPECTED[2] if state == "success")
    assert fees == Decimal("0.96")


def test_a_close_says_what_the_bill_that_counts_says() -> None:
    """And once it stands, a further bill changes nothing of it."""

    def bill(amount: str, corrects: int) -> list[BillLines | BillComplete]:
        return parts(TODAY, line("A1", amount, "FR-1"), corrects=corrects)

    lane = books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1"))
    lane.take(*bill("100.00", 1)).take(*bill("90.00", 0)).take(close("C1", TODAY, time=end_of(DAYS[4])))
    lane.take(*bill("80.00", 2), close("C2", TODAY, time=end_of(DAYS[4])))
    rows = {row["close_id"]: row for row in lane.rows["close"]}
    assert (rows["C1"]["status"], rows["C1"]["billed"], rows["C1"]["billed_lines"]) == ("closed", 100, 1)
    assert (rows["C2"]["status"], rows["C2"]["billed"]) == ("refused", 100)
