"""Fees that a bill tells of a trade that nobody knows: asked about, booked when accepted, taken over by the trade."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.payments import exception_id
from schemas.times import DAY
from tests.bills.lane import parts, with_bills
from tests.bills.test_lane import DAYS, RULES, SILENT, TODAY, books, line, run
from tests.channels.world import NOON
from tests.payments.world import GROUP, Books, decided, due, key, paid
from tests.volume import examples

ALONE = ("fee_alone", key("A1"))
NUMBER = exception_id(GROUP, *ALONE)
FEE = line("A1", "0", fee="0.60")


def accepted(units: int = 6_000, number: str = "K1") -> Any:
    """A person accepts that it is a fee."""
    return decided("accept", number, exception=NUMBER, amount_e4=units, time=NOON + DAY)


def fees(lane: Books) -> Decimal:
    """What is booked of channels' fees."""
    return lane.balances().get(("HQ", "6301"), Decimal(0))


@pytest.mark.parametrize("rules", [RULES, SILENT])
def test_it_is_asked_about_with_its_bill_and_not_booked(rules: Any) -> None:
    """By a channel that notifies as by one that does not."""
    lane = books(rules).take(*parts(TODAY, FEE)).restart()
    assert lane.exceptions() == {ALONE: "opened"}
    (row,) = lane.rows["payment_exception"]
    assert (row["severity"], row["owner"], row["amount"]) == ("low", "finance", Decimal("0.6"))
    assert row["since"] == row["time"]
    (bill,) = {row["bill"] for row in lane.rows["bill_line"]}
    assert row["evidence"] == (
        f"a fee of 0.60 for a trade that nobody knows, in the trade bill of {TODAY} ({bill})"
    )
    assert lane.balances() == {}
    assert [(one["state"], one["amount"], one["fee"]) for one in lane.rows["payment"]] == [
        ("pending", 0, Decimal("0.6"))
    ]


def test_what_is_accepted_is_booked_until_that_is_withdrawn() -> None:
    lane = books().take(*parts(TODAY, FEE)).restart().take(accepted()).restart()
    assert lane.exceptions() == {ALONE: "accepted"}
    assert lane.balances() == {("HQ", "6301"): Decimal("0.6"), ("HQ", "1815"): Decimal("-0.6")}
    assert lane.rows["payment"][-1]["state"] == "success"
    lane.take(decided("withdraw", "K2", of="K1"))
    assert lane.exceptions() == {ALONE: "opened"}
    assert lane.balances() == {}
    assert [row["cause"] for row in lane.rows["journal"]].count("reversed") == 2


def test_a_fee_that_comes_back_is_booked_the_other_way() -> None:
    lane = books().take(*parts(TODAY, line("A1", "0", fee="-0.60")), accepted())
    assert fees(lane) == Decimal("-0.6")


def test_another_amount_is_asked_about_again() -> None:
    """A corrected bill takes the place of the one that was accepted; one without it ends the matter."""
    lane = books().take(*parts(TODAY, FEE), accepted())
    lane.take(*parts(TODAY, line("A1", "0", fee="0.70"), corrects=1)).restart()
    assert lane.exceptions() == {ALONE: "opened"}
    assert fees(lane) == 0
    lane.take(accepted(7_000, "K2"))
    assert fees(lane) == Decimal("0.7")
    lane.take(*parts(TODAY, corrects=2))
    assert lane.exceptions() == {}
    assert fees(lane) == 0
    assert lane.rows["payment"][-1]["state"] == "closed"


@pytest.mark.parametrize("told", range(8))
@pytest.mark.parametrize("trade", ["100.00", "0"])
def test_what_a_later_bill_tells_of_a_fee_is_added(told: int, trade: str) -> None:
    """Whatever the bills are called, and in whatever order they come."""
    first = parts(TODAY, line("A1", trade, "FR-1", fee="0.60", text=f"line {told}"))
    then = parts(DAYS[1], line("A1", "0", fee="-0.10", time=NOON + DAY))
    for bills in ([*first, *then], [*then, *first]):
        lane = books(SILENT).take(due("FR-1", "100.00"))
        for event in bills:
            lane.take(event).restart()
        if trade == "0":
            assert lane.evidence()[ALONE][1].count("the trade bill of") == 2
            lane.take(accepted(5_000))
        assert fees(lane) == Decimal("0.5")
        assert lane.rows["payment"][-1]["settled"] == TODAY


@pytest.mark.parametrize("before", [(), (accepted(),)])
@pytest.mark.parametrize(
    "trade",
    [
        [paid("A1", "100.00", "FR-1", fee_e4=None, time=NOON + DAY)],
        parts(DAYS[1], line("A1", "100.00", "FR-1", time=NOON + DAY), sort="fund"),
    ],
)
def test_it_closes_itself_when_the_trade_comes(before: Any, trade: Any) -> None:
    """By whomever it is told; the fee is booked once, and its trade has it."""
    lane = books().take(due("FR-1", "100.00"), *parts(TODAY, FEE)).take(*before).restart().take(*trade)
    assert ALONE not in lane.exceptions()
    assert lane.status("FR-1")[0] == "paid"
    assert fees(lane) == Decimal("0.6")
    asked = [row["status"] for row in lane.rows["payment_exception"] if row["kind"] == "fee_alone"]
    assert asked[-1] == "closed"


def test_an_attempt_that_failed_has_no_fee_of_its_own() -> None:
    """Who tells of the trade, however it ended, knows it."""
    lane = books().take(paid("A1", "100.00", state="pending", fee_e4=None), *parts(TODAY, FEE))
    assert lane.exceptions() == {}
    assert fees(lane) == 0


def test_it_stays_as_long_as_people_are_asked_and_leaves_with_what_they_said() -> None:
    lane = books().take(*parts(TODAY, FEE), *parts(DAYS[1], line("A2", "0", fee="0.01"))).take(accepted())
    for month in range(1, 6):
        lane.until(NOON + month * 30 * DAY)
    for _ in range(260):
        lane.restart()
    left = {one for one in lane.work.ring.records if one.startswith(("p/", "k/"))}
    assert left == {f"p/{key('A2')}"}
    assert lane.exceptions()["fee_alone", key("A2")] == "opened"


FACTS = [
    due("FR-1", "100.00"),
    paid("A2", "100.00", "FR-1", fee_e4=None),
    *parts(DAYS[0], FEE, line("A2", "0", fee="0.60"), line("A3", "0", fee="0.05"), size=1),
    *parts(DAYS[0], FEE, line("A2", "100.00", "FR-1", "0.60"), line("A4", "0", fee="0.07"), corrects=1),
    *parts(DAYS[1], line("A5", "0", fee="0.09"), size=1),
    paid("A5", "9.00", state="failed", fee_e4=None),
    *parts(DAYS[2], *(replace(line(of, "0", fee="0.10"), currency="USD") for of in ("A2", "A4")), size=1),
    accepted(),
    decided("accept", "K3", exception=exception_id(GROUP, "fee_alone", key("A3")), amount_e4=500),
    decided("accept", "K4", exception=exception_id(GROUP, "fee_alone", key("A4")), amount_e4=700),
    decided("withdraw", "K5", of="K4"),
]


EXPECTED = run(FACTS, 100)


@examples(20)
@given(st.permutations([*FACTS, *FACTS[::3]]), st.sampled_from([1, 3, 100]))
def test_the_order_does_not_matter(facts: list[Any], size: int) -> None:
    """Of bills, corrections, notifications and decisions."""
    assert run(facts, size) == EXPECTED


def test_what_the_facts_come_to() -> None:
    """So that the property is about something."""
    kinds = {(kind, subject.split("/")[-1]) for kind, subject, _, _ in EXPECTED[1]}
    assert kinds == {("fee_alone", "A1"), ("fee_alone", "A4"), ("bill_currency", "A2")}
    assert [amount for kind, amount in EXPECTED[0][3] if kind == ("HQ", "6301")] == [Decimal("1.2")]


OTHERWISE = with_bills('sorts = ["trade", "fund"]')


@pytest.mark.parametrize("trades_fee", ["0", "0.50"])
@pytest.mark.parametrize("fund_first", [True, False])
def test_a_fee_that_only_another_sort_of_bill_tells_is_booked(trades_fee: str, fund_first: bool) -> None:
    """The trade bill tells best what was taken; where it tells of nothing, the fund bill may, in a row of its own."""
    trade = parts(TODAY, line("A1", "100.00", "FR-1", trades_fee))
    fund = parts(TODAY, line("A1", "100.00", "FR-1"), FEE, sort="fund")
    lane = books(OTHERWISE).take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=None))
    for event in (*fund, *trade) if fund_first else (*trade, *fund):
        lane.take(event).restart()
    assert lane.exceptions() == {}
    assert fees(lane) == (Decimal("0.6") if trades_fee == "0" else Decimal(trades_fee))


def test_a_fee_alone_in_a_fund_bill_belongs_to_its_trade_in_the_trade_bill() -> None:
    """Also where only the bills know the trade; nobody is asked whose it is."""
    lane = books(OTHERWISE).take(due("FR-1", "100.00")).take(*parts(TODAY, FEE, sort="fund"))
    assert ALONE in lane.exceptions()
    lane.take(*parts(TODAY, line("A1", "100.00", "FR-1"))).restart()
    assert ALONE not in lane.exceptions()
    assert fees(lane) == Decimal("0.6")
