"""What a parcel should be charged, from its facts and the published rules: the auditor's own judgement."""

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec

from deploy.audit.eras import Era
from deploy.audit.facts import Facts
from deploy.audit.postings import DESTINATION, ORIGIN, PARTIES
from deploy.audit.tariffs import Policy, Price, Row, price
from deploy.audit.weights import case, choose, is_decided

EPOCH = date(1970, 1, 1)
EAST_8 = 8 * 3_600_000
"""Shanghai's clocks are ahead of UTC by this many ms."""
HOUR = 3_600_000
DAY = 24 * HOUR
E4 = 10_000

NO_ORDER, NO_WEIGHT, NO_PRICE = "no_order", "no_weight", "no_price"
UNDECIDED = "weight_undecided"
DUES = {
    "freight": ("freight",),
    "waybill": ("waybill",),
    "transit": ("transit",),
    "delivery": ("delivery_collected", "delivery_paid"),
}
"""By what falls due: the fees that are charged for it."""


class Weighing(msgspec.Struct, frozen=True):
    """The weight that counts, and when it may be adopted (`due`, UTC ms; None: not until it is signed for)."""

    event_id: str
    time: int
    weight_class: str
    grams: int
    cm3: int
    site: str
    seq: int
    due: int | None
    after: bool
    """By a deadline that starts with the signature."""


class Due(msgspec.Struct, frozen=True):
    """What should have become of something that is due: it is charged, or (`waits`) it waits."""

    name: str
    time: int = 0
    waits: str = ""
    cause: str = ""
    units: int = 0
    """Amount in 0.0001 yuan."""
    seqs: tuple[int, ...] = ()
    """Blocks in which the facts came that it is assessed by."""
    row: Row | None = None
    price: Price | None = None
    weighing: Weighing | None = None

    @property
    def day(self) -> int:
        """Business day, days since 1970-01-01."""
        return (self.time + EAST_8) // DAY


def policy_of(facts: Facts, era: Era) -> Policy:
    """The weight policy for a parcel; the usual one before its order is known."""
    return era.policy_of(facts.product, facts.origin, facts.destination) if facts.order_id else era.policy


def weighing(facts: Facts, era: Era) -> Weighing | None:
    """The weight that counts, unless it can never be adopted."""
    policy = policy_of(facts, era)
    best = choose(facts, policy)
    if not best.event_id:
        return None
    rule, hours = "at_once", 0
    if best.weight_class in policy.classes:
        rank = policy.classes.index(best.weight_class)
        rule, hours = policy.adopt[rank], policy.hours[rank]
    elif not is_decided(facts, best):
        return None
    due: int | None = best.time
    if rule != "at_once":
        due = None
        if facts.signed_id:
            due = max(best.time, facts.signed) if rule == "when_signed" else facts.signed + hours * HOUR
    seq = max(best.seq, facts.decision.seq) if is_decided(facts, best) else best.seq
    return Weighing(
        best.event_id,
        best.time,
        best.weight_class,
        best.grams,
        best.cm3,
        best.site,
        seq,
        due,
        rule == "after_signed",
    )


def dues(facts: Facts, era: Era, passed: int | None) -> Iterator[Due]:
    """Everything that is due for a parcel under the rules of an era.

    `passed`: data time, by which a deadline has passed or has not.
    """
    best = weighing(facts, era)
    adopted = best if best is not None and best.due is not None and _has_come(best, passed) else None
    if facts.picked_id:
        if facts.order_id and facts.payment:
            seqs = facts.order_seq, facts.picked_seq
            yield Due("freight", facts.picked, cause=facts.picked_id, units=facts.payment, seqs=seqs)
        yield _priced("waybill", facts, era, facts.picked, facts.picked_id, (facts.picked_seq,), adopted)
    if adopted is not None and adopted.due is not None:
        since = (adopted.seq, facts.signed_seq) if adopted.due != adopted.time else (adopted.seq,)
        yield _priced("transit", facts, era, adopted.due, adopted.event_id, since, adopted)
    elif facts.signed_id:
        reason = NO_WEIGHT if facts.order_id else NO_ORDER
        yield Due("transit", facts.signed, waits=reason, seqs=(facts.signed_seq,))
    if facts.signed_id:
        yield _priced("delivery", facts, era, facts.signed, facts.signed_id, (facts.signed_seq,), adopted)


def _has_come(best: Weighing, passed: int | None) -> bool:
    return not best.after or passed is None or (best.due is not None and best.due <= passed)


def _priced(
    fee: str, facts: Facts, era: Era, time: int, cause: str, seqs: tuple[int, ...], adopted: Weighing | None
) -> Due:
    if not facts.order_id:
        return Due(fee, time, NO_ORDER, cause, seqs=seqs)
    seqs = (*seqs, facts.order_seq)
    day = EPOCH + timedelta(days=(time + EAST_8) // DAY)
    row = era.prices.best(fee, day, facts.origin, facts.destination, facts.product)
    if row is None:
        return Due(fee, time, NO_PRICE, cause, seqs=seqs)
    if row.flat:
        cost = price(row, 0, adopted.cm3 if adopted else 0)
        return Due(fee, time, "", cause, int(cost.amount * E4), seqs, row, cost)
    if adopted is None:
        return Due(fee, time, NO_WEIGHT, cause, seqs=seqs)
    differing = case(facts, policy_of(facts, era))
    if differing is not None and differing.undecided and differing.on_difference == "wait":
        return Due(fee, time, UNDECIDED, cause, seqs=(*seqs, *(one.seq for one in facts.weights)))
    cost = price(row, adopted.grams, adopted.cm3)
    return Due(fee, time, "", cause, int(cost.amount * E4), (*seqs, adopted.seq), row, cost, adopted)


def parties(fee: str, facts: Facts) -> tuple[str, str]:
    """Payer and payee."""
    outlets = {ORIGIN: facts.origin, DESTINATION: facts.destination}
    payer, payee = PARTIES[fee]
    return outlets.get(payer, payer), outlets.get(payee, payee)
