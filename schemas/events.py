"""The events on Kafka: frozen structs with a `type` tag that is written first.

Every event has an `id` that its producer chose, or a hash of its content where the producer has none. An event
of a parcel is identified by its waybill and its id together: the same pair with the same content is a repeat, with
other content a conflict; the same id with another waybill is another event, since nobody looks further than one
parcel's record. Other events are identified by their id alone. `time` is when the thing happened,
in UTC milliseconds. Amounts end in `_e4` (0.0001 yuan), weights in `_g` (grams), lengths in `_mm`.
Fields may be added with a default; none is ever renamed or removed.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.limits import (
    MOST_HOURS,
    MOST_IDENTIFIER,
    MOST_LENGTH_MM,
    MOST_PALLETS,
    MOST_PARTS,
    MOST_PIECES,
    MOST_REFERENCE,
    MOST_SERVICES,
    MOST_SHIPPED,
    MOST_STORED_CM3,
    MOST_STORED_G,
    MOST_WEIGHT_G,
    WAYBILL,
)
from schemas.money import MOST, WHOLE_FEN
from schemas.times import FIRST_DAY, LAST_DAY

Name = Annotated[str, Meta(min_length=1, max_length=MOST_IDENTIFIER)]
"""An id, a code or a name."""
Waybill = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MOST_IDENTIFIER,
        extra_json_schema={"pattern": f"^{WAYBILL.pattern}$"},
    ),
]
"""A waybill number. The lanes look at its pattern once a parcel, so decoding need not."""
Word = Annotated[str, Meta(max_length=MOST_IDENTIFIER)]
"""The same where it may be missing."""
Grams = Annotated[int, Meta(ge=0, le=MOST_WEIGHT_G)]
Millimetres = Annotated[int, Meta(ge=0, le=MOST_LENGTH_MM)]
Units = Annotated[int, Meta(ge=0, le=MOST)]
"""An amount in units of 0.0001 yuan."""
Fen = Annotated[Units, WHOLE_FEN]
"""The same of money that somebody pays, collects, claims or declares."""
Instant = Annotated[int, Meta(ge=0, lt=2**42)]
"""UTC milliseconds, until 2109."""
Services = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=MOST_IDENTIFIER, pattern="^[^|]+$")], ...],
    Meta(max_length=MOST_SERVICES),
]
"""Further services that were ordered (upstairs, address_change…). Tables join them by |, so no name has one."""


def each_once(services: Services) -> Services:
    """Services in order of their names, each once."""
    return tuple(sorted(set(services))) if services else ()


ReplyTo = Annotated[str, Meta(max_length=2 * MOST_IDENTIFIER + 1)]
"""`{site}/{device}` of a device that asks, or empty."""
LetterId = Annotated[str, Meta(pattern="^dl-", max_length=MOST_IDENTIFIER)]
"""The id of a dead letter or of a note about one: `dl-…`, so that it is never taken for a waybill."""

OperationCode = Literal["10", "20", "30", "40", "50", "60", "70", "80"]
OPERATIONS: dict[str, str] = {
    "10": "揽收",  # picked up
    "20": "发件",  # sent
    "30": "到件",  # arrived
    "40": "派件",  # out for delivery
    "50": "签收",  # signed
    "60": "集包",  # bagged
    "70": "退件",  # returned
    "80": "转寄",  # redirected
}
"""The network's operations, in Chinese. New ones at the end: trails of scans hold their places."""
PICKED_UP, SENT, ARRIVED, OUT_FOR_DELIVERY, SIGNED, BAGGED, RETURNED, REDIRECTED = OPERATIONS
GONE = (RETURNED, REDIRECTED)
"""Scans of parcels that go back or on."""
ENDS = (SIGNED, *GONE)
"""Scans with which a parcel's way under its waybill ends. What goes back or on has a waybill of its own."""

WeightClass = Literal["declared", "outlet_scale", "outlet_dws", "hub_scale", "hub_dws"]
"""Who weighed: the customer's word, or a scale or a DWS machine (dimension, weight, scan)."""
MeasuredClass = Literal["outlet_scale", "outlet_dws", "hub_scale", "hub_dws"]
"""Those that are weighings; what the customer declares comes with the order."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", gc=False):
    """What every event carries."""

    id: Name
    time: Instant


Direction = Literal["forward", "return"]


class Dated(Event, frozen=True, kw_only=True):
    """An event with dates: those of `schemas.times.FIRST_DAY` to `LAST_DAY`, or it is none."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            day = getattr(self, name)
            if isinstance(day, date) and not FIRST_DAY <= day <= LAST_DAY:
                raise ValueError(f"{name} is {day}, not a date from {FIRST_DAY} to {LAST_DAY}")


class Order(Event, frozen=True, kw_only=True, tag="order", omit_defaults=True):
    """A consignment as the business system knows it. Topic `waybook.orders`, key: waybill.

    `origin` and `destination` are outlets' codes; cities and provinces are six-digit codes of GB/T 2260.
    A later order (by time, then id) of the same waybill replaces an earlier one.
    """

    waybill: Waybill
    origin: Name
    destination: Name
    origin_city: Word
    origin_province: Word
    destination_city: Word
    destination_province: Word
    customer: Name
    product: Name
    declared_g: Grams
    payment_e4: Fen
    """What the customer pays the origin outlet for the whole transport; 0: billed otherwise."""
    origin_county: Word = ""
    """The counties of the addresses, six-digit codes of GB/T 2260; empty: not known."""
    destination_county: Word = ""
    pieces: Annotated[int, Meta(ge=1, le=MOST_PIECES)] = 1
    channel: Word = ""
    """Where it was ordered: a shop platform, the app, a counter…"""
    insured_e4: Fen = 0
    """Declared value that is insured; 0: not insured."""
    cod_e4: Fen = 0
    """What the destination outlet collects from the consignee for the sender; 0: nothing."""
    promised_hours: Annotated[int, Meta(ge=0, le=MOST_HOURS)] = 0
    """Hours from pick-up to signature that were promised; 0: none."""
    direction: Direction = "forward"
    billing: Word = ""
    """How the customer is billed: by the month, on account…"""
    related: Word = ""
    """The waybill that this one sends back (`direction` return) or sends on (forward)."""
    services: Services = ()


class Scan(Event, frozen=True, kw_only=True, tag="scan"):
    """A parcel passed a person or a gate. Topic `waybook.devices`, key: waybill.

    `operation` is the network's code, `code` what `source` (the system or device family) called it.
    `outlet`, `city` and `province` are those of `site` when the scan was normalised; a hub's outlet is `HQ`.
    """

    waybill: Waybill
    operation: OperationCode
    source: Name
    code: Word
    site: Name
    outlet: Name
    city: Word
    province: Word
    device: Word
    courier: Word = ""
    """The courier or sub-contractor who picked up or delivers; empty: not known or not paid by the piece."""


class Weight(Event, frozen=True, kw_only=True, tag="weight"):
    """A parcel was weighed, perhaps measured (0 mm: was not). Topic `waybook.devices`, key: waybill."""

    waybill: Waybill
    weight_g: Annotated[int, Meta(gt=0, le=MOST_WEIGHT_G)]
    length_mm: Millimetres
    width_mm: Millimetres
    height_mm: Millimetres
    weight_class: MeasuredClass
    source: Name
    site: Name
    outlet: Name
    city: Word
    province: Word
    device: Word
    photo: Annotated[str, Meta(max_length=MOST_REFERENCE)] = ""
    """Reference of the machine's photograph, not the picture."""


class Claim(Event, frozen=True, kw_only=True, tag="claim", omit_defaults=True):
    """Someone is to pay or to be paid for how a parcel was handled. Topic `waybook.orders`, key: waybill.

    `kind` is a due of fees.toml with the trigger `claimed`. `responsible` and `beneficiary` are outlets, provinces
    or headquarters; empty: as the due says. `amount_e4` 0: the tariff says how much.
    """

    waybill: Name
    kind: Name
    responsible: Word = ""
    beneficiary: Word = ""
    amount_e4: Fen = 0
    evidence: Annotated[str, Meta(max_length=MOST_REFERENCE)] = ""
    """Reference of what shows it: a photograph, a scan's id, a breach of the chain."""
    by: Word = ""


class ClaimWithdrawn(Event, frozen=True, kw_only=True, tag="claim_withdrawn", omit_defaults=True):
    """A claim was wrong: what is charged for it is taken back. Topic `waybook.orders`, key: waybill.

    It may come before its claim, which then never counts.
    """

    waybill: Name
    claim: Name
    reason: Annotated[str, Meta(max_length=256)] = ""
    by: Word = ""


class WeightDecided(Event, frozen=True, kw_only=True, tag="weight_decided"):
    """A person decides which weight a parcel has. Topic `waybook.orders`, key: waybill.

    `confirm`: the weight of `weight_event` (a weight's or an order's id) stays, whatever the policy says;
    `override`: the parcel weighs `weight_g`; with a `weight_event` it does so in place of that weight, which says how
    long the parcel is and, by its class, when and by which day's prices it is charged. A later decision (by time, then
    id) takes the place of an earlier one.
    """

    waybill: Name
    decision: Literal["confirm", "override"]
    decided_by: Name
    weight_event: Word = ""
    weight_g: Grams = 0
    volume_cm3: Annotated[int, Meta(ge=0, le=MOST_LENGTH_MM**3 // 1000)] = 0
    """Overriding: the volume that counts with it; 0: none."""
    reason: Annotated[str, Meta(max_length=256)] = ""


Pallets = Annotated[int, Meta(ge=0, le=MOST_PALLETS)]
StoredGrams = Annotated[int, Meta(ge=0, le=MOST_STORED_G)]
StoredVolume = Annotated[int, Meta(ge=0, le=MOST_STORED_CM3)]
"""Cubic centimetres."""


class InStore(Event, frozen=True, kw_only=True):
    """What every event of a stay in a store carries; `site` is the store, an outlet of the network."""

    stay: Name
    site: Name
    source: Name
    device: Word = ""


class StayOpened(InStore, frozen=True, kw_only=True, tag="stay_opened", omit_defaults=True):
    """Goods enter a store. Topic `waybook.stays`, key: stay.

    A stay begins when it is opened first; a later opening (by time, then id) corrects what the earlier ones say.
    What is not measured at the gate (None) a scale may tell later.
    """

    customer: Name
    """Whose goods they are: who pays."""
    billing: Word = ""
    """By what the customer agreed to pay: pallet, volume, weight…"""
    temperature: Word = ""
    """Class of temperature: frozen, chilled, ambient…"""
    zone: Word = ""
    """Where in the store."""
    vehicle: Word = ""
    """Class of the vehicle that brings them."""
    plate: Word = ""
    """The vehicle itself."""
    pallet: Word = ""
    lot: Word = ""
    pieces: Annotated[int, Meta(ge=1, le=MOST_PIECES)] = 1
    pallets: Pallets | None = None
    volume_cm3: StoredVolume | None = None
    weight_g: StoredGrams | None = None


class StayMeasured(InStore, frozen=True, kw_only=True, tag="stay_measured", omit_defaults=True):
    """What is stored was measured: all of it, as it is from then on. Topic `waybook.stays`, key: stay.

    None: was not measured this time.
    """

    pallets: Pallets | None = None
    volume_cm3: StoredVolume | None = None
    weight_g: StoredGrams | None = None


class StayReduced(InStore, frozen=True, kw_only=True, tag="stay_reduced", omit_defaults=True):
    """A part of the goods has left; this is still there. Topic `waybook.stays`, key: stay.

    What went is what there is less. None: the next measurement before another part leaves tells it; what nothing
    tells stays as it was, and how much of it went is not known.
    """

    vehicle: Word = ""
    """Class of the vehicle that fetches."""
    plate: Word = ""
    pieces: Annotated[int, Meta(ge=1, le=MOST_PIECES)] | None = None
    pallets: Pallets | None = None
    volume_cm3: StoredVolume | None = None
    weight_g: StoredGrams | None = None


class StayMoved(InStore, frozen=True, kw_only=True, tag="stay_moved", omit_defaults=True):
    """Goods were moved within the store. Topic `waybook.stays`, key: stay."""

    zone: Name
    temperature: Word = ""
    """Empty: as before."""


class StayClosed(InStore, frozen=True, kw_only=True, tag="stay_closed", omit_defaults=True):
    """All that is left of a stay has left the store; the first one counts. Topic `waybook.stays`, key: stay."""

    vehicle: Word = ""
    """Class of the vehicle that fetches."""
    plate: Word = ""


StayEvent = StayOpened | StayMeasured | StayReduced | StayMoved | StayClosed
"""What happens to goods in a store."""


class Haul(Dated, frozen=True, kw_only=True, tag="haul", omit_defaults=True):
    """Goods of a store's customer were carried: fetched, over a line, to their consignee. Topic `waybook.stays`,
    key: haul.

    A haul may have several services. Of what is said of a service the newest (by time, then id) counts.
    """

    haul: Name
    """Number of the consignment or the tour."""
    day: date
    """The business day that it is charged for."""
    service: Name
    """A due of fees.toml with the trigger `hauled`: pickup, linehaul, city_delivery."""
    site: Name
    """The store, an outlet of the network, where it begins."""
    source: Name
    customer: Name
    """Who pays: a customer with virtual accounts."""
    destination: Word = ""
    """The outlet where it ends; empty: in the store's own area."""
    billing: Word = ""
    temperature: Word = ""
    vehicle: Word = ""
    """Class of the vehicle."""
    plate: Word = ""
    goods_of: Word = ""
    """The stay that the goods were of; empty: they were not stored."""
    services: Services = ()
    pieces: Annotated[int, Meta(ge=1, le=MOST_PIECES)] = 1
    pallets: Pallets | None = None
    volume_cm3: StoredVolume | None = None
    weight_g: StoredGrams | None = None
    insured_e4: Fen = 0
    cancelled: bool = False
    """It did not take place: what is charged for the service is taken back."""


class OfMonth(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """What a job has counted in the books of a customer's month that is over; the newest word (by time, then id)
    counts.
    """

    customer: Name
    month: date
    """Its first day."""
    due: Name
    """The due of fees.toml that is charged for it."""
    outlet: Name
    """The outlet where it happened, or the first of several in order of their codes."""
    cancelled: bool = False
    """Nothing of it happened, after all."""
    blocks: dict[str, int] = {}
    """By lane: the newest block that was looked at."""
    by: Word = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.month.day != 1:
            raise ValueError(f"month is {self.month}, not the first day of a month")


class MonthStored(OfMonth, frozen=True, kw_only=True, tag="month_stored", omit_defaults=True):
    """What a due of a customer's stays came to in a month, for a minimum: of a due with the trigger `stay_month`. Topic
    `waybook.stays`, key: customer.
    """

    amount_e4: Annotated[int, Meta(ge=-MOST, le=MOST)]


class MonthShipped(OfMonth, frozen=True, kw_only=True, tag="month_shipped", omit_defaults=True):
    """How many parcels of a customer were picked up in a month, for its package: of a due with the trigger
    `parcel_month`. Topic `waybook.stays`, key: customer.
    """

    parcels: Annotated[int, Meta(ge=0, le=MOST_SHIPPED)]


ParcelFact = Order | Scan | Weight | Claim | ClaimWithdrawn | WeightDecided
"""What is true of a parcel, whoever says it."""


class Charged(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A fee of a parcel as the books have it: the charge in force, or that there was one."""

    fee: Name
    part: Word = ""
    """The hub or the claim; empty: the parcel."""
    revision: Annotated[int, Meta(ge=0)]
    """Of the charge in force; where it was taken back, of the next one."""
    newest: Annotated[int, Meta(ge=0)] = 0
    """The greatest of all lives of the parcel: the next revision exceeds it."""
    standing: bool = False
    """Whether it is charged now; otherwise all of the following is empty."""
    amount_e4: Units = 0
    time: Instant = 0
    payer: Word = ""
    """The parties in whose books it stands."""
    payee: Word = ""
    origin: Word = ""
    """The outlets and the product of the order that it was charged by."""
    destination: Word = ""
    product: Word = ""


class Awaited(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A due of a parcel that waits, and why."""

    due: Name
    part: Word = ""
    reason: Name


class Differing(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A parcel's case of differing weights as the books have it: events by their ids."""

    decided: bool
    weight_event: Name
    other_event: Word
    treatment: Name
    decision: Word = ""


class Broken(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A final breach of a scan-chain rule as the books have it, and the penalty that it claims (no `kind`: none)."""

    rule: Name
    operation: OperationCode
    since: Instant
    due: Instant
    site: Name
    outlet: Word
    claim: Word = ""
    kind: Word = ""
    responsible: Word = ""
    amount_e4: Units = 0


class ParcelRecalled(Event, frozen=True, kw_only=True, tag="recalled", omit_defaults=True):
    """A parcel as the books have it, for a lane that has forgotten it. Topic `waybook.orders`, key: waybill.

    A job outside reads it from complete blocks; `time` is data time at the end of the newest of them. The lane
    rebuilds the record and assesses it by today's rules; what it has itself counts, and is assessed again. Only
    differences are booked, with `cause` as their reason.
    """

    waybill: Waybill
    cause: Name
    """The publication, the late fact or the dead letter that it is recalled for; `asked-…`: someone asked."""
    facts: tuple[ParcelFact, ...]
    charged: tuple[Charged, ...] = ()
    doubled: tuple[Charged, ...] = ()
    """Charges that stand beside those: something came for a life that the lane had forgotten, and was charged anew."""
    waits: tuple[Awaited, ...] = ()
    adopted: Word = ""
    """The event whose weight is in force."""
    remarked: tuple[Name, ...] = ()
    """Weights that were shown as implausible."""
    case: Differing | None = None
    broken: tuple[Broken, ...] = ()


class StayRecalled(Event, frozen=True, kw_only=True, tag="stay_recalled", omit_defaults=True):
    """A stay as the books have it, for a lane that has forgotten it. Topic `waybook.stays`, key: stay.

    The same for a stay as `ParcelRecalled` is for a parcel.
    """

    stay: Name
    cause: Name
    """The publication or the late event that it is recalled for; `asked-…`: someone asked."""
    facts: tuple[StayEvent, ...]
    charged: tuple[Charged, ...] = ()
    doubled: tuple[Charged, ...] = ()
    """Charges that stand beside those: something came for a life that the lane had forgotten, and was charged anew."""
    waits: tuple[Awaited, ...] = ()


MonthWord = MonthStored | MonthShipped
"""What is said of a customer's month when it is over."""
StoreEvent = StayEvent | Haul | MonthWord
"""What a store does for its customers, and what their months come to."""


class TariffPublished(Event, frozen=True, kw_only=True, tag="tariff"):
    """A tariff book comes into force for every lane that reads this. Topic `waybook.control`, partition 0.

    `version` is the hash of `files` (name → text); which tables apply on which days stands in the files.
    """

    version: Name
    name: Name
    files: dict[str, str]
    published_by: str = ""
    comment: str = ""


class DocumentPart(Event, frozen=True, kw_only=True):
    """A part of a published document that is too large for one message."""

    version: Name
    """The document's."""
    publication: Name
    part: Annotated[int, Meta(ge=1)]
    parts: Annotated[int, Meta(ge=1, le=MOST_PARTS)]
    content: bytes


class TariffPart(DocumentPart, frozen=True, kw_only=True, tag="tariff_part"):
    """A part of a tariff book that is too large for one message. Topic `waybook.control`, partition 0.

    All `parts` of a `publication` (that event's id), joined by their numbers from 1, are its JSON (`TariffPublished`),
    compressed by Zstandard. With the last of them the book comes into force.
    """


class TariffWithdrawn(Event, frozen=True, kw_only=True, tag="tariff_withdrawn"):
    """A tariff book goes out of force. Topic `waybook.control`, partition 0.

    By `version`: that publication is undone, and the one of the same name before it is in force again. By `name`:
    every book of that name goes. Exactly one of the two is given.
    """

    version: Word = ""
    name: Word = ""
    withdrawn_by: str = ""
    comment: str = ""


class NetworkPublished(Event, frozen=True, kw_only=True, tag="network"):
    """The network's directory: sites, places and products. Topic `waybook.control`, partition 0."""

    version: Name
    files: dict[str, str]
    published_by: str = ""


class NetworkPart(DocumentPart, frozen=True, kw_only=True, tag="network_part"):
    """A part of a directory that is too large for one message. Topic `waybook.control`, partition 0.

    All `parts` of a `publication` (that event's id), joined by their numbers from 1, are its JSON (`NetworkPublished`),
    compressed by Zstandard. With the last of them the directory comes into force.
    """


class PartyTransferred(Dated, frozen=True, kw_only=True, tag="party_transferred"):
    """An outlet has a new owner from a business date on. Topic `waybook.control`, partition 0.

    Charges of earlier business dates stay with the former party whenever they are booked. The date is the open
    day (Shanghai's date of `time`) or later, and later than the outlet's last transfer.
    """

    outlet: Name
    party: Name
    from_day: date
    by: Word = ""
    reason: Annotated[str, Meta(max_length=1024)] = ""


class PartiesMerged(Dated, frozen=True, kw_only=True, tag="parties_merged"):
    """An outlet is absorbed by another from a business date on, for good. Topic `waybook.control`, partition 0.

    From then on its charges stand in the books of whoever runs the other; dates as for a transfer.
    """

    absorbed: Name
    into: Name
    from_day: date
    by: Word = ""
    reason: Annotated[str, Meta(max_length=1024)] = ""


class HandoverWithdrawn(Dated, frozen=True, kw_only=True, tag="handover_withdrawn"):
    """An announced transfer or merger does not take place. Topic `waybook.control`, partition 0.

    It comes before the handover's first business date. What should have been said is announced anew, under another id.
    From that date on an outlet goes back by another handover.
    """

    handover: Name
    """Id of the `PartyTransferred` or `PartiesMerged`."""
    by: Word = ""
    reason: Annotated[str, Meta(max_length=1024)] = ""


class OpenBalance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What stands open on an account, debits less credits, in the former party's book or in headquarters'."""

    book: Literal["party", "headquarters"]
    account: Name
    counterparty: Name
    """In headquarters' book the former party itself."""
    amount_e4: Annotated[int, Meta(ge=-MOST, le=MOST)]


class BalanceMoved(Dated, frozen=True, kw_only=True, tag="balance_moved"):
    """Open balances go over to an outlet's new party, by visible entries. Topic `waybook.control`, partition 0.

    `balances` are totals: all that was ever to be moved at this handover, as far as the books were complete when
    they were asked (`blocks`, by lane). What was moved before is taken off, so the newest word counts and saying
    it again moves nothing. `day` is the business date of the entries, `from_day` or later.
    """

    outlet: Name
    from_day: date
    former: Name
    party: Name
    day: date
    balances: tuple[OpenBalance, ...]
    blocks: dict[str, int] = {}
    by: Word = ""


class VolumesCounted(Dated, frozen=True, kw_only=True, tag="volumes"):
    """How many parcels each customer had in a month through a completed business day. Topic `waybook.control`, 0.

    A parcel belongs to the business day of its first scan 10 and to the customer of its newest order. `count` names
    the whole count, which may come in parts; of several counts of a day the newest (by time, then name) holds.
    """

    count: Name
    month: date
    """Its first day."""
    through_day: date
    part: Annotated[int, Meta(ge=1, le=10_000)] = 1
    parts: Annotated[int, Meta(ge=1, le=10_000)] = 1
    volumes: dict[Name, Annotated[int, Meta(ge=1, lt=2**40)]] = {}
    """By customer; whoever is not there had none."""
    blocks: dict[str, int] = {}
    """By lane: the newest block that was looked at."""
    by: Word = ""


class CostIncurred(Dated, frozen=True, kw_only=True, tag="cost"):
    """A carrier billed what a hub, or the way from one hub to another, cost on a day. Topic `waybook.control`, 0.

    It is booked to headquarters and apportioned to the parcels that passed there on that day, by `basis`.
    """

    place: Name
    """The hub."""
    to: Word = ""
    """The hub where the line ends; empty: the cost is the hub's own."""
    day: date
    amount_e4: Annotated[int, Meta(ge=1, le=MOST), WHOLE_FEN]
    carrier: Name
    basis: Literal["weight", "volume", "piece"] = "weight"
    bill: Word = ""
    by: Word = ""


class CostWithdrawn(Event, frozen=True, kw_only=True, tag="cost_withdrawn"):
    """A cost was wrong, or another takes its place: it is taken back. Topic `waybook.control`, partition 0.

    It may come before its cost, which then never counts.
    """

    cost: Name
    reason: Annotated[str, Meta(max_length=256)] = ""
    by: Word = ""


class BooksClosed(Dated, frozen=True, kw_only=True, tag="books_closed"):
    """The books are closed through a business day that is over. Topic `waybook.control`, partition 0.

    What is charged, corrected, paid, commanded or moved from then on for those days is booked on the first day after
    them.
    """

    through: date
    by: Name
    reason: Annotated[str, Meta(max_length=256)] = ""


class BooksReopened(Dated, frozen=True, kw_only=True, tag="books_reopened"):
    """Days that were closed are open again: all after `through`. Topic `waybook.control`, partition 0.

    Who closed them cannot reopen them. What was booked meanwhile stays where it stands.
    """

    through: date
    by: Name
    reason: Annotated[str, Meta(min_length=1, max_length=256)]


class Tick(Event, frozen=True, kw_only=True, tag="tick"):
    """Time has passed: the clock of everything that waits. Topic `waybook.ticks`, partition 0.

    Timers run on the largest tick that a lane has read, so that a replay sees time pass in the same places. A tick
    that leaps too far ahead of both the lane's time and Kafka's clock is refused: it would make all that follows
    too old.
    """


class DeadLetter(Event, frozen=True, kw_only=True, tag="dead_letter"):
    """Input that broke a rule before it reached a lane. Topic `waybook.dead-letters`, key: id.

    `topic` is the MQTT or Kafka topic it came from (`partition` and `offset` are -1 for MQTT); `raw` holds
    the bytes as they came (Base64 in JSON).
    """

    id: LetterId
    reason: Name
    detail: str
    transport: Literal["mqtt", "kafka"]
    topic: str
    partition: Annotated[int, Meta(ge=-1, lt=2**31)] = -1
    offset: Annotated[int, Meta(ge=-1, lt=2**62)] = -1
    raw: bytes = b""


class DeadLetterReplayed(Event, frozen=True, kw_only=True, tag="dead_letter_replayed"):
    """A dead letter was sent again, mended or as it was. Topic `waybook.dead-letters`, key: its id.

    `sent` holds the bytes as they were sent (Base64 in JSON); none of what is sealed, or large.
    """

    id: LetterId
    dead_letter: LetterId
    replayed_by: str = ""
    sent: bytes = b""


class Command(Event, frozen=True, kw_only=True, tag="command"):
    """Someone with a right to it asks for a change: the envelope. Topic `waybook.commands`, key: subject.

    `name` says which (`top_up`, `hold`…: `schemas.commands.BODIES`), `body` holds that command's own fields as JSON.
    """

    name: Name
    subject: Name
    actor: Name
    body: msgspec.Raw


class Answer(Event, frozen=True, kw_only=True, tag="answer"):
    """What became of a command. Topic `waybook.answers`, key: the command's id, which is this event's `id`, too.

    `reason`: why it was refused; empty when it was carried out. `amount_e4` moved; `available_e4` is what the
    party can spend afterwards, its credit line included. Sent again when the command comes again.
    """

    name: Name
    subject: Name
    accepted: bool
    reason: Word = ""
    amount_e4: int = 0
    available_e4: int = 0
    reply_to: ReplyTo = ""
    """Where over MQTT who asked listens; empty: asked over Kafka."""


class Query(Event, frozen=True, kw_only=True, tag="query"):
    """Someone asks for facts that a lane no longer holds. Topic `waybook.queries`, key: subject."""

    name: Name
    subject: Name
    reply_topic: Name
    reply_key: Name
    body: msgspec.Raw


ParcelEvent = ParcelFact | ParcelRecalled
ControlEvent = (
    TariffPublished
    | TariffPart
    | TariffWithdrawn
    | NetworkPublished
    | NetworkPart
    | PartyTransferred
    | PartiesMerged
    | HandoverWithdrawn
    | BalanceMoved
    | VolumesCounted
    | CostIncurred
    | CostWithdrawn
    | BooksClosed
    | BooksReopened
)
AnyEvent = (
    Order
    | Scan
    | Weight
    | Claim
    | ClaimWithdrawn
    | WeightDecided
    | ParcelRecalled
    | StayOpened
    | StayMeasured
    | StayReduced
    | StayMoved
    | StayClosed
    | Haul
    | MonthStored
    | MonthShipped
    | StayRecalled
    | TariffPublished
    | TariffPart
    | TariffWithdrawn
    | NetworkPublished
    | NetworkPart
    | PartyTransferred
    | PartiesMerged
    | HandoverWithdrawn
    | BalanceMoved
    | VolumesCounted
    | CostIncurred
    | CostWithdrawn
    | BooksClosed
    | BooksReopened
    | Tick
    | DeadLetter
    | DeadLetterReplayed
    | Command
    | Answer
    | Query
)
