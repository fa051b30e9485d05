"""Dues that are paid from their party's virtual account: what is asked for, and how what was taken is booked.

What should be taken is what a due asks for, less what is given up of it and what payments have paid: a function of all
facts but the deduction itself, which so never competes with payments. All of it is taken or nothing. When it should be
another amount, or another party's, it goes back and is asked for anew, under another number. In the books it is a
payment through the channel `account` whose merchant is the party: state `closed` when it has gone back.
"""

from collections.abc import Iterator

from flows.journal.deductions import Ask
from flows.reconciliation.model import CURRENCY, Open
from flows.reconciliation.posting import rule_of_match, rule_of_payment
from flows.reconciliation.record import RECEIPT, Booked, Deduction, DueRecord
from flows.reconciliation.rules import ACCOUNT
from schemas.identity import content_id
from schemas.money import yuan
from schemas.payments import ACCOUNT_CHANNEL, Payment, State

REFUSED = "deduction_refused"


def number_of(record: DueRecord, now: int) -> str:
    """The number of a due's newest deduction, asked for at data time `now`."""
    return content_id("ded", record.group, record.document, str(record.asks), str(now))


def ask_of(record: DueRecord, asked: Deduction, *, back: bool) -> Ask:
    """What the accounts flow is told."""
    return Ask(asked.number, asked.party, record.group, record.document, asked.amount, asked.asked, back)


def payment_of(record: DueRecord, taken: Deduction, state: State = "success") -> Payment:
    """What was taken, as a payment."""
    return Payment(
        channel=ACCOUNT_CHANNEL,
        merchant=taken.party,
        group=record.group,
        number=taken.number,
        kind="payment",
        state=state,
        amount_e4=taken.amount,
        time=taken.time,
        order=record.document,
    )


def vouchers_of(taken: Deduction) -> Iterator[tuple[str, Booked]]:
    """What is booked of it: the money that came, and that it pays the due."""
    facts, when = (taken.amount, 0, True), (taken.time, CURRENCY)
    rule, party = rule_of_payment("in"), f"{ACCOUNT_CHANNEL}/{taken.party}"
    yield RECEIPT, Booked(*facts, rule, party, *when, day=taken.day)
    rule, evidence = rule_of_match("", "in", "in"), "deducted from the account"
    yield "match", Booked(*facts, rule, taken.party, *when, ACCOUNT, evidence, taken.day)


def refused(document: str, asked: Deduction) -> Open:
    """What people are asked about a deduction that waits."""
    evidence = f"{asked.reason}: {asked.party} may spend {yuan(asked.available)}"
    return Open(REFUSED, document, asked.amount, evidence)
