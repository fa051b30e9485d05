"""The auditor comes to the same states of decisions as the lane, whatever was said."""

import random
from typing import Any

from deploy.audit.decided import Decision, _states
from flows.reconciliation.decisions import states
from flows.reconciliation.record import DecisionRecord
from schemas.payments import PaymentDecided
from tests.payments.world import GROUP, decided

LIMIT = 1_000
PEOPLE = ("li", "wang", "zhao")


def said(r: random.Random, number: str) -> PaymentDecided:
    """Something that a person decided about few payments and documents."""
    payment, document, amount = r.choice("PQ"), r.choice("DEF"), r.choice((300, 400, 700, 1_100))
    facts: dict[str, dict[str, Any]] = {
        "match": {"shares": [{"payment": payment, "document": document, "amount_e4": amount}]},
        "write_off": {"document": document, "amount_e4": amount},
        "refund": {"payment": payment, "amount_e4": amount},
        "accept": {"exception": "ex-1", "amount_e4": amount},
        "ignore": {"exception": "ex-1", "until": 9},
    }
    what = r.choice(["match", *facts])
    return decided(what, number, r.choice(PEOPLE), time=r.randrange(5), **facts[what])


def test_the_same_comes_of_the_same_words() -> None:
    seen = set[str]()
    for seed in range(400):
        r = random.Random(seed)
        records, audited = [], []
        for n in range(r.randrange(1, 9)):
            event = said(r, f"K{n}")
            words: dict[str, list[tuple[int, str]]] = {"approve": [], "withdraw": []}
            for _ in range(r.choice((0, 0, 1, 2, 3))):
                words[r.choice(list(words))].append((r.randrange(5), r.choice(PEOPLE)))
            record = DecisionRecord(event.id, 0, 0, 0, said=event)
            record.approved = {by: time for time, by in sorted(words["approve"], reverse=True)}
            record.withdrawn = {by: time for time, by in sorted(words["withdraw"], reverse=True)}
            records.append(record)
            shares = {(one.payment, one.document): one.amount_e4 for one in event.shares}
            of = (
                GROUP,
                event.id,
                event.time,
                event.decision,
                event.by,
                shares,
                event.payment,
                event.document,
            )
            audited.append(
                Decision(*of, event.amount_e4, event.exception, 0, words["approve"], words["withdraw"])
            )
        found = {record.key: state for record, state in states(r.sample(records, len(records)), LIMIT)}
        assert {number: state for (_, number), state in _states(audited, LIMIT).items()} == found, seed
        seen |= set(found.values())
    assert seen == {"in_force", "waiting", "withdrawing", "withdrawn"}
