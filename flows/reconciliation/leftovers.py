"""What is left when all rules are through: for each payment and refund the exception that a person will see."""

from collections.abc import Callable, Collection, Sequence

from flows.reconciliation.model import Open
from flows.reconciliation.refunds import MORE, comes_back, paid_with
from flows.reconciliation.working import Book, Claim, Expected, Money
from schemas.money import yuan
from schemas.times import DAY, clock

MOST_CANDIDATES = 20
"""Candidates that an exception names."""
TWICE = 3 * DAY
"""Within which the same amount of the same payer, with nothing open to pay, is taken for the same payment again."""
NAMED = "open of what it names"
_PATIENT = ("unknown_payment", "refund_orphan")
"""Kinds that the other side, still on its way, may make undone."""


def exceptions_of(
    book: Book, pooled: Collection[str], of_payer: Callable[[Money], list[Claim]], patience: int, now: int
) -> tuple[list[Open], int]:
    """Exceptions, and the data time at which the next one may come (0: never).

    `pooled`: payments that no number leads to a due; `of_payer` says what dues the payer of such a one has.
    """
    found: list[Open] = []
    again = 0
    earlier: dict[tuple[str, int], Money] = {}
    for money in book.monies.values():
        paid = money.paid
        theirs = of_payer(money) if money.left and money.key in pooled else []
        beyond = book.expected.get(money.key)
        if beyond is not None and beyond.rest and paid.kind != "transfer":
            found.append(_beyond(book, beyond))
        if money.left and paid.kind != "transfer":
            before = earlier.get((paid.payer, paid.amount))
            one = (
                _of_payment(book, money, before, theirs)
                if paid.kind == "payment"
                else _of_refund(book, money)
            )
            if one.kind in _PATIENT and now < paid.time + patience:
                again = min(again or paid.time + patience, paid.time + patience)
            else:
                found.append(one)
        if money.key in pooled and money.given and paid.payer:
            earlier[paid.payer, paid.amount] = money
    return found, again


def _of_payment(book: Book, money: Money, before: Money | None, theirs: Sequence[Claim]) -> Open:
    key, left = money.key, money.left
    if money.complex:
        names = [claim.name for claim in money.called or theirs]
        return _open("too_complex", key, left, "the search has reached its bound", names)
    if money.unclear:
        return _open("ambiguous", key, left, "several allocations fit equally well", money.unclear)
    if money.called:
        return _of_called(book, money)
    if money.given:
        return _open("amount_over", key, left, _over(money, "open"), money.given)
    if before is not None and _again(money, before, theirs):
        evidence = f"the payer paid the same amount before: {_shown(before)}"
        return _open("duplicate_payment", key, left, evidence, [before.key])
    candidates = [claim.name for claim in theirs if claim.open]
    evidence = "no group of the payer's open items fits" if candidates else "nothing open that it could pay"
    if money.doubted:
        evidence = "its number names a due of another payer and amount"
        candidates += [claim.name for claim in money.doubted]
    return _open("unknown_payment", key, left, evidence, candidates)


def _over(money: Money, of: str) -> str:
    """Both sides of a payment of more than was open."""
    return f"{_came(money)}, {of} was {yuan(sum(money.given.values()))}{_gone(money)}"


def _came(money: Money) -> str:
    return f"{yuan(money.paid.amount)} came"


def _gone(money: Money) -> str:
    return f"; {yuan(money.returned)} of it went back" if money.returned else ""


def _again(money: Money, before: Money, theirs: Sequence[Claim]) -> bool:
    """Whether a payment may be an earlier one of the same payer, and the same amount, once more."""
    near = money.paid.time - before.paid.time <= TWICE
    return near and any(claim.name in before.given for claim in theirs)


def _shown(money: Money) -> str:
    """A payment as evidence names it: key, amount, Shanghai's time."""
    return f"{money.key}, {yuan(money.paid.amount)} at {clock(money.paid.time)}"


def _of_called(book: Book, money: Money) -> Open:
    """A payment that names dues, and has money left all the same."""
    key, left, names = money.key, money.left, [claim.name for claim in money.called]
    fitting = [claim for claim in money.called if money.fits(claim.due)]
    if not fitting:
        same = [claim for claim in money.called if claim.due.direction == money.paid.direction]
        if same:
            evidence = f"paid in {money.paid.currency}, due in {same[0].due.currency}"
            return _open("currency_mismatch", key, left, evidence, names)
        return _open("unknown_payment", key, left, "the dues it names are of the other direction", names)
    names = [claim.name for claim in fitting]
    owed = [claim.name for claim in fitting if not claim.due.cancelled]
    if money.given:
        return _open("amount_over", key, left, _over(money, NAMED), names)
    if not owed:
        return _open("cancelled_paid", key, left, "what it names is cancelled", names)
    if not any(claim.open for claim in fitting):
        return _again_for(book, money, owed)
    return _too_little(money, fitting, names)


def _too_little(money: Money, fitting: Sequence[Claim], names: Sequence[str]) -> Open:
    """A payment of less than is open of what it names: what is missing. Of enough: no rule covers it."""
    total = sum(claim.open for claim in fitting)
    if total <= money.left:
        return _open("unknown_payment", money.key, money.left, "no rule lets it pay what it names", names)
    why = "several are named" if len(fitting) > 1 else "it may not be paid in parts"
    evidence = f"{_came(money)}, {NAMED} is {yuan(total)}, and {why}{_gone(money)}"
    return _open("amount_under", money.key, total - money.left, evidence, names)


def _again_for(book: Book, money: Money, owed: Sequence[str]) -> Open:
    """A payment that names dues of which nothing is open: others paid them, the first by its own time and not by who
    came first, or people gave them up."""
    paying = (one for one in book.monies.values() if any(one.given.get(name, 0) > 0 for name in owed))
    first = min(paying, key=lambda one: one.order, default=None)
    if first is None:
        return _open("amount_over", money.key, money.left, _over(money, NAMED), owed)
    evidence = f"what it names is paid already: {_shown(first)}"
    return _open("duplicate_payment", money.key, money.left, evidence, owed)


def _beyond(book: Book, one: Expected) -> Open:
    """More went back of a payment than it was: what took it before. Or of documents, where no payment is named."""
    of = book.monies.get(one.money.paid.original)
    if of is None:
        names = [claim.name for claim in one.money.called]
        return _open("refund_over", one.money.key, one.rest, MORE, names)
    others = [
        other
        for other in book.monies.values()
        if other.paid.original == of.key and other.key != one.money.key and not comes_back(other, of)
    ]
    before = ", ".join(other.key for other in sorted(others, key=lambda other: other.order)[:MOST_CANDIDATES])
    evidence = f"{yuan(one.money.paid.amount)} went back of {of.key}, which was {yuan(of.paid.amount)}"
    if before:
        evidence += f", and was taken back before by {before}"
    return _open("refund_over", one.money.key, one.rest, evidence, [of.key, *(one.key for one in others)])


def _of_refund(book: Book, refund: Money) -> Open:
    original = refund.paid.original
    if refund.unclear:
        evidence = "it is not clear which of them it takes back"
        return _open("ambiguous", refund.key, refund.left, evidence, refund.unclear)
    of = paid_with(book, refund)
    if of is not None and comes_back(refund, of):
        return _of_what_came_back(refund, of)
    if original in book.monies:
        return _open("refund_over", refund.key, refund.left, "more than the payment was", [original])
    if not original and any(True for claim in refund.called if claim.refunded):
        names = [claim.name for claim in refund.called]
        return _open("refund_over", refund.key, refund.left, MORE, names)
    evidence = "its payment has not come" if original else "it names no payment"
    return _open("refund_orphan", refund.key, refund.left, evidence, [original] if original else ())


def _of_what_came_back(back: Money, of: Money) -> Open:
    """What a channel gave back, and nothing that it took is left to be paid by it."""
    taken = [name for kind, name in of.charged if kind == back.paid.kind]
    if not taken and not of.gone:
        return _open("refund_orphan", back.key, back.left, f"nothing of {of.key} was taken back", [of.key])
    evidence = f"what was taken back of {of.key} is paid already"
    return _open("amount_over", back.key, back.left, evidence, taken or [of.key])


def _open(
    kind: str, subject: str, amount: int, evidence: str, candidates: Sequence[str] | dict[str, int]
) -> Open:
    if (several := len(candidates)) > MOST_CANDIDATES:
        evidence += f"; {MOST_CANDIDATES} of {several} candidates are named"
    return Open(kind, subject, amount, evidence, tuple(sorted(candidates)[:MOST_CANDIDATES]))
