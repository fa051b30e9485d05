"""What hangs together: the dues and payments whose outcome a new fact can change.

A lane keeps two indexes, keys to dues and keys to payments, and what the last outcome said of each (`pooled`,
`settled`). `component` follows the keys from what has changed. Of a fact that takes another's place (an amended
due), take the component of the old one and that of the new one together.
"""

from collections.abc import Iterable
from typing import Protocol

from flows.reconciliation.model import Due, Paid
from flows.reconciliation.payouts import transit_key
from flows.reconciliation.quoted import calls, numbers_of_due, numbers_of_payment
from flows.reconciliation.rules import MatchingRules
from schemas.times import DAY

NUMBER, PAYER, PARTY, AMOUNT, ORIGINAL, TRANSIT = "n:", "t:", "p:", "a:", "r:", "o:"
"""How keys begin: a number in its normal form, a payer's token, a party, an amount on a day, a refunded payment, an
amount that is paid out."""
ALWAYS = (NUMBER, ORIGINAL, TRANSIT)
"""Of those: what a payment is found by whether or not a number leads to a due."""


class Facts(Protocol):
    """What a lane knows, as `component` asks it. Order does not matter."""

    def due(self, document: str) -> Due | None:
        """The due of a document."""

    def payment(self, key: str) -> Paid | None:
        """The payment of a key."""

    def dues_by(self, key: str) -> Iterable[str]:
        """Documents of the dues that have a key (`keys_of_due`)."""

    def payments_by(self, key: str) -> Iterable[str]:
        """Keys of the payments that have a key (`keys_of_payment`)."""

    def pooled(self, key: str) -> bool:
        """Whether the last outcome named the payment in `pooled`."""

    def settled(self, document: str) -> bool:
        """Whether the last outcome named the document in `settled`."""

    def decided_with(self, name: str) -> Iterable[str]:
        """Payments that people's shares give to a document; documents that they give a payment to."""


def keys_of_due(due: Due, rules: MatchingRules) -> tuple[str, ...]:
    """All keys under which a due is found."""
    keys = [NUMBER + number for number in numbers_of_due(due)]
    return (*keys, *_pool_keys_of_due(due, rules))


def keys_of_payment(payment: Paid, rules: MatchingRules) -> tuple[str, ...]:
    """All keys under which a payment is found."""
    keys = [NUMBER + number for number in numbers_of_payment(payment)]
    if payment.original:
        keys.append(ORIGINAL + payment.original)
    if rules.payout and (transit := transit_key(payment, rules)):
        keys.append(TRANSIT + transit)
    return (*keys, *_pool_keys_of_payment(payment, rules))


def for_pool(payment: Paid) -> bool:
    """Whether rules without numbers may look at a payment: money from outside that carries no order's number."""
    return payment.kind == "payment" and not payment.order


def component(
    documents: Iterable[str], payments: Iterable[str], facts: Facts, rules: MatchingRules
) -> tuple[list[Due], list[Paid]]:
    """Everything whose outcome may depend on these documents and payments, in order of their names."""
    dues: dict[str, Due] = {}
    paid: dict[str, Paid] = {}
    waiting = [(True, name) for name in documents] + [(False, name) for name in payments]
    while waiting:
        is_due, name = waiting.pop()
        if is_due:
            if name not in dues and (due := facts.due(name)) is not None:
                dues[name] = due
                waiting += [(False, key) for key in _around_due(due, facts, rules)]
        elif name not in paid and (payment := facts.payment(name)) is not None:
            paid[name] = payment
            found, others = _around_payment(payment, facts, rules)
            waiting += [(True, document) for document in found]
            waiting += [(False, key) for key in others]
    return [dues[name] for name in sorted(dues)], [paid[name] for name in sorted(paid)]


def _around_due(due: Due, facts: Facts, rules: MatchingRules) -> list[str]:
    """Payments next to a due."""
    found = list(facts.decided_with(due.document))
    for number in numbers_of_due(due):
        found += facts.payments_by(NUMBER + number)
    for key in _pool_keys_of_due(due, rules):
        found += [
            name
            for name in facts.payments_by(key)
            if facts.pooled(name) or ((paid := facts.payment(name)) is not None and not _called(paid, facts))
        ]
    return found


def _around_payment(payment: Paid, facts: Facts, rules: MatchingRules) -> tuple[list[str], list[str]]:
    """Dues and payments next to a payment."""
    decided = list(facts.decided_with(payment.key))
    dues, others = decided, [*decided, *facts.payments_by(ORIGINAL + payment.key)]
    if payment.original:
        others.append(payment.original)
    if rules.payout and (transit := transit_key(payment, rules)):
        others += facts.payments_by(TRANSIT + transit)
    for number in numbers_of_payment(payment):
        dues += facts.dues_by(NUMBER + number)
    if facts.pooled(payment.key) or not _called(payment, facts):
        for key in _pool_keys_of_payment(payment, rules):
            dues += [name for name in facts.dues_by(key) if not facts.settled(name)]
    return dues, others


def _called(payment: Paid, facts: Facts) -> bool:
    """Whether a payment is taken to mean a due by a number of its own."""
    return any(
        (due := facts.due(name)) is not None and calls(payment, number, due)
        for number in numbers_of_payment(payment)
        for name in facts.dues_by(NUMBER + number)
    )


def _pool_keys_of_due(due: Due, rules: MatchingRules) -> list[str]:
    if due.account:
        return []
    keys = [PARTY + due.party] if due.party else []
    if due.payer:
        keys.append(PAYER + due.payer)
    elif any(rule.covers(due.direction) for rule in rules.of("amount_in_window")):
        keys.append(f"{AMOUNT}{due.currency}:{due.direction}:{due.amount}:{due.time // DAY}")
    return keys


def _pool_keys_of_payment(payment: Paid, rules: MatchingRules) -> list[str]:
    if not for_pool(payment):
        return []
    keys = [PAYER + payment.payer] if payment.payer else []
    if payment.party:
        return [*keys, PARTY + payment.party]
    days = {
        day
        for rule in rules.of("amount_in_window")
        if rule.covers(payment.direction)
        for day in range(
            (payment.time - (rule.before or 0)) // DAY, (payment.time + (rule.after or 0)) // DAY + 1
        )
    }
    start = f"{AMOUNT}{payment.currency}:{payment.direction}:{payment.amount}:"
    return [*keys, *(f"{start}{day}" for day in sorted(days))]
