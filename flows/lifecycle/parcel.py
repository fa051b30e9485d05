"""A parcel's record: the facts that its charges depend on, and what is booked for it."""

from collections.abc import Callable

import msgspec

from flows.governance.chains import LATER
from flows.lifecycle.fees import FINISHED
from flows.rating.policy import CHARGE

NEVER = -1
OPEN, SETTLED = 1, 2
"""A case's status: someone should decide; someone has."""


class Breach(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An open breach of a scan-chain rule: the scan after which its clock ran, and who answers for it."""

    rule: str
    operation: str
    since: int
    """When that scan was, UTC ms."""
    due: int
    site: str
    outlet: str


class Weighed(msgspec.Struct, array_like=True, gc=False):
    """A weight: who weighed, when (UTC ms), under which event's id, grams, volume (0: not measured), where."""

    weight_class: str
    time: int
    id: str
    weight_g: int
    volume_cm3: int
    site: str
    remarked: bool = False
    """It was shown as implausible."""


class Decided(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The newest decision about a parcel's weight: grams and cm³, or (0 g) the event whose weight stays."""

    time: int
    id: str
    weight_g: int
    volume_cm3: int
    weight_event: str


class Case(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Differing weights: see `lifecycle.weighing`. Events by their ids; an empty `decision`: there is none."""

    status: int
    kept: str
    other: str
    treatment: str
    decision: str


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
    adopted: str = ""
    """The event whose weight is in force."""

    done: int = 0
    """Dues that are booked, a bit set."""
    waits: int = 0
    """Reasons of waiting, two bits a due."""
    booked: list[int] = []
    """Per due: amount, time and revision of the charge in force."""

    declared_g: int = 0
    """By the order; 0: nothing was declared."""
    weighings: list[Weighed] = []
    """All measured weights, in order of arrival."""
    decision: Decided | None = None
    case: Case | None = None
    books: int = 0
    """How many tariff books were published when its weight was last chosen."""

    trail: bytes | None = None
    """Its scans for the rules of scan chains (`governance.chains`, eight bytes each); None: it is not watched."""
    look: int = LATER
    """When its scan chain wants to be looked at; stored, it may be too early, never too late."""
    breaches: list[Breach] = []
    """Open breaches, in order of the rules."""


def pending(case: Case) -> bool:
    """Whether charges depend on a decision that nobody has made yet."""
    return case.status == OPEN and case.treatment != CHARGE


def over(kept: int) -> Callable[[Parcel, int], bool]:
    """Forget a finished parcel `kept` ms of data time after it was last touched.

    That is when no repeat of its events could still be accepted: the age beyond which events are refused, and
    as far as an event may lie in the future. A parcel whose charges depend on someone's decision is kept for it.
    """

    def is_over(parcel: Parcel, now: int) -> bool:
        return (
            parcel.at < now - kept
            and parcel.done & FINISHED == FINISHED
            and not parcel.waits
            and (parcel.case is None or not pending(parcel.case))
        )

    return is_over
