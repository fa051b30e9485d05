"""Bills in the payments flow: what disagrees is asked, what only a bill knows is matched, fees are booked."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import parse_yuan
from schemas.payments import BillLine, Flow, Kind, PaymentRulesPublished
from schemas.times import DAY, HOUR
from sources.bills.verified import end_of
from tests.bills.lane import not_believed, parts, with_bills
from tests.channels.world import NOON
from tests.payments.world import Books, cancelled, decided, due, key, paid, refunded, tick
from tests.volume import examples

TODAY = date(2025, 11, 11)
FEE = "0.006"
RULES = with_bills("", FEE)
SILENT = with_bills("notified = false")
DAYS = [TODAY + timedelta(days=n) for n in range(6)]


def line(number: str, amount: str, order: str = "", fee: str = "0", **facts: Any) -> BillLine:
    """A line of a payment at noon."""
    usual = {"kind": "payment", "number": number, "order": order, "original": "", "time": NOON}
    return BillLine(**{**usual, "amount_e4": parse_yuan(amount), "fee_e4": parse_yuan(fee), **facts})


def books(published: PaymentRulesPublished = RULES) -> Books:
    """A lane whose channel gives bills, some days later."""
    return Books(published).until(end_of(DAYS[4]))


def test_noon_is_of_today() -> None:
    """What the other tests take for granted."""
    assert end_of(TODAY) - DAY < NOON < end_of(TODAY)


def test_a_bill_that_agrees_books_the_fees() -> None:
    """The notification does not tell the fee, the bill does."""
    lane = books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=None))
    assert ("HQ", "6301") not in lane.balances()
    lane.take(*parts(TODAY, line("A1", "100.00", "FR-1", "0.60")))
    assert lane.exceptions() == {}
    assert lane.balances()["HQ", "6301"] == Decimal("0.6")
    newest = lane.rows["payment"][-1]
    assert (newest["fee"], newest["settled"]) == (Decimal("0.6"), TODAY)
    assert [row["status"] for row in lane.rows["bill"]] == ["complete"]


def test_money_that_only_the_bill_knows_pays_its_order() -> None:
    """The order is paid, and there is nothing to ask; a late notification books nothing twice."""
    lane = books().take(due("FR-1", "100.00")).take(*parts(TODAY, line("A1", "100.00", "FR-1", "0.60")))
    assert lane.status("FR-1")[0] == "paid"
    assert lane.rows["payment_exception"] == []
    before = lane.balances()
    lane.take(paid("A1", "100.00", "FR-1", fee_e4=None))
    assert lane.exceptions() == {}
    assert lane.balances() == before
    assert len(lane.matches()) == 1


def test_what_a_bill_had_before_the_money_moved_does_not_count_beside_its_success() -> None:
    """Neither as a repetition nor as another state; the bill with the success tells the fee, whichever came first."""
    first = parts(TODAY, line("A1", "100.00", "FR-1", "0.00", state="failed"))
    then = parts(DAYS[1], line("A1", "100.00", "FR-1", "0.60", time=NOON + DAY))
    for said in ([*first, *then], [*then, *first]):
        lane = books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=None))
        for event in said:
            lane.take(event).restart()
        assert lane.exceptions() == {}
        assert lane.balances()["HQ", "6301"] == Decimal("0.6")


LONG = ("long", key("A1"))


def long_of(lane: Books) -> bool:
    """Whether people are asked about the money of which only the bill knows."""
    return LONG in lane.exceptions()


def test_money_that_only_the_bill_knows_is_asked_about_as_long_as_it_is_not_matched() -> None:
    """长款: until its due comes, and again when the due is less, more, cancelled, or told again."""
    lane = books().take(*parts(TODAY, line("A1", "100.00", "FR-1", "0.60")))
    assert lane.exceptions() == {LONG: "opened", ("unknown_payment", key("A1")): "opened"}
    asked = next(row for row in lane.rows["payment_exception"] if row["kind"] == "long")
    assert asked["action"].startswith("已按账单入账"), "nobody books it again by hand"
    words = [
        due("FR-1", "100.00"),
        due("FR-1", "99.00", id="FR-1-2", time=NOON - 9),
        due("FR-1", "130.00", id="FR-1-3", time=NOON - 8),
        cancelled("FR-1", NOON - 7),
        due("FR-1", "100.00", id="FR-1-4", time=NOON - 6),
    ]
    assert [long_of(lane.take(word).restart()) for word in words] == [False, True, False, True, False]


def test_a_decision_that_is_withdrawn_leaves_the_surplus_to_ask_about_again() -> None:
    share = {"payment": key("A1"), "document": "FR-9", "amount_e4": 1_000_000}
    lane = books().take(due("FR-9", "100.00", party="C-9"), *parts(TODAY, line("A1", "100.00", "FR-1")))
    assert long_of(lane)
    assert not long_of(lane.take(decided("match", "K1", shares=[share])))
    assert long_of(lane.take(decided("withdraw", "K2", of="K1")))


def test_a_surplus_that_has_to_go_back_is_asked_about_until_it_has() -> None:
    """Nobody need find out any more why it was not notified when it is gone."""
    lane = books().take(*parts(TODAY, line("A1", "100.00", "FR-1")))
    lane.take(decided("refund", "K1", payment=key("A1"), amount_e4=1_000_000))
    assert lane.exceptions() == {LONG: "opened"}
    assert not long_of(lane.take(refunded("R1", "100.00", "A1", fee_e4=None)))


@pytest.mark.parametrize(
    ("kind", "direction", "document", "amount", "asked"),
    [
        ("refund", "out", "FR-1", "100.00", ""),
        ("refund", "out", "FR-1", "40.00", ""),
        ("refund", "out", "FR-1", "100.01", "refund_over"),
        ("chargeback", "out", "FR-1", "100.00", ""),
        ("payment", "out", "FR-2", "70.00", ""),
        ("payment", "out", "FR-3", "70.00", "long"),
        ("transfer", "out", "", "70.00", "long"),
    ],
)
def test_other_money_that_only_the_bill_knows_is_settled_by_its_match_too(
    kind: Kind, direction: Flow, document: str, amount: str, asked: str
) -> None:
    """A refund and a chargeback by the payment that they take back, a debit by what was owed: and what is asked."""
    lane = books().take(due("FR-1", "100.00"), due("FR-2", "70.00", kind="invoice", direction="out"))
    lane.take(paid("A1", "100.00", "FR-1", fee_e4=None))
    original = "A1" if kind in ("refund", "chargeback") else ""
    other = line("B1", amount, document, kind=kind, direction=direction, original=original)
    lane.take(*parts(TODAY, line("A1", "100.00", "FR-1", "0.60"), other))
    about = {name for name, subject in lane.exceptions() if subject == key("B1", kind)}
    assert about & {"long", "refund_over"} == ({asked} if asked else set())


def test_a_bank_whose_statements_are_all_that_it_says_has_no_surplus() -> None:
    """Its lines are payments and nothing else."""
    lane = books(SILENT).take(due("FR-1", "100.00")).take(*parts(TODAY, line("A1", "100.00", "FR-1")))
    assert lane.exceptions() == {}
    assert lane.status("FR-1")[0] == "paid"


@pytest.mark.parametrize("currency", ["CNY", "USD"])
def test_what_is_given_back_is_invoiced_in_red(currency: str) -> None:
    """In whichever currency, of which the request tells; what a corrected bill takes away goes the other way."""
    lane = books().take(due("FR-1", "100.00", currency=currency))
    came = line("A1", "100.00", "FR-1", currency=currency)
    back = line("R1", "40.00", kind="refund", direction="out", original="A1", currency=currency)
    lane.take(*parts(TODAY, came, back))
    assert {(one.colour, one.amount_e4, one.currency) for one in lane.invoices} == {
        ("blue", 1_000_000, currency),
        ("red", 400_000, currency),
    }
    lane.take(*parts(TODAY, came, corrects=1))
    assert [(one.colour, one.payment) for one in lane.invoices[2:]] == [("blue", key("R1", "refund"))]


def test_what_the_bill_lacks_is_a_shift_first_and_missing_then() -> None:
    """日切差异, 短款; a bill that has it after all closes it."""
    lane = books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=None))
    lane.take(*parts(DAYS[0]))
    assert lane.exceptions() == {("cut_off", key("A1")): "opened"}
    shifted = (
        books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=None)).take(*parts(DAYS[0]))
    )
    shifted.take(*parts(DAYS[1], line("A1", "100.00", "FR-1", "0.60")))
    assert shifted.exceptions() == {}
    lane.take(*parts(DAYS[1])).take(*parts(DAYS[3]))
    assert lane.exceptions() == {("short", key("A1")): "opened"}
    lane.take(*parts(DAYS[4], line("A1", "100.00", "FR-1", "0.60")))
    assert lane.exceptions() == {}


def test_a_bill_in_parts_is_whole_only_when_all_have_come() -> None:
    """In any order, with repeats; what lacks is judged then."""
    one, two, end = parts(TODAY, line("A1", "1.00"), line("A2", "2.00"), size=1)
    lane = books().take(*(paid(f"A{n}", f"{n}.00", "") for n in (1, 2, 3))).take(end, two, two)
    assert ("cut_off", key("A3")) not in lane.exceptions()
    lane.take(one, one, two, end)
    kinds = {one for one in lane.exceptions() if one[0] != "unknown_payment"}
    assert kinds == {("cut_off", key("A3"))}
    assert len(lane.rows["bill"]) == 1


def test_a_bill_whose_lines_do_not_come_to_its_totals_is_not_believed() -> None:
    """Something was lost on the way: nothing is missing by it, its day waits for another, people are told."""
    lane = books().take(due("FR-1", "1.00"), paid("A1", "1.00", "FR-1"), paid("A2", "2.00"))
    lane.take(*parts(TODAY, line("A1", "1.00", "FR-1"), claims=2))
    subject = f"other/SHOP-7/trade/{TODAY}"
    assert ("bill_refused", subject) in lane.exceptions()
    newest = [row for row in lane.rows["payment_exception"] if row["kind"] == "bill_refused"][-1]
    assert newest["evidence"].endswith("bill_total_wrong: lines 1 instead of 2")
    assert ("cut_off", key("A2")) not in lane.exceptions()
    lane.restart().take(*parts(TODAY, line("A1", "1.00", "FR-1"), line("A2", "2.00")))
    assert ("bill_refused", subject) not in lane.exceptions()


def test_each_line_that_was_taken_has_a_row() -> None:
    """Repeats have none."""
    one, two, end = parts(TODAY, line("A1", "1.00", fee="0.01"), line("A2", "2.00"), size=1)
    lane = books().take(one, one, end).take(two, one)
    rows = [
        (row["part"], row["place"], row["payment"], row["amount"], row["fee"])
        for row in lane.rows["bill_line"]
    ]
    assert rows == [(1, 0, key("A1"), 1, Decimal("0.01")), (2, 0, key("A2"), 2, 0)]


def test_no_cards_number_comes_in_by_a_bill() -> None:
    """Whoever writes it."""
    card = "6222021001116245702"
    lines = line(card, "1.00", card, original=card, text=card, payer=card)
    lane = books().take(*parts(TODAY, lines), not_believed(TODAY, f"b {card}")).until(end_of(DAYS[4]) + DAY)
    told = repr({table: rows for table, rows in lane.rows.items() if table != "payment_rules"})
    assert "tok-" in told
    assert card not in told


def test_a_bill_that_does_not_come_is_missed() -> None:
    """At noon of the next day, if money waits for it; it closes when the bill comes."""
    lane = Books(RULES).take(due("FR-1", "1.00"), paid("A1", "1.00", "FR-1")).until(end_of(TODAY) + 11 * HOUR)
    assert lane.exceptions() == {}
    lane.restart().until(end_of(TODAY) + 12 * HOUR)
    subject = f"other/SHOP-7/trade/{TODAY}"
    assert lane.exceptions() == {("bill_missing", subject): "opened"}
    lane.take(not_believed(TODAY))
    assert set(lane.exceptions()) == {("bill_missing", subject), ("bill_refused", subject)}
    lane.restart().take(*parts(TODAY, line("A1", "1.00", "FR-1", "0.01")))
    assert lane.exceptions() == {}
    assert [row["status"] for row in lane.rows["bill"]] == ["refused", "complete"]


def test_a_bill_says_what_a_pending_payment_came_to() -> None:
    """The money counts, and the status is asked about until the channel says it, too."""
    lane = books().take(due("FR-1", "1.00"), paid("A1", "1.00", "FR-1", state="pending"))
    lane.take(*parts(TODAY, line("A1", "1.00", "FR-1", "0.01")))
    assert lane.status("FR-1")[0] == "paid"
    assert lane.exceptions() == {("bill_status", key("A1")): "opened"}
    lane.take(paid("A1", "1.00", "FR-1"))
    assert lane.exceptions() == {}
    assert len(lane.matches()) == 1


def test_a_refund_that_only_the_bill_knows_takes_its_payment_back() -> None:
    """And one whose payment nobody knows is alone (退款单边)."""
    lane = books().take(due("FR-1", "1.00"), paid("A1", "1.00", "FR-1"))
    back = line("R1", "1.00", "FR-1", kind="refund", direction="out", original="A1")
    lane.take(*parts(TODAY, line("A1", "1.00", "FR-1", "0.01"), back))
    assert lane.status("FR-1")[0] == "refunded"
    lane.take(*parts(DAYS[1], line("R2", "5.00", "", kind="refund", direction="out", original="A9")))
    assert ("refund_orphan", key("R2", "refund")) in lane.exceptions()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"merchant": "SHOP-9"}, "unknown_merchant"),
        ({"group": "south"}, "unknown_merchant"),
        ({"day": date(2099, 1, 1)}, "time_in_future"),
        ({"day": date(2020, 1, 1)}, "time_too_old"),
        ({"time": end_of(TODAY) - 91 * DAY}, "time_too_old"),
    ],
)
def test_a_bill_of_nobody_or_of_no_day_is_kept_aside(wrong: dict[str, Any], reason: str) -> None:
    """Nothing of it counts."""
    (end,) = parts(TODAY)
    lane = books().take(paid("A1", "1.00"), msgspec.structs.replace(end, **wrong))
    assert [row["reason"] for row in lane.rows["dead_letter"]] == [reason]
    assert lane.rows["bill"] == []


def test_an_old_shift_stays_what_it_is_after_a_restart() -> None:
    """What was whole is known for ever, also when the bill's own record has left."""
    lane = books().take(paid("A1", "1.00")).take(*parts(TODAY)).take(*parts(DAYS[3]))
    for month in range(1, 5):
        lane.until(NOON + month * 30 * DAY)
    for _ in range(260):
        lane.restart()
    assert not any(one.startswith("y/") for one in lane.work.ring.records)
    lane.take(due("FR-1", "1.00", time=NOON + 120 * DAY), tick(NOON + 120 * DAY))
    assert lane.exceptions()[("short", key("A1"))] == "opened"


FACTS = [
    due("FR-1", "100.00"),
    due("FR-2", "50.00"),
    due("FR-3", "10.00"),
    paid("A1", "100.00", "FR-1", fee_e4=None),
    paid("A2", "50.00", "FR-2", fee_e4=None),
    paid("A4", "7.00", "", state="pending", fee_e4=None),
    paid("A5", "9.00", "", fee_e4=None),
    refunded("R2", "50.00", "A2", "FR-2", fee_e4=None),
    *parts(
        DAYS[0],
        line("A1", "100.00", "FR-1", "0.60"),
        line("A2", "49.00", "FR-2", "0.90"),
        line("A3", "10.00", "FR-3", "0.06"),
        size=2,
    ),
    *parts(
        DAYS[1],
        line("A4", "7.00", "", "0.04"),
        line("A1", "100.00", "FR-1", "0.60"),
        line("A14", "6.00", "FR-4"),
        line("A22", "5.25", "FR-5"),
        line("R4", "5.00", "FR-5", kind="refund", direction="out", original="A22"),
    ),
    *parts(DAYS[3]),
    not_believed(DAYS[2]),
    due("FR-4", "6.00"),
    cancelled("FR-4", NOON + DAY),
    due("FR-5", "5.00"),
    due("FR-5", "5.50", id="FR-5-2", time=NOON),
]


def final(lane: Books) -> Any:
    """All that must be the same, with the evidence of what is open."""
    newest = {row["exception_id"]: row for row in lane.rows["payment_exception"]}
    open_ = [
        (row["kind"], row["subject"], row["amount"], row["evidence"])
        for row in newest.values()
        if row["status"] != "closed"
    ]
    fees = {row["payment"]: (row["fee"], row["settled"], row["state"]) for row in lane.rows["payment"]}
    return lane.final(), sorted(open_), sorted(fees.items())


def run(facts: list[Any], size: int) -> Any:
    """A lane that takes the facts, so many to a block, with restarts between."""
    lane = books()
    for start in range(0, len(facts), size):
        lane.take(*facts[start : start + size])
        if size == 3:
            lane.restart()
    return final(lane.until(end_of(DAYS[4]) + DAY))


EXPECTED = run(FACTS, 100)


@examples(20)
@given(st.permutations([*FACTS, *FACTS[::3]]), st.sampled_from([1, 3, 100]))
def test_the_order_of_bills_notifications_and_dues_does_not_matter(facts: list[Any], size: int) -> None:
    """Any order, any repetition, any blocks, restarts: the same books, exceptions and evidence."""
    assert run(facts, size) == EXPECTED


def test_what_the_facts_come_to() -> None:
    """So that the property is about something."""
    kinds = {(kind, subject.split("/")[-1]) for kind, subject, _, _ in EXPECTED[1]}
    assert kinds == {
        *(("bill_duplicate", "A1"), ("bill_amount", "A2"), ("bill_fee", "A2")),
        *(("long", "A14"), ("cancelled_paid", "A14")),
        *(("bill_status", "A4"), ("unknown_payment", "A4"), ("unknown_payment", "A5"), ("short", "A5")),
        *(("short", "R2"), ("bill_refused", str(DAYS[2]))),
    }


@pytest.mark.parametrize("kind", ["long", "short", "cut_off", "bill_amount", "bill_status", "bill_fee"])
def test_each_kind_has_advice(kind: str) -> None:
    """Severity, owner and what to do stand in the row."""
    rows = [row for row in _all_rows() if row["kind"] == kind]
    assert rows
    assert all(row["severity"] and row["owner"] and row["action"] for row in rows)


def _all_rows() -> list[dict[str, Any]]:
    lane = books()
    for fact in FACTS:
        lane.take(fact)
    return lane.rows["payment_exception"]
