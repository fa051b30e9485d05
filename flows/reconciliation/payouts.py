"""Payouts (提现): what a channel pays out of its balance, until the bank's credit of it comes, or it comes back.

A payout is a transfer that leaves a channel, and a `[[payout]]` of `matching.toml` says which. It is on its way
(在途资金) until the bank credits the same amount, in a text that has one of the rule's words; or until a transfer to
the channel that names it brings it back (提现退回). People may say what else came of it, also of a part; and that a
transfer to the channel is a deposit (充值), which a bank's payment of the same amount was on its way to. Payouts take
credits in order of time: first those that come within the days that the rule gives them, then later ones. Which of two
equal payouts came is nothing that anyone could tell, and nothing that the books would show.
"""

from collections.abc import Iterable, Mapping, Sequence

from flows.reconciliation.model import Open, Paid
from flows.reconciliation.rules import DECIDED, DEPOSIT, PAYOUT, MatchingRules, Payout
from flows.reconciliation.working import Book, Expected, Money
from schemas.money import yuan
from schemas.payments import Share
from schemas.times import DAY, SHANGHAI_OFFSET, business_day, date_of

MISSING = "payout_missing"
"""A payout that has not come."""
ORPHAN = "return_orphan"
"""Money that came back to its channel, and is of no payout that is on its way."""
SENT = "on its way to the bank"
DEPOSITED = "on its way to the channel"
BY_PEOPLE = "a person's decision"
TRANSFER = "/transfer/"
"""Between the account and the number of a transfer's key."""
MOST_CANDIDATES = 20
"""What may have been a payout, as an exception names it."""


def expect_payouts(book: Book, rules: MatchingRules) -> None:
    """What is paid out is on its way."""
    for one in book.monies.values():
        if one.left == one.paid.amount and rules.pays_out(one.paid) is not None:
            book.expect(one, PAYOUT, SENT)


def keep(book: Book, shares: Iterable[Share]) -> list[tuple[Money, Share, int]]:
    """What people said is for money that left, which no rule may use: so much of each payment."""
    kept = []
    for share in sorted(shares, key=lambda one: (one.payment, one.document, one.amount_e4)):
        money, of = book.monies.get(share.payment), book.monies.get(share.document)
        if money is not None and of is not None and (amount := min(share.amount_e4, money.left)) > 0:
            if _is_deposit(money, of, amount):
                book.expect(of, DEPOSIT, DEPOSITED)
            money.left -= amount
            kept.append((money, share, amount))
    return kept


def meet_kept(book: Book, kept: Iterable[tuple[Money, Share, int]], *, payouts: bool) -> None:
    """What people said, as far as it is still missing; what is not needed is left."""
    for money, share, amount in kept:
        if (book.monies[share.document].paid.kind == "transfer") != payouts:
            continue
        money.left += amount
        of = book.expected.get(share.document)
        if of is not None and of.may_be_met_by(money) and (amount := min(amount, of.rest)):
            book.meet(money, of, amount, DECIDED, BY_PEOPLE)


def settle(book: Book, free: Sequence[Money], rules: MatchingRules) -> None:
    """Bring payouts together with what came of them. `free`: payments that no number leads anywhere."""
    for back in sorted(book.monies.values(), key=lambda one: one.order):
        if back.left and rules.comes_back(back.paid):
            _come_back(book, back)
    whole = {key: one for key, one in _payouts(book).items() if one.rest == one.amount}
    credits_ = [one for one in free if one.left == one.paid.amount and rules.receives(one.paid)]
    agreed = {key: _agreed(one.money, rules) for key, one in whole.items()}
    waiting = [one.money for one in whole.values()]
    came = _paired(waiting, credits_, agreed, in_time=True)
    waiting = [one for one in waiting if one.key not in came]
    came |= _paired(waiting, [one for one in credits_ if one not in came.values()], agreed)
    for key, credit in came.items():
        book.meet(credit, whole[key], credit.left, PAYOUT, f"payout {key} has come")


def missing(book: Book, rules: MatchingRules, now: int) -> tuple[list[Open], int]:
    """Payouts of which something has not come, and when the next one has not (0: never)."""
    found, again = [], 0
    for key, one in _payouts(book).items():
        if not one.rest:
            continue
        last = business_day(one.money.paid.time) + _agreed(one.money, rules).days
        over = (last + 1) * DAY - SHANGHAI_OFFSET + rules.patience
        if now < over:
            again = min(again or over, over)
            continue
        text = f"{yuan(one.amount)} was paid out, no bank has credited it through {date_of(last)}"
        if one.rest < one.amount:
            text = f"{yuan(one.amount)} was paid out, {yuan(one.amount - one.rest)} of it has come"
        found.append(Open(MISSING, key, one.rest, text, _candidates(book, one, rules)))
    return found, again


def unclaimed(book: Book, rules: MatchingRules, now: int) -> tuple[list[Open], int]:
    """Money that came back to its channel and is of no payout, and when there is more of it (0: never)."""
    found, again = [], 0
    for key, one in book.monies.items():
        if not one.left or not rules.comes_back(one.paid):
            continue
        over = one.paid.time + rules.patience
        if now < over:
            again = min(again or over, over)
            continue
        account = key.partition(TRANSFER)[0]
        waiting = [of for of, left in _payouts(book).items() if left.rest and of.startswith(f"{account}/")]
        candidates = tuple(sorted(waiting)[:MOST_CANDIDATES])
        found.append(Open(ORPHAN, key, one.left, _why_unclaimed(book, one.paid.original), candidates))
    return found, again


def _why_unclaimed(book: Book, named: str) -> str:
    if not named:
        return "it names no payout that is on its way"
    return (
        f"all of {named} has come already" if named in book.expected else f"no payout {named} is on its way"
    )


def transit_key(payment: Paid, rules: MatchingRules) -> str:
    """Under which a payout, its credit and its return are found; empty: it is none of them."""
    is_one = rules.pays_out(payment) is not None or rules.receives(payment) or rules.comes_back(payment)
    return f"{payment.currency}:{payment.amount}" if is_one else ""


def _is_deposit(money: Money, of: Money, amount: int) -> bool:
    """Whether a transfer to a channel is what a payment that left brought there, all of it."""
    whole = of.paid.kind == "payment" and of.paid.direction == "out" and amount == of.left == of.paid.amount
    return whole and (money.paid.kind, money.paid.direction) == ("transfer", "in")


def _payouts(book: Book) -> dict[str, Expected]:
    return {key: one for key, one in book.expected.items() if one.money.paid.kind == "transfer"}


def _come_back(book: Book, back: Money) -> None:
    """Money that came back to the channel, where it names its payout."""
    of = _named_by(book, back)
    if of is not None and of.may_be_met_by(back) and (amount := min(back.left, of.rest)):
        book.meet(back, of, amount, PAYOUT, f"payout {of.money.key} has come back")


def _named_by(book: Book, back: Money) -> Expected | None:
    """The payout that money which came back names: by its number, or by the voucher's number (业务凭证号) of both,
    where the amounts are the same."""
    if (of := book.expected.get(back.paid.original)) is not None or not back.paid.order:
        return of
    begin = back.key[: back.key.index(TRANSFER) + len(TRANSFER)]
    found = [
        one
        for key, one in _payouts(book).items()
        if key.startswith(begin)
        and back.paid.order in (key.removeprefix(begin), one.money.paid.order)
        and one.amount == back.paid.amount
    ]
    return found[0] if len(found) == 1 else None


def _candidates(book: Book, of: Expected, rules: MatchingRules) -> tuple[str, ...]:
    """Money of the amount that came to the channel again and names no payout."""
    account = of.money.key.partition(TRANSFER)[0]
    found = [
        one.key
        for one in book.monies.values()
        if rules.comes_back(one.paid) and one.key.startswith(f"{account}/") and one.left == of.rest
    ]
    return tuple(sorted(found)[:MOST_CANDIDATES])


def _paired(
    payouts: Sequence[Money],
    credits_: Sequence[Money],
    agreed: Mapping[str, Payout],
    *,
    in_time: bool = False,
) -> dict[str, Money]:
    """By payout the credit of it, each once, as its own rule says; `in_time`: within the rule's days."""
    found: dict[str, Money] = {}
    waiting = sorted(credits_, key=lambda one: one.order)
    for one in sorted(payouts, key=lambda one: one.order):
        rule = agreed[one.key]
        for credit in waiting:
            days = business_day(credit.paid.time) - business_day(one.paid.time)
            if days < 0 or (in_time and days > rule.days) or credit.paid.amount != one.paid.amount:
                continue
            if rule.credited_by(credit.paid):
                found[one.key] = credit
                waiting.remove(credit)
                break
    return found


def _agreed(payout: Money, rules: MatchingRules) -> Payout:
    rule = rules.pays_out(payout.paid)
    assert rule is not None
    return rule
