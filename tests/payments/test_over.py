"""What is paid beyond what documents ask for: told with their status, until it has gone back."""

from collections.abc import Sequence
from itertools import permutations

import pytest

from schemas.events import Event
from schemas.identity import content_id
from schemas.money import parse_yuan
from schemas.times import MINUTE
from tests.channels.world import NOON
from tests.payments.test_pools import token
from tests.payments.world import GROUP, Books, cancelled, decided, due, key, paid, refunded

FIRST = [due("FR-1", "100.00"), paid("A1", "100.00", "FR-1")]
TWICE = [*FIRST, paid("A2", "100.00", "FR-1", time=NOON + MINUTE)]
MORE = [due("FR-1", "100.00"), paid("A1", "130.00", "FR-1")]
LATER = NOON + 9 * MINUTE
BY_PEOPLE = [
    due("FR-1", "100.00"),
    paid("A1", "130.00"),
    decided("match", "K1", shares=[{"payment": key("A1"), "document": "FR-1", "amount_e4": 1_300_000}]),
]
BY_PAYER = [
    due("FR-1", "100.00", payer=token("user-1")),
    paid("A1", "100.00", payer="user-1"),
    paid("A2", "100.00", payer="user-1", time=NOON + MINUTE),
]
TOGETHER = [
    due("FR-2", "60.00", references=("CO-9001",)),
    due("FR-1", "40.00", references=("CO-9001",)),
    paid("A1", "110.00", "CO-9001"),
]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (FIRST, "paid 100 0 0"),
        (MORE, "over_paid 100 0 30"),
        ([*MORE, refunded("R1", "10.00", "A1", time=LATER)], "over_paid 100 0 20"),
        ([*MORE, refunded("R1", "30.00", "A1", time=LATER)], "paid 100 0 0"),
        ([*MORE, refunded("R1", "45.00", "A1", time=LATER)], "part_refunded 100 15 0"),
        ([*MORE, refunded("R1", "130.00", "A1", time=LATER)], "refunded 100 100 0"),
        ([*MORE, due("FR-1", "130.00", id="FR-1-2", time=NOON)], "paid 130 0 0"),
        (TWICE, "over_paid 100 0 100"),
        ([*TWICE, paid("A3", "7.00", "FR-1", time=LATER)], "over_paid 100 0 107"),
        ([*TWICE, refunded("R1", "100.00", "A2", time=LATER)], "paid 100 0 0"),
        ([*TWICE, refunded("R1", "20.00", "A1", time=LATER)], "over_paid 120 20 80"),
        ([*TWICE, decided("refund", "K1", payment=key("A2"), amount_e4=1_000_000)], "paid 100 0 0"),
        ([*MORE, paid("A2", "100.00", "FR-1", time=LATER)], "over_paid 100 0 130"),
        (BY_PEOPLE, "over_paid 130 0 30"),
        ([*BY_PEOPLE, refunded("R1", "10.00", "A1", time=LATER)], "over_paid 130 10 20"),
        ([*BY_PEOPLE, refunded("R1", "30.00", "A1", time=LATER)], "paid 130 30 0"),
        ([*BY_PEOPLE, refunded("R1", "40.00", "A1", time=LATER)], "part_refunded 130 40 0"),
        ([*BY_PEOPLE, decided("withdraw", "K2", of="K1")], "open 0 0 0"),
        (BY_PAYER, "over_paid 100 0 100"),
        ([*BY_PAYER, refunded("R1", "100.00", "A2", time=LATER)], "paid 100 0 0"),
        (TOGETHER, "over_paid 40 0 10"),
        ([*FIRST, cancelled("FR-1", LATER)], "cancelled 0 0 100"),
        ([*FIRST, cancelled("FR-1"), refunded("R1", "100.00", "A1", time=LATER)], "cancelled 0 0 0"),
        ([*FIRST, refunded("R1", "40.00", "A1", time=LATER)], "part_refunded 100 40 0"),
        ([due("FR-1", "100.00"), paid("A1", "60.00", "FR-1")], "part_paid 60 0 0"),
    ],
)
def test_a_status_says_how_much_is_over(facts: Sequence[Event], said: str) -> None:
    """Status, paid, refunded, over; one fact after the other as all at once."""
    for order in (facts, facts[::-1]):
        books = Books()
        for fact in order:
            books.take(fact)
        assert _said(books, "FR-1") == said
    assert _said(Books().take(*facts), "FR-1") == said


def test_the_rest_of_a_payment_is_told_of_one_document() -> None:
    """Whoever gives back what is over gives it back once."""
    for order in permutations(TOGETHER):
        assert _said(Books().take(*order), "FR-2") == "paid 60 0 0"


def test_whoever_pays_again_is_told_of_again() -> None:
    """By a status with a serial, an id of its content, and the time of that payment."""
    books = Books().take(*TWICE).restart().take(paid("A3", "7.00", "FR-1", time=LATER))
    one, other = books.statuses[-2:]
    assert (one.serial + 1, one.over_e4, other.over_e4) == (other.serial, 1_000_000, 1_070_000)
    assert (other.time, other.payments) == (LATER, (key("A1"),))
    content = (str(other.serial), "over_paid", "1000000", "1000000", "0", "1070000", key("A1"))
    assert other.id == content_id("os", GROUP, "FR-1", *content)
    assert books.rows["order_status"][-1]["overpaid"] == 107
    assert books.restart().take(TWICE[-1]).statuses[-1] is other


def _said(books: Books, document: str) -> str:
    told = [one for one in books.statuses if one.document == document]
    if not told:
        return "open 0 0 0"
    newest = max(told, key=lambda one: one.serial)
    yuan = parse_yuan("1")
    sums = (newest.paid_e4, newest.refunded_e4, newest.over_e4)
    return " ".join((newest.status, *(str(amount // yuan) for amount in sums)))
