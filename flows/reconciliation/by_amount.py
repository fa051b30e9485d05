"""The last stage: nobody knows who paid, but one due of this amount was open in the window, and one payment came."""

from collections.abc import Sequence

from flows.reconciliation.rules import Rule
from flows.reconciliation.working import Book, Claim, Money
from schemas.counted import counted


def match_by_amount(book: Book, claims: Sequence[Claim], payments: Sequence[Money], rule: Rule) -> None:
    """Match where the due is the payment's only one, and the payment the due's only one. Both must be untouched."""
    by_amount: dict[int, list[Claim]] = {}
    for claim in claims:
        if not (claim.due.payer or claim.paid or claim.refunded) and claim.open:
            by_amount.setdefault(claim.open, []).append(claim)
    found = {
        money.key: [
            claim
            for claim in by_amount.get(money.left, ())
            if money.fits(claim.due) and rule.reaches(claim.due.time, money.paid.time)
        ]
        for money in payments
        if money.left == money.paid.amount and rule.covers(money.paid.direction)
    }
    rivals: dict[str, int] = {}
    for candidates in found.values():
        for claim in candidates:
            rivals[claim.name] = rivals.get(claim.name, 0) + 1
    for key, candidates in found.items():
        money = book.monies[key]
        book.tell(money, f"{rule.name}: {counted(len(candidates), 'due')} of this amount in the window")
        if len(candidates) == 1 and rivals[candidates[0].name] == 1:
            book.give(money, candidates[0], money.left, rule.name, "the only such amount in the window")
        elif candidates:
            money.unclear = tuple(sorted(claim.name for claim in candidates))
