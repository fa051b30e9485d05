"""What a fact changes in a parcel's record, and whether it does: of repeated kinds one counts, whenever it comes.

The latest order, the earliest scan of a kind and at a hub, all weights and claims, the newest decision.
"""

from flows.lifecycle.dues import Dues
from flows.lifecycle.parcel import NEVER, Claimed, Decided, Parcel, Weighed, terms_of
from schemas.events import (
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


def scanned(parcel: Parcel, scan: Scan, dues: Dues) -> bool:
    """The first pick-up and the first signature count."""
    if scan.operation == PICKED_UP:
        if parcel.picked != NEVER and (scan.time, scan.id) >= (parcel.picked, parcel.picked_id):
            return False
        parcel.picked, parcel.picked_id = scan.time, scan.id
        if dues.by_the_piece:
            parcel.more().picked_by = scan.courier
        return True
    if scan.operation != SIGNED or (
        parcel.signed != NEVER and (scan.time, scan.id) >= (parcel.signed, parcel.signed_id)
    ):
        return False
    parcel.signed, parcel.signed_id = scan.time, scan.id
    if dues.by_the_piece:
        parcel.more().signed_by = scan.courier
    return True


def passed(parcel: Parcel, scan: Scan) -> bool:
    """The first scan at each hub counts."""
    hubs = parcel.more().hubs
    known = hubs.get(scan.site)
    if known is not None and (scan.time, scan.id) >= known:
        return False
    hubs[scan.site] = scan.time, scan.id
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
    if event.decision == "override":
        parcel.decision = Decided(event.time, event.id, event.weight_g, event.volume_cm3, "")
    else:
        parcel.decision = Decided(event.time, event.id, 0, 0, event.weight_event)
    return True
