"""From what was told to what holds: a payment of its tellings, a due of its words.

Each is a function of the set of what was told, so that the order of telling cannot show.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from flows.reconciliation.model import Due, Paid
from flows.reconciliation.record import PaymentRecord
from flows.reconciliation.threeway import ALONE, Billed, best, in_currency
from schemas.identity import HASHED
from schemas.payments import (
    BillComplete,
    BillLine,
    BillLines,
    BillRefused,
    CloseAsked,
    Named,
    Payment,
    PaymentDecided,
    Receivable,
    ReceivableCancelled,
    ReopenAsked,
    Share,
)
from schemas.times import date_of, day_of

Word = TypeVar(
    "Word",
    bound=Receivable
    | ReceivableCancelled
    | PaymentDecided
    | CloseAsked
    | ReopenAsked
    | BillLines
    | BillComplete
    | BillRefused,
)
_WRITTEN = (
    *("id", "group", "document", "party", "payer", "text", "reason", "by", "exception", "payment", "of"),
    *("bill", "file", "detail", "statement"),
)
"""Fields of what others write that go into tables."""
_IN_LINES = ("number", "order", "original", "payer", "text")
RANK = {"pending": 0, "failed": 1, "closed": 1, "success": 2}
"""What was told with a higher rank counts: money that came is not undone by a later word about its order."""
_LATER = ("fee_e4", "settled", "payer", "order", "original", "text")
"""What one telling may lack and another one has."""
_SAME = ("amount_e4", "currency", "direction", "order", "original", "payer")
"""What all tellings of money that moved must agree in."""


def holds(told: tuple[Payment, ...]) -> Payment:
    """The payment that its tellings come to: the highest state, as it was told first; the rest fills it in."""
    if len(told) == 1:
        return told[0]
    best = max(RANK[one.state] for one in told)
    first = min((one for one in told if RANK[one.state] == best), key=lambda one: (one.time, repr(one)))
    others = sorted(told, key=lambda one: (-RANK[one.state], one.time, repr(one)))
    filled = {
        name: value
        for name in _LATER
        if getattr(first, name) in (None, "")
        and (value := next((v for one in others if (v := getattr(one, name)) not in (None, "")), None))
        is not None
    }
    return msgspec.structs.replace(first, **filled) if filled else first


def current(record: PaymentRecord) -> Payment | None:
    """The payment of a record: as it was notified, or else as bills tell it; None: nothing is known of it yet.

    What the channel took of it, and when it settles, bills know best; a fee in another currency is none of its own. Of
    what nothing but a fee is known, that is a payment of no amount, which waits until its trade comes or a person
    accepts it. What only a bill told that does not count (any more) is closed.
    """
    notified = holds(record.told) if record.told else None
    if not record.billed and not record.aside:
        return notified
    known = notified
    if (notified is None or notified.state != "success") and (by_bill := record.by_bill):
        known = holds((*record.told, *by_bill))
    if known is None and record.alone:
        known = _alone(record)
    if known is None:
        former = record.former
        return msgspec.structs.replace(holds(former), state="closed", fee_e4=None) if former else None
    if not record.billed:
        return known
    of = best(record.billed)
    fee = of.fee if of.currency == known.currency else _fee_of(known, record.billed)
    return msgspec.structs.replace(known, fee_e4=fee, settled=known.settled or date_of(of.day))


def moved(payment: Payment) -> bool:
    """Whether money moved: a fee alone moves none that has to be matched."""
    return payment.state == "success" and payment.amount_e4 > 0


def _fee_of(payment: Payment, billed: tuple[Billed, ...]) -> int | None:
    """What bills in a payment's own currency say that was taken of it, or else as it was notified."""
    ours = in_currency(billed, payment.currency)
    return best(ours).fee if ours else payment.fee_e4


def _alone(record: PaymentRecord) -> Payment:
    """A fee of a trade that nobody knows."""
    of = best(record.billed).currency
    fee = holds(tuple(one for one in record.alone if one.currency == of))
    if fee.state != "success" or any(told.kind == ALONE and told.accepted for told in record.open):
        return fee
    return msgspec.structs.replace(fee, state="pending")


def contradicts(told: tuple[Payment, ...]) -> str:
    """In what the tellings of money that moved differ, for people; empty: in nothing."""
    if len(told) == 1:
        return ""
    tellings = [one for one in told if one.state == "success"]
    for name in _SAME:
        values = {value for one in tellings if (value := getattr(one, name)) != ""}
        if len(values) > 1:
            return f"{name} was told as " + " and ".join(sorted(map(str, values)))
    return ""


def original_of(payment: Payment) -> str:
    """Key of the payment that a refund or chargeback takes back, or of the payout that a transfer brings back; empty:
    it does not say."""
    if not payment.original:
        return ""
    of = "transfer" if payment.kind == "transfer" else "payment"
    return f"{payment.account}/{of}/{payment.original}"


def paid_of(payment: Payment, party: str = "") -> Paid:
    """A payment as matching sees it. `party`: whose the payer's token is."""
    return Paid(
        payment.key,
        payment.kind,
        payment.amount_e4,
        payment.time,
        payment.direction,
        payment.order,
        original_of(payment),
        payment.currency,
        payment.payer,
        party,
        payment.text,
    )


def named(text: str, scrub: Callable[[str], str]) -> str:
    """A name or text without anything that could be a card's number.

    A name that is a hash stays, though its digits may look like one: whoever said it waits for it.
    """
    return text if HASHED.fullmatch(text) else scrub(text)


def scrubbed(event: Word, scrub: Callable[[str], str]) -> Word:
    """What others write, without anything in its numbers and texts that could be a card's number."""
    written = [name for name in _WRITTEN if name in event.__struct_fields__]
    changed: dict[str, Any] = {name: named(getattr(event, name), scrub) for name in written}
    if isinstance(event, Receivable):
        changed["references"] = tuple(map(scrub, event.references))
    elif isinstance(event, PaymentDecided):
        changed["shares"] = tuple(
            Share(scrub(one.payment), scrub(one.document), one.amount_e4) for one in event.shares
        )
    elif isinstance(event, CloseAsked):
        changed["named"] = tuple(Named(named(one.item, scrub), scrub(one.reason)) for one in event.named)
    elif isinstance(event, BillLines):
        changed["lines"] = tuple(_scrubbed_line(line, scrub) for line in event.lines)
    return msgspec.structs.replace(event, **changed)


def _scrubbed_line(line: BillLine, scrub: Callable[[str], str]) -> BillLine:
    """As a rule the very same: whoever sends bills has done so before."""
    found = {
        name: other for name in _IN_LINES if (text := getattr(line, name)) and (other := scrub(text)) != text
    }
    return msgspec.structs.replace(line, **found) if found else line


def due_of(event: Receivable) -> Due:
    """A due as its word has it."""
    return Due(
        event.document,
        event.kind,
        event.party,
        event.amount_e4,
        event.time,
        event.direction,
        event.currency,
        day_of(event.due_day) if event.due_day is not None else 0,
        tuple(sorted(event.references)),
        event.payer,
        event.partial,
        event=event.id,
        settle=event.settle,
    )
