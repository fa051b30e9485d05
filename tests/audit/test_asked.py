"""Whatever is paid, refunded and decided, in whatever order it is told: the auditor comes to the same exceptions."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.payments import check_payments
from deploy.audit.store import Store
from schemas.events import Event
from schemas.money import YUAN
from schemas.payments import exception_id
from schemas.times import HOUR, MINUTE
from tests.audit.test_payments import Written
from tests.bills.lane import parts
from tests.bills.test_lane import TODAY, line
from tests.channels.world import NOON
from tests.payments.world import GROUP, cancelled, decided, due, key, paid, refunded

CUSTOMERS = 120
LATER = NOON + 5 * HOUR


def of_a_customer(n: int, r: random.Random) -> Iterator[Event]:
    """Some documents and what is paid for them: repeated, too much, too little, given back, decided about."""
    documents = [f"FR-{n:04}{place}" for place in range(r.choice([1, 1, 2, 3]))]
    both = f"CO-{n:05}"
    for document in documents:
        facts = {"party": f"C-{n}", "partial": r.random() < 0.5, "references": (both,) * (r.random() < 0.6)}
        yield due(document, r.choice(["40.00", "60.00", "100.00"]), **facts)
        if r.random() < 0.1:
            yield cancelled(document, time=NOON + r.randrange(9) * MINUTE)
        if r.random() < 0.15:
            yield due(document, "90.00", **facts, id=f"{document}-2", time=NOON + r.randrange(60) * MINUTE)
        if r.random() < 0.15:
            yield decided("write_off", f"W{document}", document=document, amount_e4=r.choice([10, 40]) * YUAN)
    for place in range(r.choice([1, 2, 2, 3, 4])):
        number, order = f"P{n:04}{place}", r.choice([*documents, *documents, both, ""])
        amount, payer = r.choice(["40.00", "60.00", "70.00", "100.00", "120.00"]), f"payer-{n}"
        yield paid(number, amount, order, payer=payer, time=NOON + r.randrange(200) * MINUTE)
        if r.random() < 0.25:
            back = r.choice(["10.00", "40.00", "60.00", "100.00"])
            yield refunded(f"R{number}", back, number, order, time=NOON + r.randrange(200) * MINUTE)
            if r.random() < 0.3:
                gone, of = key(f"R{number}", "refund"), r.choice(documents)
                went = {"payment": gone, "document": of, "amount_e4": 40 * YUAN}
                yield decided("match", f"N{number}", shares=[went])
        if r.random() < 0.3:
            yield from charged_back(number, r)
        if r.random() < 0.15:
            share = {"payment": key(number), "document": r.choice(documents), "amount_e4": 40 * YUAN}
            yield decided("match", f"M{number}", r.choice(["li", "wang"]), shares=[share])
        if r.random() < 0.1:
            yield decided("refund", f"B{number}", payment=key(number), amount_e4=40 * YUAN)


def charged_back(number: str, r: random.Random) -> Iterator[Event]:
    """The channel takes a payment back, or a part of it, and may give it back; people may accept that it does not."""
    facts = {"kind": "chargeback", "original": number}
    for name, direction in (("B", "out"), *(("W", "in"),) * (r.random() < 0.6)):
        amount, time = r.choice(["10.00", "40.00", "60.00", "100.00"]), NOON + r.randrange(200) * MINUTE
        moved = line(f"{name}{number}", amount, direction=direction, time=time, **facts)
        yield from parts(TODAY - timedelta(days=1), moved, statement=moved.number)
    if r.random() < 0.4:
        over = exception_id(GROUP, "refund_over", key(f"B{number}", "chargeback"))
        amount_e4 = r.choice([10, 20, 40, 60, 100]) * YUAN
        yield decided("accept", f"A{number}", exception=over, amount_e4=amount_e4)


@pytest.mark.parametrize("seed", range(2))
def test_the_auditor_comes_to_the_same(empty: Client, seed: int) -> None:
    r = random.Random(seed)
    facts = [fact for n in range(CUSTOMERS) for fact in of_a_customer(n, r)]
    r.shuffle(facts)
    books = Written(empty)
    with books.writer.held():
        books.until(LATER)
        while facts:
            several = r.choice([1, 5, 30])
            books.take(*facts[:several])
            del facts[:several]
        books.until(LATER + HOUR)
    books.writer.close()
    assert "dead_letter" not in books.rows
    kinds = Counter(kind for kind, _ in books.exceptions())
    assert min(kinds[kind] for kind in ("duplicate_payment", "amount_under", "amount_over")) > 5, kinds
    assert any(kind == "refund_over" and subject.startswith("FR-") for kind, subject in books.exceptions())
    assert [check for check in check_payments(Store(empty)) if not check.passed] == []
