"""A parcel's record: the facts that its charges depend on, and what is booked for it."""

from collections.abc import Callable, Container

import msgspec

from flows.governance.chains import LATER
from flows.lifecycle.reasons import Waits
from flows.rating.facts import Stay, Terms
from flows.rating.policy import CHARGE
from schemas.events import Order, each_once

NEVER = -1
FOREVER = 1 << 42
"""Later than any time."""
Line = tuple[str, str, str]
"""Origin outlet, destination outlet and product of an order; empty: there is none."""


def terms_of(order: Order) -> Terms | None:
    """An order's terms; None for an ordinary one."""
    if (
        order.pieces == 1
        and order.direction == "forward"
        and not (
            order.channel
            or order.insured_e4
            or order.cod_e4
            or order.promised_hours
            or order.billing
            or order.related
            or order.services
        )
    ):
        return None
    redirected = order.direction == "forward" and order.related
    return Terms(
        pieces=order.pieces,
        channel=order.channel,
        billing=order.billing,
        direction="redirect" if redirected else order.direction,
        insured=order.insured_e4,
        cod=order.cod_e4,
        promised_h=order.promised_hours,
        related=order.related,
        services=each_once(order.services),
    )


OPEN, SETTLED = 1, 2
"""A case's status: someone should decide; someone has."""


class Breach(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A breach of a scan-chain rule: the scan after which its clock ran, and who answers for it."""

    rule: str
    operation: str
    since: int
    """When that scan was, UTC ms."""
    due: int
    site: str
    outlet: str
    final: bool = False
    """Its time to be closed is over; a scan that comes all the same still takes it back."""


class Weighed(msgspec.Struct, array_like=True, gc=False):
    """A weight: who weighed, when (UTC ms), under which event's id, grams, volume and longest side, where.

    Volume and side are 0 where they were not measured.
    """

    weight_class: str
    time: int
    id: str
    weight_g: int
    volume_cm3: int
    longest_mm: int
    site: str
    remarked: bool = False
    """It was shown as implausible."""


class Decided(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The newest decision about a parcel's weight: grams and cm³ in place of the event's, or (0 g) the event's stay."""

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


class Item(msgspec.Struct, array_like=True, gc=False):
    """A charge whose parties are kept with it, since the order alone does not tell them."""

    part: str
    """The hub or the claim that it is for; empty: the parcel."""
    standing: bool = False
    amount: int = 0
    time: int = NEVER
    revision: int = 0
    line: Line = ("", "", "")
    parties: list[tuple[str, str]] = []
    """Payer and payee of each fee of the due; ("", "") where one is not charged."""
    waits: int = 0


def item_key(due: str, part: str) -> str:
    """The key of an item among a parcel's."""
    return f"{due}/{part}"


def due_of(key: str) -> str:
    """The name of the due that an item is of, by its key."""
    return key[: key.index("/")]


class Claimed(msgspec.Struct, array_like=True, gc=False):
    """A claim, or (no `kind`) a withdrawal whose claim has not come."""

    kind: str = ""
    time: int = NEVER
    responsible: str = ""
    beneficiary: str = ""
    amount: int = 0
    withdrawn: int = 0
    """Withdrawals that came; one is enough."""
    of_breach: bool = False
    """No event made it, but a breach of the scan chain."""


class Extra(msgspec.Struct, array_like=True, gc=False):
    """What few parcels have, or only networks whose tariffs ask for it."""

    picked_by: str = ""
    """Courier of the first scan 10; `signed_by`: of the first scan 50."""
    signed_by: str = ""
    hubs: dict[str, tuple[int, str]] = {}
    """By hub: time and id of the first scan there."""
    claims: dict[str, Claimed] = {}
    """By event id."""
    items: dict[str, Item] = {}
    """By due's name and part, see `item_key`."""
    waits: int = 0
    """Items that wait."""
    bags: dict[str, tuple[int, str]] = {}
    """By site: time and id of the first scan there that put it into a bag."""
    ends: dict[str, tuple[int, str]] = {}
    """By operation: time and id of the first scan that ended its way; only of parcels that went back or on."""
    contradicted: tuple[str, str] = ("", "")
    """The scan whose ending counts and the first one that contradicts it, as they were told."""

    def concerns(self, outlets: Container[str]) -> bool:
        """Whether an item is between one of these outlets and somebody."""
        return any(
            party in outlets for item in self.items.values() for pair in item.parties for party in pair
        )


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
    longest_mm: int = 0
    weight_site: str = ""
    adopted: str = ""
    """The event whose weight is in force."""

    done: int = 0
    """Plain dues that are booked, a bit set by place."""
    waits: Waits = ()
    booked: list[int] = []
    """Per plain due: amount, time and revision of the charge in force."""

    customer: str = ""
    terms: Terms | None = None
    """What the order says besides; None: nothing."""
    extra: Extra | None = None
    month_parcels: int = 0
    """The customer's parcels in the month so far."""
    born: int = FOREVER
    """Data time when the record began."""
    given_up: bool = False
    """Nothing was heard of it for so long that it leaves unfinished."""

    declared_g: int = 0
    """By the order; 0: nothing was declared."""
    weighings: list[Weighed] = []
    """All measured weights, in order of arrival."""
    decision: Decided | None = None
    case: Case | None = None
    turn: int = 0
    """How often a tariff book had come into force or been withdrawn when its weight was last chosen."""

    trail: bytes | None = None
    """Its scans for the rules of scan chains (`governance.chains`, eight bytes each); None: it is not watched."""
    look: int = LATER
    """When its scan chain wants to be looked at; stored, it may be too early, never too late."""
    breaches: list[Breach] = []
    """Open and final breaches, in order of the rules."""
    month_count: str = ""
    """The count that `month_parcels` is from."""
    again: str = ""
    """The publication for which it is still to be assessed again; empty: none."""
    ended: int = NEVER
    """When its way ended: it was signed for (`signed`), or it went back or on."""

    @property
    def returned(self) -> bool:
        """Whether it went back or on, and was not signed for before."""
        return self.ended != self.signed

    @property
    def waiting(self) -> bool:
        """Whether anything waits that something may still come for."""
        return not self.given_up and (self.waits != () or (self.extra is not None and self.extra.waits != 0))

    @property
    def hubs(self) -> tuple[str, ...]:
        """Hubs passed, in order of their codes."""
        return tuple(sorted(self.extra.hubs)) if self.extra is not None else ()

    @property
    def month_amount(self) -> int:
        """A parcel has no bill of its own."""
        return 0

    @property
    def stay(self) -> Stay | None:
        """A parcel is not in a store."""
        return None

    def may_concern(self, outlets: Container[str]) -> bool:
        """Whether a charge may be between one of these outlets and somebody."""
        return (
            self.origin in outlets
            or self.destination in outlets
            or (self.extra is not None and self.extra.concerns(outlets))
        )

    @property
    def line(self) -> Line:
        """Where it goes, as what."""
        return self.origin, self.destination, self.product

    def more(self) -> Extra:
        """The parcel's extra facts, to be added to."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra


def pending(case: Case) -> bool:
    """Whether charges depend on a decision that nobody has made yet."""
    return case.status == OPEN and case.treatment != CHARGE


def over(kept: int, finished: int, undelivered: int = 0) -> Callable[[Parcel, int], bool]:
    """Forget a finished parcel `kept` ms of data time after it was last touched, and one that is given up.

    That is when no repeat of its events could still be accepted: the age beyond which events begin no record,
    and as far as an event may lie in the future (see `flows.lifecycle.age`). `finished`: places of the dues that
    every parcel's life has, as a bit set; `undelivered`: of one that went back or on. Where nothing is known but
    claims that name their parties, these are all that is to be booked. A parcel whose charges depend on someone's
    decision is kept for it, one with open breaches until these are final, and one that other books touch until it
    was looked at.
    """

    def is_over(parcel: Parcel, now: int) -> bool:
        return parcel.given_up or (
            parcel.at < now - kept
            and (
                parcel.done & finished == finished
                or (parcel.returned and parcel.done & undelivered == undelivered)
                or _nothing_but_claims(parcel)
            )
            and not parcel.waiting
            and not parcel.again
            and (parcel.case is None or not pending(parcel.case))
            and all(breach.final for breach in parcel.breaches)
        )

    return is_over


def _nothing_but_claims(parcel: Parcel) -> bool:
    known = parcel.order_id or parcel.weight_id or parcel.weighings
    scanned = parcel.picked != NEVER or parcel.ended != NEVER
    claims = parcel.extra is not None and parcel.extra.claims
    return bool(claims and not known and not scanned and len(parcel.seen) == MARK * _marks(parcel))


MARK = 12
"""Bytes in `Parcel.seen` for an event: 8 of its id's hash, 4 of its content's."""


def _marks(parcel: Parcel) -> int:
    """Events that claims account for."""
    claims = parcel.extra.claims.values() if parcel.extra is not None else ()
    return sum((claim.kind != "" and not claim.of_breach) + claim.withdrawn for claim in claims)
