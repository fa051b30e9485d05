"""Payments that carry no number: by payer, by amount in a window, several for several; in any order the same."""

import random
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from schemas.events import Event
from schemas.times import DAY, MINUTE
from tests.channels.world import NOON, world
from tests.payments.world import Books, cancelled, due, key, paid, refunded, rules


def token(user: str) -> str:
    """What a payer of the channel is known by."""
    return world().keys.tokens.token(user)


def test_a_due_may_tell_its_payers_identifier() -> None:
    """Business systems know an openid and have no key; no table has it."""
    dues = [
        due(f"FR-200{n}", amount, payer="user-1") for n, amount in ((1, "10.00"), (2, "40.00"), (3, "60.00"))
    ]
    books = Books().take(*dues, paid("B1", "100.00", payer="user-1"))
    assert {document for _, document in books.matches()} == {"FR-2002", "FR-2003"}
    assert {row["payer"] for row in books.rows["receivable"]} == {token("user-1")}
    assert "user-1" not in repr(books.rows)


PUBLISHED = rules(payers="party,token\n" + f"C-9,{token('user-9')}\nC-8,{token('user-8')}\n")
FACTS: list[Event] = [
    due("FR-2001", "10.00", payer=token("user-1")),
    due("FR-2002", "40.00", payer=token("user-1")),
    due("FR-2003", "60.00", payer=token("user-1")),
    paid("B1", "100.00", payer="user-1"),
    paid("B2", "10.00", payer="user-1", time=NOON + MINUTE),
    due("FR-2004", "33.00", party="C-9"),
    paid("B3", "33.00", payer="user-9"),
    due("FR-2005", "77.00", party="C-8"),
    due("FR-2006", "77.00", party="C-8"),
    paid("B4", "77.00", payer="user-8"),
    due("FR-2007", "12.34", time=NOON - 5 * MINUTE),
    paid("B5", "12.34", payer="user-2"),
    due("FR-2008", "55.00", payer=token("user-3")),
    paid("B6", "55.00", payer="user-3"),
    paid("B7", "55.00", "FR-2008", payer="user-3", time=NOON + 2 * MINUTE),
    due("FR-2009", "20.00", payer=token("user-4")),
    cancelled("FR-2009"),
    paid("B8", "20.00", payer="user-4"),
    due("FR-2010", "9.00", payer=token("user-5")),
    due("FR-2010", "8.00", id="FR-2010-2", time=NOON, payer=token("user-6")),
    paid("B9", "9.00", payer="user-5"),
    paid("B10", "8.00", payer="user-6"),
    refunded("RB1", "33.00", "B3", time=NOON + 3 * MINUTE),
]


def told(order: list[Event], blocks: int, r: random.Random | None = None) -> Books:
    """Books after these facts, and the time in which all exceptions are told."""
    books = Books(PUBLISHED)
    for start in range(0, len(order), blocks):
        books.take(*order[start : start + blocks])
        if r is not None and r.random() < 0.2:
            books.restart()
    return books.until(NOON + 30 * MINUTE).until(NOON + DAY)


def test_what_they_pay() -> None:
    books = told(FACTS, len(FACTS))
    matches = {pair: amount for pair, (amount, _) in books.matches().items()}
    assert matches[key("B1"), "FR-2002"] == Decimal(40)
    assert matches[key("B1"), "FR-2003"] == Decimal(60)
    assert matches[key("B2"), "FR-2001"] == Decimal(10)
    assert books.status("FR-2004")[0] == "refunded"
    assert ("ambiguous", key("B4")) in books.exceptions()
    assert matches[key("B5"), "FR-2007"] == Decimal("12.34")
    assert matches[key("B7"), "FR-2008"] == Decimal(55)
    assert (key("B6"), "FR-2008") not in matches
    assert matches[key("B10"), "FR-2010"] == Decimal(8)


@cache
def as_told() -> tuple[Any, ...]:
    """What the facts come to in their own order."""
    return told(FACTS, len(FACTS)).final()


@pytest.mark.parametrize("seed", range(40))
def test_any_order_ends_in_the_same_books(seed: int) -> None:
    r = random.Random(seed)
    order = r.sample(FACTS, len(FACTS)) + r.sample(FACTS, 4)
    r.shuffle(order)
    found = told(order, r.choice([1, 1, 3, len(order)]), r)
    assert found.final() == as_told()
