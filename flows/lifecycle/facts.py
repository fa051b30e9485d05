"""What a fact changes in a parcel's record, and whether it does: of repeated kinds one counts, whenever it comes.

The latest order, the earliest scan of a kind, at a hub and of a bag, all weights and claims, the newest decision.
Of the scans that end a parcel's way (signed for, gone back, gone on) the earliest.
"""

from flows.lifecycle.parcel import NEVER, Claimed, Decided, Parcel, Weighed, terms_of
from schemas.events import (
    ENDS,
    PICKED_UP,
    SIGNED,
    Claim,
    ClaimWithdrawn,
    Order,
    Scan,
    Weight,
    WeightDecided,
)


def ordered(parcel: Parcel, order: Order) -> bool:
    """A later order replaces an earlier one."""
    if (order.time, order.id) < (parcel.order_time, parcel.order_id):
        return False
    parcel.order_time, parcel.order_id = order.time, order.id
    parcel.origin, parcel.destination, parcel.product = order.origin, order.destination, order.product
    parcel.payment, parcel.customer, parcel.terms = order.payment_e4, order.customer, terms_of(order)
    parcel.declared_g = order.declared_g
    return True


def scanned(parcel: Parcel, scan: Scan, *, couriers: bool) -> bool:
    """The first pick-up counts, and of what ends its way the first; of another end only the first is remembered.

    `couriers`: whether they are remembered, too.
    """
    if scan.operation == PICKED_UP:
        if parcel.picked != NEVER and (scan.time, scan.id) >= (parcel.picked, parcel.picked_id):
            return False
        parcel.picked, parcel.picked_id = scan.time, scan.id
        if couriers:
            parcel.more().picked_by = scan.courier
        return True
    if scan.operation not in ENDS:
        return False
    if scan.operation != SIGNED or (parcel.extra is not None and parcel.extra.ends):
        return _ended(parcel, scan, couriers=couriers)
    if parcel.signed != NEVER and (scan.time, scan.id) >= (parcel.signed, parcel.signed_id):
        return False
    parcel.signed, parcel.signed_id, parcel.ended = scan.time, scan.id, scan.time
    if couriers:
        parcel.more().signed_by = scan.courier
    return True


def _ended(parcel: Parcel, scan: Scan, *, couriers: bool) -> bool:
    """A parcel goes back or on, or did, whenever that was heard of."""
    ends = parcel.more().ends
    if not ends and parcel.signed != NEVER:
        ends[SIGNED] = parcel.signed, parcel.signed_id
    known = ends.get(scan.operation)
    if known is not None and (scan.time, scan.id) >= known:
        return False
    ends[scan.operation] = scan.time, scan.id
    if scan.operation == SIGNED and couriers:
        parcel.more().signed_by = scan.courier
    (time, event_id), operation = _in_time(parcel)[0]
    before = parcel.ended, parcel.signed_id
    parcel.ended = time
    parcel.signed, parcel.signed_id = (time, event_id) if operation == SIGNED else (NEVER, "")
    return before != (parcel.ended, parcel.signed_id)


End = tuple[tuple[int, str], str]
"""Time and id of a scan that ended a parcel's way, and its operation."""


def _in_time(parcel: Parcel) -> list[End]:
    return sorted((first, operation) for operation, first in parcel.more().ends.items())


def contradiction(parcel: Parcel) -> tuple[End, End] | None:
    """The end that counts, and the first that contradicts it; None: a parcel went one way only."""
    ends = _in_time(parcel)
    return (ends[0], ends[1]) if len(ends) > 1 else None


def passed(parcel: Parcel, scan: Scan) -> bool:
    """The first scan at each hub counts."""
    return _first(parcel.more().hubs, scan)


def bagged(parcel: Parcel, scan: Scan) -> bool:
    """The first time at each site that it was put into a bag counts."""
    return _first(parcel.more().bags, scan)


def _first(known: dict[str, tuple[int, str]], scan: Scan) -> bool:
    """Remember the scan by its site, if it is the first there."""
    before = known.get(scan.site)
    if before is not None and (scan.time, scan.id) >= before:
        return False
    known[scan.site] = scan.time, scan.id
    return True


def weighed(parcel: Parcel, weight: Weight) -> None:
    """All weights are kept."""
    parcel.weighings.append(
        Weighed(
            weight.weight_class,
            weight.time,
            weight.id,
            weight.weight_g,
            weight.length_mm * weight.width_mm * weight.height_mm // 1000,
            max(weight.length_mm, weight.width_mm, weight.height_mm),
            weight.site,
        )
    )


def claimed(parcel: Parcel, event: Claim | ClaimWithdrawn) -> None:
    """A claim or its withdrawal, whichever comes first."""
    claims = parcel.more().claims
    if isinstance(event, Claim):
        claim = claims.setdefault(event.id, Claimed())
        claim.kind, claim.time, claim.amount = event.kind, event.time, event.amount_e4
        claim.responsible, claim.beneficiary = event.responsible, event.beneficiary
    else:
        claims.setdefault(event.claim, Claimed()).withdrawn += 1


def decided(parcel: Parcel, event: WeightDecided) -> bool:
    """A person's decision; the newest one counts."""
    known = parcel.decision
    if known is not None and (event.time, event.id) < (known.time, known.id):
        return False
    override = event.decision == "override"
    grams, volume = (event.weight_g, event.volume_cm3) if override else (0, 0)
    parcel.decision = Decided(event.time, event.id, grams, volume, event.weight_event)
    return True
