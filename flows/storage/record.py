"""A stay's record: what was said of it, and what is booked for it."""

from collections.abc import Callable

import msgspec

from schemas.events import StayClosed, StayEvent, StayMeasured, StayMoved, StayOpened

MOST_SAID = 5_000
"""Events of one stay: a measurement an hour for half a year."""
OPENED, MEASURED, MOVED, CLOSED = KINDS = ("opened", "measured", "moved", "closed")


class Said(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An accepted event; empty or None where it says nothing."""

    id: str
    time: int
    kind: str
    content: bytes
    """Hash of the whole event, to tell a repeat from a conflict."""
    customer: str = ""
    outlet: str = ""
    """The store."""
    billing: str = ""
    pieces: int = 1
    zone: str = ""
    temperature: str = ""
    vehicle: str = ""
    pallets: int | None = None
    volume_cm3: int | None = None
    weight_g: int | None = None

    @property
    def when(self) -> tuple[int, str]:
        """What events are ordered by."""
        return self.time, self.id


def said(event: StayEvent, outlet: str, content: bytes) -> Said:
    """What is kept of an event. `outlet`: that of its site."""
    match event:
        case StayOpened():
            return Said(
                event.id,
                event.time,
                OPENED,
                content,
                event.customer,
                outlet,
                event.billing,
                event.pieces,
                event.zone,
                event.temperature,
                event.vehicle,
                event.pallets,
                event.volume_cm3,
                event.weight_g,
            )
        case StayMeasured():
            return Said(
                event.id,
                event.time,
                MEASURED,
                content,
                pallets=event.pallets,
                volume_cm3=event.volume_cm3,
                weight_g=event.weight_g,
            )
        case StayMoved():
            return Said(event.id, event.time, MOVED, content, zone=event.zone, temperature=event.temperature)
        case StayClosed():
            return Said(event.id, event.time, CLOSED, content, vehicle=event.vehicle)


class Booked(msgspec.Struct, array_like=True, gc=False):
    """What is or was charged for a due of a stay on a business day, and to whom."""

    amount: int = 0
    time: int = 0
    revision: int = 0
    """Of the charge that stands, or of the next one."""
    payer: str = ""
    outlet: str = ""
    stands: bool = False


class Stay(msgspec.Struct, array_like=True, gc=False):
    """A record of the lane's ring: a stay, or (without anything said) a dead letter."""

    key: str
    place: int
    epoch: int
    at: int = 0
    """Data time when something was heard of it last, UTC ms."""
    born: int = 0
    """Data time when its record began."""
    name: str = ""
    said: dict[str, Said] = {}
    """By event's id."""
    booked: dict[str, Booked] = {}
    """By due/part: the part of `storage` is the business day, that of what is charged once is empty."""
    waits: dict[str, tuple[str, int]] = {}
    """By due: the reason, and since when."""
    until: int = -1
    """The last business day that was looked at."""
    closed: bool = False
    given_up: bool = False
    replayed: bool = False
    """A dead letter was sent again, so that the same bytes open it again."""


def over(kept: int) -> Callable[[Stay, int], bool]:
    """Forget a stay `kept` ms of data time after the last word of it, when it is closed and nothing of it waits.

    No repeat could be accepted then. Goods that are in the store are never forgotten.
    """

    def is_over(stay: Stay, now: int) -> bool:
        if stay.at >= now - kept:
            return False
        return not stay.said or stay.given_up or (stay.closed and not stay.waits)

    return is_over
