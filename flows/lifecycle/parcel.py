"""A parcel's record: the facts that its charges depend on, and what is booked for it."""

from collections.abc import Callable

import msgspec

from flows.governance.chains import LATER
from flows.lifecycle.fees import FINISHED

NEVER = -1
UNRANKED = 99


class Breach(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An open breach of a scan-chain rule: the scan after which its clock ran, and who answers for it."""

    rule: str
    operation: str
    since: int
    """When that scan was, UTC ms."""
    due: int
    site: str
    outlet: str


class Parcel(msgspec.Struct, array_like=True, gc=False):
    """One waybill. Times are UTC ms (`NEVER`: not yet), amounts units of 0.0001 yuan, weights grams."""

    key: str
    """The waybill number."""
    place: int
    epoch: int
    at: int
    """Data time when it was last touched."""
    seen: bytes = b""
    """Per accepted event 8 bytes of its id's hash and 4 of its content's."""

    order_time: int = NEVER
    order_id: str = ""
    origin: str = ""
    destination: str = ""
    product: str = ""
    payment: int = 0

    picked: int = NEVER
    picked_id: str = ""
    signed: int = NEVER
    signed_id: str = ""

    weight_class: str = ""
    """The best weight's; how good it is the policy in force says."""
    weight_time: int = NEVER
    weight_id: str = ""
    weight_g: int = 0
    volume_cm3: int = 0
    weight_site: str = ""
    measured_g: int = 0
    """The best measured weight so far, to notice differences; 0: none."""
    adopted: str = ""
    """The event whose weight is in force."""

    done: int = 0
    """Dues that are booked, a bit set."""
    waits: int = 0
    """Reasons of waiting, two bits a due."""
    booked: list[int] = []
    """Per due: amount, time and revision of the charge in force."""

    trail: bytes | None = None
    """Its scans for the rules of scan chains (`governance.chains`, eight bytes each); None: it is not watched."""
    look: int = LATER
    """When its scan chain wants to be looked at; stored, it may be too early, never too late."""
    breaches: list[Breach] = []
    """Open breaches, in order of the rules."""


def over(kept: int) -> Callable[[Parcel, int], bool]:
    """Forget a finished parcel `kept` ms of data time after it was last touched.

    That is when no repeat of its events could still be accepted: the age beyond which events are refused, and
    as far as an event may lie in the future.
    """

    def is_over(parcel: Parcel, now: int) -> bool:
        return parcel.at < now - kept and parcel.done & FINISHED == FINISHED and not parcel.waits

    return is_over
