"""A parcel's record: the facts that its charges depend on, and what is booked for it."""

from collections.abc import Callable

import msgspec

from flows.lifecycle.fees import FINISHED
from flows.rating.facts import Stay, Terms

NEVER = -1
UNRANKED = 99


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
    customer: str = ""
    payment: int = 0
    terms: Terms | None = None
    """What only few orders say; None: an ordinary order."""

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
    longest_mm: int = 0
    weight_site: str = ""
    hubs: tuple[str, ...] = ()
    """Hubs passed, in order of their codes."""
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
    month_parcels: int = 0
    """The customer's parcels in the month so far."""

    @property
    def month_amount(self) -> int:
        """A parcel has no bill of its own."""
        return 0

    @property
    def stay(self) -> Stay | None:
        """A parcel is not in a store."""
        return None


def over(kept: int) -> Callable[[Parcel, int], bool]:
    """Forget a finished parcel `kept` ms of data time after it was last touched.

    That is when no repeat of its events could still be accepted: the age beyond which events are refused, and
    as far as an event may lie in the future.
    """

    def is_over(parcel: Parcel, now: int) -> bool:
        return parcel.at < now - kept and parcel.done & FINISHED == FINISHED and not parcel.waits

    return is_over
