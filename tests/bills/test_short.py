"""Money that a channel notified and its bills have not, or otherwise: once a person accepts that, the channel has in
our books what they say."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from flows.reconciliation.judge import ADVICE
from schemas.money import YUAN
from schemas.payments import exception_id
from schemas.times import DAY
from tests.audit.conftest import emptied, tampered
from tests.audit.remembered import audited
from tests.audit.tampering import Kept
from tests.audit.test_payments import Written
from tests.audit.test_payouts import failed
from tests.bills.lane import parts, with_bills
from tests.bills.test_lane import DAYS, RULES, TODAY, books, line
from tests.channels.world import NOON
from tests.payments.world import GROUP, Books, decided, due, key, paid, refunded
from tests.servers.store import Store

__all__ = ["tampered"]
CLEARING, LOST = ("HQ", "1815"), ("HQ", "6303")


def accepted(of: str, units: int, number: str, kind: Any = "payment", what: str = "short") -> Any:
    """A person accepts that it cannot be had."""
    exception = exception_id(GROUP, what, key(of, kind))
    return decided("accept", number, exception=exception, amount_e4=units, time=NOON + 4 * DAY)


def told(lane: Books) -> Books:
    """100 came and 30 of them went back, says the channel; its bills have neither, and whole are all of them."""
    lane.take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=None), refunded("R1", "30.00", "A1"))
    for day in DAYS[:4]:
        lane.take(*parts(day))
    return lane


def held(lane: Books) -> str:
    """What the channel has, and what is lost."""
    found = lane.balances()
    return " ".join(f"{found.get(account, Decimal(0)):.0f}" for account in (CLEARING, LOST))


def test_what_is_accepted_is_lost_until_that_is_withdrawn() -> None:
    """The customer has paid all the same."""
    lane = told(books())
    assert held(lane) == "70 0"
    lane.restart().take(accepted("A1", 100 * YUAN, "K1")).restart()
    assert lane.exceptions()["short", key("A1")] == "accepted"
    assert (held(lane), lane.status("FR-1")[0]) == ("-30 100", "part_refunded")
    lane.take(accepted("R1", 30 * YUAN, "K2", "refund"))
    assert held(lane) == "0 70", "what the channel has not given back is ours"
    lane.take(
        decided("withdraw", "W1", of="K1", time=NOON + 4 * DAY + 1),
        decided("withdraw", "W2", of="K2", time=NOON + 4 * DAY + 1),
    )
    assert held(lane) == "70 0"


def test_a_bill_that_has_it_after_all_takes_it_back() -> None:
    """Of its own day, or of a later one."""
    lane = told(books()).take(accepted("A1", 100 * YUAN, "K1"))
    lane.take(*parts(TODAY + timedelta(days=4), line("A1", "100.00", "FR-1")))
    assert held(lane) == "70 0"
    assert ("short", key("A1")) not in lane.exceptions()


@pytest.mark.parametrize(("came", "went"), [("99", "30"), ("101", "30"), ("100", "31")])
def test_what_a_bill_has_otherwise_is_as_it_says(came: str, went: str) -> None:
    """Less came, more came, more went back: lost, found over, lost; a corrected bill takes it back."""
    lane = books().take(due("FR-1", "100.00"), paid("A1", "100.00", "FR-1", fee_e4=None))
    lane.take(refunded("R1", "30.00", "A1"))
    back: dict[str, Any] = {"kind": "refund", "direction": "out", "original": "A1"}
    lane.take(*parts(TODAY, line("A1", came, "FR-1"), line("R1", went, **back)))
    assert held(lane) == "70 0"
    lane.take(
        accepted("A1", YUAN, "K1", what="bill_amount"), accepted("R1", YUAN, "K2", "refund", "bill_amount")
    )
    off = int(came) - int(went) - 70
    assert held(lane) == f"{70 + off} {-off}"
    lane.restart().take(*parts(TODAY, line("A1", "100", "FR-1"), line("R1", "30", **back), corrects=1))
    assert held(lane) == "70 0"


@pytest.mark.parametrize(
    ("state", "direction", "booked"),
    [
        ("failed", "in", "0 100"),
        ("closed", "in", "0 100"),
        ("pending", "in", "100 0"),
        ("failed", "out", "0 -100"),
        ("pending", "out", "-100 0"),
    ],
)
def test_what_failed_by_the_bill_is_not_there(state: Any, direction: Any, booked: str) -> None:
    """Once that is accepted, and until a bill has it; what may still come is not given up."""
    kind: Any = "payment" if direction == "in" else "refund"
    lane = books().take(
        paid("A1", "100.00", fee_e4=None) if direction == "in" else refunded("A1", "100.00", "A0")
    )
    facts = {"kind": kind, "direction": direction, "original": "" if direction == "in" else "A0"}
    lane.take(*parts(TODAY, line("A1", "100.00", state=state, **facts)))
    before = "100 0" if direction == "in" else "-100 0"
    assert (lane.exceptions()["bill_status", key("A1", kind)], held(lane)) == ("opened", before)
    lane.take(accepted("A1", 100 * YUAN, "K1", kind, "bill_status")).restart()
    assert (lane.exceptions()["bill_status", key("A1", kind)], held(lane)) == ("accepted", booked)
    lane.take(*parts(TODAY, line("A1", "100.00", **facts), corrects=1))
    assert (("bill_status", key("A1", kind)) in lane.exceptions(), held(lane)) == (False, before)


def test_a_bill_of_another_sort_that_has_it_stands_against_it() -> None:
    """The trade bill says that it failed, the money is in the account."""
    lane = books(with_bills('sorts = ["trade", "fund"]')).take(paid("A1", "100.00", fee_e4=None))
    lane.take(*parts(TODAY, line("A1", "100.00", state="failed")))
    lane.take(accepted("A1", 100 * YUAN, "K1", what="bill_status"))
    assert held(lane) == "0 100"
    lane.take(*parts(TODAY, line("A1", "100.00"), sort="fund"))
    assert (lane.exceptions()["bill_status", key("A1")], held(lane)) == ("accepted", "100 0")


def test_a_status_that_the_books_follow_already_books_nothing() -> None:
    """The notification came before the money, the bill has it: it is in the books by the bill."""
    lane = books().take(paid("A1", "100.00", state="pending", fee_e4=None))
    lane.take(*parts(TODAY, line("A1", "100.00")))
    lane.take(accepted("A1", 100 * YUAN, "K1", what="bill_status"))
    assert (lane.exceptions()["bill_status", key("A1")], held(lane)) == ("accepted", "100 0")


def test_what_is_lacking_counts_once() -> None:
    """Of money that one bill has as failed and of another sort of bill lacks; and of another amount."""
    lane = books(with_bills('sorts = ["trade", "fund"]')).take(paid("A1", "100.00", fee_e4=None))
    lane.take(*parts(TODAY, line("A1", "99.00", state="failed")))
    for day in DAYS[:4]:
        lane.take(*parts(day, sort="fund"))
    for number, (what, units) in enumerate((("bill_amount", 1), ("bill_status", 100), ("short", 100))):
        lane.take(accepted("A1", units * YUAN, f"K{number}", what=what))
        assert held(lane) == ("0 100" if number else "99 1")


@pytest.mark.parametrize("first", [True, False])
def test_neither_order_nor_another_amount_matters(first: bool) -> None:
    """What is accepted before it is missed counts as well; another amount does not."""
    lane, word = books(), accepted("A1", 100 * YUAN, "K1")
    lane = told(lane.take(word)) if first else told(lane).take(word)
    assert held(lane) == "-30 100"
    assert held(told(books()).take(accepted("A1", 99 * YUAN, "K1"))) == "70 0"


@pytest.mark.parametrize(
    "kind", ["long", "bill_fee", "bill_duplicate", "bill_currency", "conflicting_states"]
)
def test_what_says_that_it_books_nothing_books_nothing(kind: str) -> None:
    """And money that is for nothing still has to be matched."""
    lane = books(with_bills('sorts = ["trade"]', fee="0.006")).take(due("FR-1", "100.00"))
    one = line("X1", "100.00", "FR-1" if kind != "long" else "")
    match kind:
        case "long":
            lane.take(*parts(TODAY, one))
        case "bill_fee":
            lane.take(paid("X1", "100.00", "FR-1", fee_e4=None), *parts(TODAY, replace(one, fee_e4=20_000)))
        case "bill_duplicate":
            lane.take(paid("X1", "100.00", "FR-1", fee_e4=None), *parts(TODAY, one, one))
        case "bill_currency":
            dollars = replace(one, amount_e4=14 * YUAN, currency="USD")
            lane.take(paid("X1", "100.00", "FR-1", fee_e4=None), *parts(TODAY, dollars))
        case _:
            lane.take(paid("X1", "100.00", "FR-1", fee_e4=None), paid("X1", "101.00", "FR-1", fee_e4=None))
    (amount,) = [row["amount"] for row in lane.rows["payment_exception"] if row["kind"] == kind]
    before = lane.balances()
    lane.take(accepted("X1", int(amount * YUAN), "K1", what=kind))
    assert (lane.exceptions()[kind, key("X1")], lane.balances()) == ("accepted", before)
    assert "不另入账" in ADVICE[kind].action
    assert (("unknown_payment", key("X1")) in lane.exceptions()) == (kind == "long")


DOLLAR = replace(line("B2", "0", fee="0.10"), currency="USD")
FOREIGN_FEES = {
    "B1": [replace(line("B1", "1.40", fee="0.01"), currency="USD")],
    "B2": [line("B2", "10.00", fee="0.06"), DOLLAR],
    "B3": [line("B3", "10.00", fee="0.06"), replace(DOLLAR, number="B3")],
    "B4": [line("B4", "0", fee="0.06"), replace(DOLLAR, number="B4")],
}
"""Of money that a bill has in dollars, in yuan with a further fee in dollars; that was not notified; of no money."""


@pytest.mark.parametrize("backwards", [True, False])
def test_a_fee_in_another_currency_is_none_of_the_moneys_own(backwards: bool) -> None:
    """People are asked about it; it is not booked as one in yuan, nor compared with the rate."""
    lane = books().take(*(paid(number, "10.00", fee_e4=None) for number in ("B1", "B2")))
    for number, lines in FOREIGN_FEES.items():
        for event in parts(TODAY, *(lines[::-1] if backwards else lines), statement=number, size=1):
            lane.take(event).restart()
    booked = {row["payment"].split("/")[-1]: (row["fee_told"], row["fee"]) for row in lane.rows["payment"]}
    assert booked == {"B1": (0, 0), **dict.fromkeys(("B2", "B3", "B4"), (1, Decimal("0.06")))}
    assert lane.balances()["HQ", "6301"] == Decimal("0.12")
    asked = {(kind, subject.split("/")[-1]) for kind, subject in lane.exceptions()}
    about = {("bill_currency", number) for number in ("B1", "B2", "B3")} | {("long", "B3")}
    assert asked - {("unknown_payment", f"B{n}") for n in range(1, 4)} == about | {("fee_alone", "B4")}
    assert lane.evidence()["bill_currency", key("B2")][1] == (
        f"the trade bill of {TODAY} takes 0.10 USD of 10.00 CNY"
    )


@pytest.fixture(scope="module")
def kept(lasting_store: Store) -> Kept:
    """Books with both."""
    client = emptied(lasting_store.client())
    lane = Written(client, RULES)
    with lane.writer.held():
        told(lane.until(NOON + 4 * DAY))
        lane.take(accepted("A1", 100 * YUAN, "K1"), accepted("R1", 30 * YUAN, "K2", "refund"))
        for number, amount in (("A2", "9.00"), ("A3", "11.00")):
            lane.take(paid(number, "10.00", fee_e4=None))
            lane.take(*parts(TODAY, line(number, amount), statement=number))
            lane.take(accepted(number, YUAN, f"K-{number}", what="bill_amount"))
        lane.take(paid("A7", "10.00", fee_e4=None))
        lane.take(*parts(TODAY, replace(line("A7", "1.40"), currency="USD"), statement="A7"))
        lane.take(accepted("A7", 10 * YUAN, "K-A7", what="bill_currency"))
        lane.take(*(paid(number, "10.00", fee_e4=None) for number in ("B1", "B2")))
        for number, lines in FOREIGN_FEES.items():
            lane.take(*parts(TODAY, *lines, statement=number))
        for number, state in (("A4", "failed"), ("A5", "pending"), ("A6", "success")):
            lane.take(paid(number, "7.00", fee_e4=None, state="success" if number < "A6" else "pending"))
            lane.take(*parts(TODAY, line(number, "7.00", state=state), statement=number))
            lane.take(accepted(number, 7 * YUAN, f"K-{number}", what="bill_status"))
        lane.writer.close()
    return Kept(client, ("journal", "payment_match", "payment_exception"))


def test_the_auditor_agrees(kept: Kept) -> None:
    report = audited(kept.client, closed=True)
    assert report.passed, report.to_text()


@pytest.mark.parametrize(
    ("posting", "amount"),
    [
        ("channel_short", 100),
        ("channel_over", 30),
        ("channel_short", 1),
        ("channel_over", 1),
        ("channel_short", 7),
    ],
)
def test_the_auditor_misses_it(tampered: Kept, posting: str, amount: int) -> None:
    tampered.remove("payment_match", f"posting = '{posting}' AND amount = {amount}")
    assert {"payouts", "clearing"} <= failed(tampered.auditor)
