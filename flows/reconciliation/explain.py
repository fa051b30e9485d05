"""Why a payment was matched, or why not: every rule that was tried, and the candidates that lost."""

from collections.abc import Iterable

from flows.reconciliation.model import Decisions, Due, Paid
from flows.reconciliation.outcome import outcome
from flows.reconciliation.rules import DECIDED, MatchingRules
from schemas.money import yuan
from schemas.times import clock


def explain(
    payment: str,
    dues: Iterable[Due],
    payments: Iterable[Paid],
    decisions: Decisions,
    rules: MatchingRules,
    now: int,
) -> list[str]:
    """Lines for people about the payment or refund of a key, of facts that hang together with it; Shanghai's time."""
    payments = tuple(payments)
    paid = next((one for one in payments if one.key == payment), None)
    if paid is None:
        return [f"{payment}: no such payment"]
    told: dict[str, None] = {}

    def note(key: str, line: str) -> None:
        if key == payment:
            told[line] = None

    result = outcome(dues, payments, decisions, rules, now, note)
    lines = [
        f"{payment}: {paid.kind} {paid.direction}, {yuan(paid.amount)} {paid.currency} at {clock(paid.time)}"
    ]
    lines += told
    if decisions.goes_back(payment, paid.amount):
        lines.append("a person decided that it goes back: no rule may use it")
    elif payment in decisions.to_refund:
        lines.append(f"a person decided that {yuan(decisions.to_refund[payment])} of it goes back")
    found = (*result.matches, *result.transit)
    given = [match for match in found if match.payment == payment]
    lines += [
        f"matched: {yuan(match.amount)} for {match.document} by {match.rule} ({match.evidence})"
        for match in given
    ]
    by_rules = sum(match.amount for match in given if match.rule != DECIDED)
    if by_people := sum(match.amount for match in given if match.rule == DECIDED):
        rest = paid.amount - by_people - by_rules
        lines.append(
            f"people matched {yuan(by_people)} of it, rules {yuan(by_rules)} of what that left; "
            f"{yuan(rest)} is not matched"
        )
    lines += [
        f"open: {yuan(one.amount)}, {one.kind}: {one.evidence}"
        + (f" (looked at: {', '.join(one.candidates)})" if one.candidates else "")
        for one in result.exceptions
        if one.subject == payment
    ]
    told_of = {match.payment for match in found} - result.on_the_way
    told_of |= {one.subject for one in result.exceptions}
    if result.again and payment not in told_of:
        lines.append(f"nothing yet; people are told from {clock(result.again)} on")
    return lines
