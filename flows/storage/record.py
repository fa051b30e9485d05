"""The record of a stay, a haul or a customer's month: what was said of it, and what is booked for it."""

from collections.abc import Callable
from datetime import date

import msgspec
from xxhash import xxh3_64_digest

from schemas import topics
from schemas.events import (
    Haul,
    MonthShipped,
    MonthStored,
    MonthWord,
    StayClosed,
    StayMeasured,
    StayMoved,
    StayOpened,
    StayRecalled,
    StayReduced,
    StoreEvent,
    each_once,
)
from schemas.keys import KEYED_OTHERWISE
from schemas.times import day_of, next_month

MOST_SAID = 5_000
"""Events of one stay: a measurement an hour for half a year."""
OPENED, MEASURED, MOVED, CLOSED, REDUCED = KINDS = ("opened", "measured", "moved", "closed", "reduced")
HAULED, MONTH = "hauled", "month"
STAY_KEY, HAUL_KEY, MONTH_KEY = "s/", "h/", "m/"
"""How the keys of records begin; those of dead letters begin with dl-."""


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
    pieces: int | None = 1
    """Of an opening, a part that left, and a haul; nothing is said of them otherwise."""
    zone: str = ""
    temperature: str = ""
    vehicle: str = ""
    pallets: int | None = None
    volume_cm3: int | None = None
    weight_g: int | None = None
    due: str = ""
    """Of a haul or a month: what it is charged as. All that follows is of these alone."""
    day: int = 0
    """The business day that it is charged for: a month's last one."""
    destination: str = ""
    """The outlet where a haul ends."""
    services: tuple[str, ...] = ()
    insured: int = 0
    cancelled: bool = False
    amount: int = 0
    """What the month came to."""
    parcels: int = 0
    """Picked up in the month."""

    @property
    def when(self) -> tuple[int, str]:
        """What events are ordered by."""
        return self.time, self.id


_json = msgspec.json.Encoder(order="deterministic")


def digest_of(event: StoreEvent) -> bytes:
    """Hash of an event, to tell a repeat from a conflict."""
    return xxh3_64_digest(_json.encode(event))


def place_of(event: StoreEvent) -> tuple[str, str]:
    """The key of an event's record, and the name under which it stands in the books."""
    if isinstance(event, Haul):
        return HAUL_KEY + event.haul, event.haul
    if isinstance(event, MonthStored | MonthShipped):
        name = f"{event.customer}:{event.month:%Y-%m}"
        return MONTH_KEY + name, name
    return STAY_KEY + event.stay, event.stay


def key_of(event: StoreEvent | StayRecalled) -> str:
    """An event's key on Kafka."""
    return str(getattr(event, KEYED_OTHERWISE.get(type(event), topics.STAYS.key)))


def last_day(month: date) -> int:
    """A month's last day as days since 1970-01-01.

    >>> last_day(date(1970, 1, 1))
    30
    """
    return day_of(next_month(month)) - 1


def said(event: StoreEvent, outlet: str, content: bytes) -> Said:
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
        case StayReduced():
            return Said(
                event.id,
                event.time,
                REDUCED,
                content,
                vehicle=event.vehicle,
                pieces=event.pieces,
                pallets=event.pallets,
                volume_cm3=event.volume_cm3,
                weight_g=event.weight_g,
            )
        case StayMoved():
            return Said(event.id, event.time, MOVED, content, zone=event.zone, temperature=event.temperature)
        case StayClosed():
            return Said(event.id, event.time, CLOSED, content, vehicle=event.vehicle)
    return _word(event, outlet, content)


def _word(event: Haul | MonthWord, outlet: str, content: bytes) -> Said:
    if isinstance(event, Haul):
        return Said(
            event.id,
            event.time,
            HAULED,
            content,
            event.customer,
            outlet,
            event.billing,
            event.pieces,
            temperature=event.temperature,
            vehicle=event.vehicle,
            pallets=event.pallets,
            volume_cm3=event.volume_cm3,
            weight_g=event.weight_g,
            due=event.service,
            day=day_of(event.day),
            destination=event.destination,
            services=each_once(event.services),
            insured=event.insured_e4,
            cancelled=event.cancelled,
        )
    amount, parcels = (event.amount_e4, 0) if isinstance(event, MonthStored) else (0, event.parcels)
    return Said(
        event.id,
        event.time,
        MONTH,
        content,
        event.customer,
        outlet,
        due=event.due,
        day=last_day(event.month),
        cancelled=event.cancelled,
        amount=amount,
        parcels=parcels,
    )


class Booked(msgspec.Struct, array_like=True, gc=False):
    """What is or was charged for a due of a stay on a business day, and to whom."""

    amount: int = 0
    time: int = 0
    revision: int = 0
    """Of the charge that stands, or of the next one."""
    payer: str = ""
    outlet: str = ""
    stands: bool = False
    destination: str = ""
    """The outlet where a haul ended; empty: the store's."""


class Stay(msgspec.Struct, array_like=True, gc=False):
    """A record of the lane's ring: a stay, a haul, a customer's month, or (without anything said) a dead letter."""

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
    """By due/part: the part of `storage` is the business day, that of a part that left is the event that said so, that
    of what is charged once is empty."""
    waits: dict[str, tuple[str, int]] = {}
    """By due: the reason, and since when."""
    until: int = -1
    """The last business day that was looked at."""
    closed: bool = False
    given_up: bool = False
    replayed: bool = False
    """A dead letter was sent again, so that the same bytes open it again."""


def over(kept: int, of_words: int) -> Callable[[Stay, int], bool]:
    """Forget a stay `kept` ms of data time after the last word of it, when it is closed and nothing of it waits.

    No repeat could be accepted then. Goods that are in the store are never forgotten. Hauls and months are remembered
    `of_words` ms: for longer than a word about their day is taken, so that it always meets what is booked.
    """

    def is_over(stay: Stay, now: int) -> bool:
        if stay.at >= now - kept:
            return False
        if stay.key.startswith((HAUL_KEY, MONTH_KEY)):
            return stay.at < now - of_words
        return not stay.said or stay.given_up or (stay.closed and not stay.waits)

    return is_over
