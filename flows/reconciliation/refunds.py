"""Refunds and chargebacks: from what they take money back, and what they took that comes back itself.

A channel that gives back what it took (拒付申诉成功), or a refund that did not reach the payer, moves money the same
way as the payment that it names: it pays again what was taken. More than the payment had cannot be taken from it: that
has to come back, and is expected.
"""

from collections.abc import Sequence
from itertools import combinations

from flows.reconciliation.model import CURRENCY
from flows.reconciliation.working import Book, Claim, Expected, Money
from schemas.money import yuan

MORE = "more than was paid"
MOST_SPLIT = 12
"""Documents of one payment among which a refund's exact parts are looked for."""


def give_back(book: Book, refund: Money) -> list[Claim]:
    """Take a refund's money back, as far as it is clear from where. Returns the dues that are open again by it."""
    of = paid_with(book, refund)
    if of is None and refund.paid.original:
        return []
    if of is not None and comes_back(refund, of):
        return _pay_again(book, refund, of)
    reopened = _of_payment(book, refund, of) if of is not None else _by_number(book, refund)
    taken = of.paid.currency == CURRENCY if of is not None else bool(reopened)
    ours = refund.paid.direction == "out" and refund.paid.currency == CURRENCY
    if refund.left and not refund.unclear and taken and ours:
        book.expect(refund, refund.paid.kind, f"more than {of.key} was" if of is not None else MORE)
    return reopened


def paid_with(book: Book, refund: Money) -> Money | None:
    """The payment that a refund names; None: it names none, or none that has come."""
    of = book.monies.get(refund.paid.original)
    return of if of is not None and of.paid.kind == "payment" else None


def comes_back(refund: Money, of: Money) -> bool:
    """Whether it gives back what was taken from the payment."""
    return refund.paid.direction == of.paid.direction


def _pay_again(book: Book, back: Money, of: Money) -> list[Claim]:
    """What was taken from dues first, then what was not matched; what went back beyond the payment is taken from it as
    far as it can be then, and what is still beyond it has come back."""
    kind, evidence = back.paid.kind, f"{back.paid.kind} of {of.key} came back"
    taken = [book.claims[name] for (of_kind, name), units in of.charged.items() if of_kind == kind and units]
    had = sorted((claim for claim in taken if claim.open), key=lambda claim: claim.age)
    open_ = [min(of.charged[kind, claim.name], claim.open) for claim in had]
    exact = _exactly(back.left, had, open_)
    if len(exact) != 1 and len(had) > 1 and back.left < sum(open_):
        back.unclear = tuple(sorted(claim.name for claim in had))
        return []
    back.unclear = ()
    for claim in exact[0] if len(exact) == 1 else had:
        if amount := min(back.left, of.charged[kind, claim.name], claim.open):
            book.pay_again(back, claim, amount, of, evidence)
    unmatched = min(back.left, of.gone[kind])
    of.gone[kind] -= unmatched
    of.left += unmatched
    of.returned -= unmatched
    back.left -= unmatched
    beyond = [one for one in book.expected.values() if one.money.paid.original == of.key and one.rest]
    reopened: dict[str, Claim] = {}
    for one in sorted(beyond, key=lambda one: one.money.order):
        reopened |= {claim.name: claim for claim in _take_after_all(book, one, of)}
        if amount := min(back.left, one.rest):
            book.meet(back, one, amount, kind, evidence)
    return list(reopened.values())


def _take_after_all(book: Book, beyond: Expected, of: Money) -> list[Claim]:
    """What was beyond a payment is taken from what it has again."""
    refund, rest = beyond.money, beyond.rest
    beyond.amount -= rest
    beyond.rest = 0
    refund.left = rest
    reopened = _of_payment(book, refund, of)
    refund.unclear = ()
    book.expect(refund, beyond.rule, beyond.evidence)
    return reopened


def _of_payment(book: Book, refund: Money, of: Money) -> list[Claim]:
    """What a payment left unmatched goes back first, unless the amount is exactly that of its dues."""
    evidence = f"{refund.paid.kind} of {of.key}"
    had = [book.claims[name] for name, amount in of.given.items() if amount > 0]
    had.sort(key=lambda claim: claim.age)
    exact = [] if refund.left == of.left else _exactly(refund.left, had, [of.given[one.name] for one in had])
    if len(exact) != 1 and (unmatched := min(refund.left, of.left)):
        of.left -= unmatched
        of.returned += unmatched
        of.gone[refund.paid.kind] += unmatched
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
    had = [one for one in refund.called if one.paid > 0 and one.due.direction != refund.paid.direction]
    had.sort(key=lambda claim: claim.age)
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
