"""What a parcel should be charged, from its facts and the published rules: the auditor's own judgement."""

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec

from deploy.audit.eras import UNRANKED, Era
from deploy.audit.facts import Facts
from deploy.audit.postings import DESTINATION, ORIGIN, PARTIES
from deploy.audit.tariffs import Price, Row, price

EPOCH = date(1970, 1, 1)
EAST_8 = 8 * 3_600_000
"""Shanghai's clocks are ahead of UTC by this many ms."""
HOUR = 3_600_000
DAY = 24 * HOUR
E4 = 10_000

NO_ORDER, NO_WEIGHT, NO_PRICE, NO_PICKUP = "no_order", "no_weight", "no_price", "no_pickup"
ABANDONED = "abandoned"
"""What is said of everything that was never charged of a parcel when it is given up."""
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


def weighing(facts: Facts, era: Era) -> Weighing | None:
    """The best weight: the best class of the policy, in it the earliest."""
    policy = era.policy
    found: list[tuple[tuple[int, int, str], str, int, int, str, int]] = []
    if facts.weight_id:
        key = facts.weight_rank, facts.weight_time, facts.weight_id
        found.append(
            (
                key,
                facts.weight_class,
                facts.weight_g,
                facts.volume_cm3,
                facts.weight_site,
                facts.weight_seq,
            )
        )
    if facts.order_id and facts.declared_g and facts.declared_rank < UNRANKED:
        key = facts.declared_rank, facts.order_time, facts.order_id
        found.append((key, "declared", facts.declared_g, 0, "", facts.order_seq))
    if not found:
        return None
    (_, time, event_id), weight_class, grams, cm3, site, seq = min(found)
    if weight_class not in policy.classes:
        return None
    rank = policy.classes.index(weight_class)
    rule = policy.adopt[rank]
    due: int | None = time
    if rule != "at_once":
        due = None
        if facts.signed_id:
            due = (
                max(time, facts.signed) if rule == "when_signed" else facts.signed + policy.hours[rank] * HOUR
            )
    return Weighing(event_id, time, weight_class, grams, cm3, site, seq, due, rule == "after_signed")


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
    elif facts.signed_id:
        yield Due("waybill", facts.signed, waits=NO_PICKUP, seqs=(facts.signed_seq,))
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
    cost = price(row, adopted.grams, adopted.cm3)
    return Due(fee, time, "", cause, int(cost.amount * E4), (*seqs, adopted.seq), row, cost, adopted)


def parties(fee: str, facts: Facts) -> tuple[str, str]:
    """Payer and payee."""
    outlets = {ORIGIN: facts.origin, DESTINATION: facts.destination}
    payer, payee = PARTIES[fee]
    return outlets.get(payer, payer), outlets.get(payee, payee)
