"""Payouts (提现): what a channel pays out of its balance, until the bank's credit of it comes.

A payout is a transfer that leaves a channel, and a `[[payout]]` of `matching.toml` says which. It is on its way
(在途资金) until the bank credits the same amount, in a text that has one of the rule's words. Payouts take credits in
order of time: first those that come within the days that the rule gives them, then later ones. Which of two equal
payouts came is nothing that anyone could tell, and nothing that the books would show.
"""

from collections.abc import Iterable, Mapping, Sequence

from flows.reconciliation.model import Match, Open, Paid
from flows.reconciliation.rules import PAYOUT, MatchingRules, Payout
from flows.reconciliation.working import Money
from schemas.money import yuan
from schemas.times import DAY, SHANGHAI_OFFSET, business_day, date_of

MISSING = "payout_missing"
"""A payout that has not come."""
SENT = "on its way to the bank"


def settle(
    monies: Iterable[Money], free: Sequence[Money], rules: MatchingRules, now: int
) -> tuple[list[Match], list[Open], int]:
    """Pair payouts with credits: matches, payouts that have not come, and when the next one has not (0: never).

    `free`: payments that no number leads anywhere. What is paired, and each payout, has nothing left.
    """
    payouts = [one for one in monies if one.left == one.paid.amount and rules.pays_out(one.paid) is not None]
    if not payouts:
        return [], [], 0
    credits_ = [one for one in free if one.left == one.paid.amount and rules.receives(one.paid)]
    agreed = {one.key: _agreed(one, rules) for one in payouts}
    came = _paired(payouts, credits_, agreed, in_time=True)
    waiting = [one for one in payouts if one.key not in came]
    came |= _paired(waiting, [one for one in credits_ if one not in came.values()], agreed)
    matches = []
    for one in payouts:
        one.left = 0
        matches.append(Match(one.key, one.key, one.paid.amount, PAYOUT, SENT))
        if (credit := came.get(one.key)) is not None:
            credit.left = 0
            evidence = f"payout {one.key} has come"
            matches.append(Match(credit.key, one.key, one.paid.amount, PAYOUT, evidence))
    missing, again = [], 0
    for one in payouts:
        last = business_day(one.paid.time) + agreed[one.key].days
        over = (last + 1) * DAY - SHANGHAI_OFFSET + rules.patience
        if one.key in came:
            continue
        if now < over:
            again = min(again or over, over)
            continue
        text = f"{yuan(one.paid.amount)} was paid out, no bank has credited it through {date_of(last)}"
        missing.append(Open(MISSING, one.key, one.paid.amount, text))
    return matches, missing, again


def transit_key(payment: Paid, rules: MatchingRules) -> str:
    """Under which a payout and its credit are found; empty: it is neither."""
    is_one = rules.pays_out(payment) is not None or rules.receives(payment)
    return f"{payment.currency}:{payment.amount}" if is_one else ""


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
