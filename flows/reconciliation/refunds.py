"""Refunds and chargebacks: from what they take money back."""

from collections.abc import Sequence
from itertools import combinations

from flows.reconciliation.working import Book, Claim, Money
from schemas.money import yuan

MOST_SPLIT = 12
"""Documents of one payment among which a refund's exact parts are looked for."""


def give_back(book: Book, refund: Money) -> list[Claim]:
    """Take a refund's money back, as far as it is clear from where. Returns the dues that are open again by it."""
    of = book.monies.get(refund.paid.original)
    if of is not None and of.paid.kind == "payment":
        return _of_payment(book, refund, of)
    return [] if refund.paid.original else _by_number(book, refund)


def _of_payment(book: Book, refund: Money, of: Money) -> list[Claim]:
    """What a payment left unmatched goes back first, unless the amount is exactly that of its dues."""
    evidence = f"{refund.paid.kind} of {of.key}"
    had = [book.claims[name] for name, amount in of.given.items() if amount > 0]
    had.sort(key=lambda claim: claim.age)
    exact = [] if refund.left == of.left else _exactly(refund.left, had, [of.given[one.name] for one in had])
    if len(exact) != 1 and (unmatched := min(refund.left, of.left)):
        of.left -= unmatched
        of.returned += unmatched
        refund.left -= unmatched
        book.tell(refund, f"{yuan(unmatched)} from what {of.key} has not matched")
        exact = _exactly(refund.left, had, [of.given[one.name] for one in had])
    if not refund.left or not had:
        return []
    rest = sum(of.given[one.name] for one in had)
    if len(exact) == 1:
        chosen: Sequence[Claim] = exact[0]
    elif refund.left >= rest or len(had) == 1:
        chosen = had
    else:
        named = [claim for claim in had if claim in refund.called]
        if len(named) != 1 or of.given[named[0].name] < refund.left:
            refund.unclear = tuple(sorted(claim.name for claim in had))
            return []
        chosen = named
    for claim in chosen:
        if amount := min(refund.left, of.given[claim.name]):
            book.take_back(refund, claim, amount, of, evidence)
            of.returned += amount
    return list(chosen)


def _by_number(book: Book, refund: Money) -> list[Claim]:
    """A refund that names no payment, but a due of ours that was paid."""
    had = sorted((claim for claim in refund.called if claim.paid > 0), key=lambda claim: claim.age)
    exact = _exactly(refund.left, had, [claim.paid for claim in had])
    chosen = exact[0] if len(exact) == 1 else had
    if len(exact) != 1 and len(had) != 1:
        refund.unclear = tuple(sorted(claim.name for claim in had))
        return []
    for claim in chosen:
        amount = min(refund.left, claim.paid)
        book.take_back(refund, claim, amount, None, f"number of {claim.name}")
    return list(chosen)


def _exactly(amount: int, claims: Sequence[Claim], given: Sequence[int]) -> list[tuple[Claim, ...]]:
    """Groups of dues that were given exactly an amount; of many some."""
    if len(claims) > MOST_SPLIT:
        return [tuple(claims)] if sum(given) == amount else []
    found = [
        tuple(claims[place] for place in places)
        for size in range(1, len(claims) + 1)
        for places in combinations(range(len(claims)), size)
        if sum(given[place] for place in places) == amount
    ]
    return found if amount else []
