"""Whatever order facts come in, in whatever blocks, repeated and with restarts between: the same books in the end."""

import random
from functools import cache
from typing import Any

import pytest

from schemas.events import Event
from schemas.times import DAY, MINUTE
from tests.channels.world import NOON
from tests.payments.world import (
    Books,
    cancelled,
    decided,
    due,
    key,
    paid,
    refunded,
)

FACTS: list[Event] = [
    due("FR-1001", "100.00"),
    paid("A1", "100.00", "FR-1001", fee_e4=6_000),
    due("FR-1002", "100.00"),
    due("FR-1002", "90.00", id="FR-1002-2", time=NOON - MINUTE),
    paid("A2", "60.00", "FR-1002"),
    paid("A3", "50.00", "FR-1002", time=NOON + MINUTE),
    due("FR-1003", "30.00"),
    cancelled("FR-1003"),
    paid("A4", "30.00", "FR-1003"),
    due("FR-1004", "40.00", references=("CO-9001",)),
    due("FR-1005", "60.00", references=("CO-9001",)),
    paid("A5", "100.00", "CO-9001"),
    refunded("R1", "40.00", "A1", "FR-1001", time=NOON + 2 * MINUTE),
    refunded("R2", "10.00", "A9", time=NOON + 2 * MINUTE),
    paid("A6", "20.00", "FR-9999"),
    paid("A7", "25.00", "FR-1007", state="pending"),
    paid("A7", "25.00", "FR-1007", time=NOON + MINUTE),
    due("FR-1007", "25.00", kind="topup", party="SHA"),
    due("FR-1008", "70.00", direction="out", kind="invoice"),
    due("FR-1009", "20.00"),
    decided(
        "match",
        "K1",
        shares=[{"payment": key("A6"), "document": "FR-1009", "amount_e4": 200_000}],
    ),
    due("FR-1010", "55.00"),
    paid("A10", "50.00", "FR-1010"),
    decided("write_off", "K2", document="FR-1010", amount_e4=50_000),
    due("FR-1011", "12.00"),
    decided("write_off", "K3", document="FR-1011", amount_e4=20_000),
    decided("withdraw", "K4", of="K3"),
    paid("A13", "40.00", "FR-1004", time=NOON + 5 * MINUTE),
]


def told(order: list[Event], blocks: int, r: random.Random | None = None) -> Books:
    """Books after these facts, and the time in which all exceptions are told."""
    books = Books()
    for start in range(0, len(order), blocks):
        books.take(*order[start : start + blocks])
        if r is not None and r.random() < 0.2:
            books.restart()
    return books.until(NOON + 30 * MINUTE).until(NOON + DAY)


@cache
def as_told() -> tuple[Any, ...]:
    """What the facts come to in their own order."""
    return told(FACTS, len(FACTS)).final()


@pytest.mark.parametrize("seed", range(25))
def test_any_order_ends_in_the_same_books(seed: int) -> None:
    r = random.Random(seed)
    order = r.sample(FACTS, len(FACTS)) + r.sample(FACTS, 5)
    r.shuffle(order)
    found = told(order, r.choice([1, 2, 5, len(order)]), r)
    assert found.final() == as_told()
    assert found.rows.get("dead_letter", []) == []


def test_what_the_facts_come_to() -> None:
    books = told(FACTS, len(FACTS))
    assert {
        document: books.status(document)[0] for document in ("FR-1001", "FR-1002", "FR-1003", "FR-1004")
    } == {
        "FR-1001": "part_refunded",
        "FR-1002": "over_paid",
        "FR-1003": "cancelled",
        "FR-1004": "over_paid",
    }
    assert books.status("FR-1007")[0] == "paid"
    assert books.status("FR-1009")[0] == "paid"
    assert books.status("FR-1010")[0] == "paid"
    assert books.status("FR-1011")[0] == "open"
    kinds = {kind for kind, _ in books.exceptions()}
    assert {"refund_orphan", "cancelled_paid", "duplicate_payment"} <= kinds
    over = {name: books.over(name) // 10_000 for name in ("FR-1001", "FR-1002", "FR-1003", "FR-1004")}
    assert over == {"FR-1001": 0, "FR-1002": 20, "FR-1003": 30, "FR-1004": 40}
    assert books.balances()["SHA", "1201"] == 25
