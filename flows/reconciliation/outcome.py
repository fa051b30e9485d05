"""What a component of facts comes to: which payment pays what, and what is left to people.

A pure function of the set of facts and of data time: the order in which they are given does not matter, nor does
it if one is given twice.
"""

from collections.abc import Iterable

from flows.reconciliation.model import Decisions, Due, Match, Open, Outcome, Paid
from flows.reconciliation.quoted import numbers_of_due, numbers_of_payment
from flows.reconciliation.rules import MatchingRules


def outcome(
    dues: Iterable[Due], payments: Iterable[Paid], decisions: Decisions, rules: MatchingRules, now: int
) -> Outcome:
    """Matches and exceptions at data time `now` (UTC ms) of dues and payments that hang together (`components`)."""
    payments = tuple(payments)
    by_number: dict[str, list[Due]] = {}
    for due in sorted(set(dues), key=lambda one: (one.time, one.document)):
        for number in numbers_of_due(due):
            by_number.setdefault(number, []).append(due)
    opened = {due.document: due.amount for dues in by_number.values() for due in dues if not due.cancelled}
    matches: list[Match] = []
    exceptions: list[Open] = []
    for paid in sorted(set(payments), key=lambda one: (one.time, one.key)):
        if paid.kind != "payment" or paid.key in decisions.to_refund:
            continue
        left = paid.amount
        found = [due for number in numbers_of_payment(paid) for due in by_number.get(number, ())]
        for due in found:
            if (amount := min(left, opened.get(due.document, 0))) > 0 and due.direction == paid.direction:
                opened[due.document] -= amount
                left -= amount
                matches.append(Match(paid.key, due.document, amount, rules.rules[0].name, "order number"))
        if left:
            kind = "unknown_payment" if not found else "amount_over"
            exceptions.append(
                Open(kind, paid.key, left, "nothing open", tuple(due.document for due in found))
            )
    told = [
        one
        for one in exceptions
        if one.kind != "unknown_payment" or _time(one, payments) + rules.patience <= now
    ]
    return Outcome(tuple(sorted(matches)), tuple(sorted(told)))


def _time(one: Open, payments: Iterable[Paid]) -> int:
    return next(paid.time for paid in payments if paid.key == one.subject)
