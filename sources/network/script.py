"""What is published for a parcel and when: its facts as messages, some of them spoiled, and the truth of each.

A *cue* is one message to publish at a simulated time. What must come of it is written beside it: accepted
under an event id, refused by a rule, or a repeat that changes nothing.
"""

import random
from typing import Literal

import msgspec

from schemas.events import (
    ENDS,
    GONE,
    OPERATIONS,
    OUT_FOR_DELIVERY,
    PICKED_UP,
    SIGNED,
    Claim,
    Order,
    ParcelEvent,
)
from schemas.identity import content_id
from schemas.times import HOUR, MINUTE, SECOND
from sources.network import desk, faults
from sources.network.desk import Desk, Weighing
from sources.network.devices import Message, spell
from sources.network.directory import Site
from sources.network.faults import Faults
from sources.network.life import Fact, Parcel
from sources.network.trade import Terms

Fate = Literal["accepted", "refused", "repeated"]

CLASSES = {True: "hub_dws", False: "outlet_scale"}
"""Who weighs: by whether the site is a hub."""
LATEST = 46 * HOUR
"""How late a weighing comes at most: well within the age that lanes accept by default."""
JUDGED_BY_LANES = ("time_in_future", "time_too_old", "conflicting_duplicate")
"""Reasons that lanes find, too, or alone: such dead letters may hold the normalised event, not the device's bytes."""


class Cue(msgspec.Struct, order=True):
    """A message and its fate. `topic` is MQTT's, or empty for what a business system says on Kafka (key: waybill).

    `at` and the following two order cues: simulated time (UTC ms), parcel, place among the parcel's cues.
    """

    at: int
    parcel: int
    place: int
    topic: str
    payload: bytes
    waybill: str
    fate: Fate
    event_id: str = ""
    reason: str = ""
    dead_letter: str = ""
    """The dead letter's id, where it holds the message as it was sent."""
    fault: str = ""
    """The fault that made or changed it, as `Faults` names them."""
    store: bool = False
    """It is about goods in a store, not about a parcel; `waybill` is then the stay, or the haul."""


class Claimed(msgspec.Struct, frozen=True):
    """A claim, and how many withdrawals of it there are."""

    event_id: str
    kind: str
    responsible: str
    beneficiary: str
    amount_e4: int
    withdrawn: int


class Decided(msgspec.Struct, frozen=True):
    """What somebody decided about the weight: that one of an event stays, or (0 g: none) so many grams."""

    event_id: str
    decision: str
    weight_event: str
    weight_g: int
    volume_cm3: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a parcel once all its cues have been published. Times are UTC ms, 0: did not happen."""

    waybill: str
    order_id: str
    origin: str
    destination: str
    product: str
    payment_e4: int
    declared_g: int
    picked_up: int
    signed: int
    gone: int
    """When it went back or on."""
    weights: tuple[Weighing, ...]
    """The best class first, in a class the earliest: the first one is to be adopted unless somebody decides."""
    events: int
    """Facts that are accepted: rows of this waybill among the events. Decisions stand elsewhere."""
    unscanned: tuple[str, ...]
    """Operations of which no scan is accepted."""
    lost: tuple[str, ...]
    """Scans (by operation) and weights (by class) that were never sent."""
    customer: str
    terms: Terms
    picked_by: str
    """Courier of the pick-up, as far as the device told; `signed_by`: of the signature."""
    signed_by: str
    claims: tuple[Claimed, ...]
    decided: Decided | None


class Script:
    """Makes a parcel's cues."""

    def __init__(self, faults: Faults, desk: Desk | None = None) -> None:
        self.faults, self.desk = faults, desk or Desk()

    def perform(self, parcel: Parcel, r: random.Random) -> tuple[list[Cue], Outcome]:
        """Its cues, in no particular order, and what must come of them."""
        return _Performance(parcel, r, self.faults, self.desk).all()


class _Performance:
    """One parcel's cues in the making."""

    def __init__(self, parcel: Parcel, r: random.Random, rates: Faults, desk: Desk) -> None:
        self.parcel, self.r, self.rates, self.desk = parcel, r, rates, desk
        self.cues: list[Cue] = []
        self.lost: list[str] = []
        self.weights: list[Weighing] = []
        self.scans: dict[str, int] = {}
        """Operation → the earliest time."""
        self.couriers: dict[str, str] = {}
        """Operation → who made the earliest scan, where the device tells."""
        self.weighed = 0
        """When the last weighing is heard of."""
        self.claims: list[Claimed] = []
        self.decided: Decided | None = None
        self.better_late = False

    def all(self) -> tuple[list[Cue], Outcome]:
        """Everything, in the order in which chance is asked."""
        self._order()
        self.better_late = self._chance(self.rates.better_weight_late)
        for number, fact in enumerate(self.parcel.facts[1:], 1):
            self._fact(fact, f"{self.parcel.number:x}{number:02d}")
        if self._chance(self.rates.earlier_weight):
            self._weigh_earlier(f"{self.parcel.number:x}e")
        last = self.parcel.facts[-1]
        if last.operation in GONE and self._chance(self.rates.signed_anyway):
            self._sign_anyway(last, f"{self.parcel.number:x}s")
        if self._chance(self.rates.conflicting):
            self._conflict(f"{self.parcel.number:x}c")
        if self._chance(self.rates.malformed):
            self._nonsense(f"{self.parcel.number:x}m")
        for claim in desk.claims(self.parcel, self.r, self.desk):
            self._claim(claim)
        if len(self.weights) > 1 and desk.differ(self._best_first()) and self._chance(self.desk.decided):
            self._decide()
        return self.cues, self._outcome()

    def _chance(self, of: float) -> bool:
        return self.r.random() < of

    def _order(self) -> None:
        order = order_of(self.parcel)
        late = self.r.randint(2, 30) * HOUR if self._chance(self.rates.late_order) else 0
        self._write(order, order.time + late, "late_order" if late else "")

    def _claim(self, claim: Claim) -> None:
        """A claim, perhaps with its withdrawal, which may come first."""
        at, withdrawn = claim.time, self._chance(self.desk.withdrawn)
        if withdrawn:
            taken_back = desk.withdrawal(claim, self.r)
            self._write(taken_back, taken_back.time)
            if self._chance(self.desk.withdrawn_first):
                at = taken_back.time + self.r.randint(1, 60) * MINUTE
        self._write(claim, at)
        self.claims.append(
            Claimed(
                claim.id, claim.kind, claim.responsible, claim.beneficiary, claim.amount_e4, int(withdrawn)
            )
        )

    def _decide(self) -> None:
        """Somebody looks at the weights some hours after the last one."""
        at = self.weighed + self.r.randint(1, 20) * HOUR
        made = desk.decision(self.parcel, self._best_first(), at, self.r, self.desk)
        self._write(made, made.time)
        self.decided = Decided(made.id, made.decision, made.weight_event, made.weight_g, made.volume_cm3)

    def _write(self, event: ParcelEvent, at: int, fault: str = "") -> None:
        """What a business system writes to Kafka, perhaps twice."""
        cue = self._cue(at, "", msgspec.json.encode(event), "accepted", fault)
        cue.event_id = event.id
        self._maybe_again(cue)

    def _fact(self, fact: Fact, serial: str) -> None:
        assert fact.site is not None
        if fact.kind == "scan":
            if self._chance(self.rates.lost_scan):
                self.lost.append(fact.operation)
                return
        else:
            if self.better_late:
                self._weigh_late(fact, serial)
                return
            if self._chance(self.rates.lost_weight):
                self.lost.append(CLASSES[fact.site.hub])
                return
            if self._chance(self.rates.unreadable):
                unread = msgspec.structs.replace(
                    fact, waybill="noread" if fact.site.hub else "", time=fact.time - SECOND
                )
                self._refuse(spell(unread, f"{serial}n"), unread.time, "barcode_unreadable", "unreadable")
            if self._chance(self.rates.differing_weight):
                self._say(self._wrong(fact), serial, "differing_weight")
                return
        self._say(fact, serial)

    def _wrong(self, fact: Fact) -> Fact:
        """A weighing that is wrong by a third or more, and at least 600 g."""
        return msgspec.structs.replace(fact, weight_g=fact.weight_g * self.r.randint(130, 200) // 100 + 600)

    def _weigh_late(self, fact: Fact, serial: str) -> None:
        """The outlet weighs wrong; the hub weighs right, which nobody hears of before the parcel is signed for."""
        assert fact.site is not None
        if not fact.site.hub:
            self._say(self._wrong(fact), serial, "better_weight_late")
            return
        late = self.parcel.facts[-1].time + self.r.randint(1, 6) * HOUR - fact.time
        self._say(fact, serial, "better_weight_late", delay=min(late, LATEST))

    def _weigh_earlier(self, serial: str) -> None:
        """The hub has weighed twice; the first weighing, which is in force, comes hours after the second."""
        weight = self._hub_weight()
        before = msgspec.structs.replace(
            self._wrong(weight), time=weight.time - self.r.randint(5, 40) * MINUTE
        )
        self._say(before, serial, "earlier_weight", delay=self.r.randint(2, 8) * HOUR)

    def _sign_anyway(self, last: Fact, serial: str) -> None:
        """It has gone back or on, and there is a signature all the same."""
        later = last.time + self.r.randint(1, 6) * HOUR
        self._say(msgspec.structs.replace(last, operation=SIGNED, time=later), serial, "signed_anyway")

    def _hub_weight(self) -> Fact:
        return next(
            fact for fact in self.parcel.facts if fact.site is not None and fact.site.hub and fact.weight_g
        )

    def _say(self, fact: Fact, serial: str, fault: str = "", dialect: str = "", delay: int = 0) -> None:
        """A fact that is accepted, perhaps late (`delay`: ms), perhaps twice."""
        message = spell(fact, serial, dialect)
        if not fault and self._chance(self.rates.delayed):
            fault, delay = "delayed", self.r.randint(1, 6 * 60) * MINUTE
        cue = self._cue(fact.time + delay, message.topic, message.payload, "accepted", fault)
        cue.event_id = message.event_id
        self._maybe_again(cue)
        if fact.kind == "scan":
            if message.time < self.scans.get(fact.operation, message.time + 1):
                self.scans[fact.operation] = message.time
                self.couriers[fact.operation] = message.courier
        else:
            self.weighed = max(self.weighed, cue.at)
            assert fact.site is not None
            a, b, c = fact.sides_mm
            self.weights.append(
                Weighing(
                    CLASSES[fact.site.hub], message.time, message.event_id, fact.weight_g, a * b * c // 1000
                )
            )

    def _maybe_again(self, cue: Cue) -> None:
        if self._chance(self.rates.repeated):
            later = cue.at + self.r.randint(1, 5 * HOUR)
            again = self._cue(later, cue.topic, cue.payload, "repeated", "repeated")
            again.event_id = cue.event_id

    def _conflict(self, serial: str) -> None:
        """A handheld says two different things under one id; whichever comes second is refused."""
        last = self.parcel.facts[-1]
        operation = OUT_FOR_DELIVERY if last.operation in ENDS else last.operation
        one = msgspec.structs.replace(last, operation=operation, time=last.time - HOUR)
        two = msgspec.structs.replace(one, time=one.time + self.r.randint(60, 600) * SECOND)
        self._say(one, serial, "conflicting", "pda")
        self._refuse(spell(two, serial, "pda"), one.time + HOUR, "conflicting_duplicate", "conflicting")

    def _nonsense(self, serial: str) -> None:
        scan, weight = self.parcel.facts[1], self._hub_weight()
        order = order_of(self.parcel)
        found = faults.nonsense(self.r.randrange(faults.kinds()), scan, weight, order, serial)
        cue = self._cue(scan.time, found.topic, found.payload, "refused", "malformed")
        cue.reason, cue.dead_letter = found.reason, _dead_letter(found.reason, found.topic, found.payload)

    def _refuse(self, message: Message, at: int, reason: str, fault: str) -> None:
        cue = self._cue(at, message.topic, message.payload, "refused", fault)
        cue.reason, cue.dead_letter = reason, _dead_letter(reason, message.topic, message.payload)

    def _cue(self, at: int, topic: str, payload: bytes, fate: Fate, fault: str) -> Cue:
        parcel = self.parcel
        cue = Cue(at, parcel.number, len(self.cues), topic, payload, parcel.waybill, fate, fault=fault)
        self.cues.append(cue)
        return cue

    def _best_first(self) -> tuple[Weighing, ...]:
        order = list(CLASSES.values())
        return tuple(sorted(self.weights, key=lambda w: (order.index(w.weight_class), w.time, w.event_id)))

    def _outcome(self) -> Outcome:
        parcel = self.parcel
        return Outcome(
            waybill=parcel.waybill,
            order_id=order_of(parcel).id,
            origin=parcel.origin.code,
            destination=parcel.destination.code,
            product=parcel.product,
            payment_e4=parcel.payment_e4,
            declared_g=parcel.declared_g,
            picked_up=self.scans.get(PICKED_UP, 0),
            signed=self.scans.get(SIGNED, 0),
            gone=min((self.scans[how] for how in GONE if how in self.scans), default=0),
            weights=self._best_first(),
            events=sum(cue.fate == "accepted" for cue in self.cues) - (self.decided is not None),
            unscanned=tuple(operation for operation in OPERATIONS if operation not in self.scans),
            lost=tuple(self.lost),
            customer=parcel.customer,
            terms=parcel.terms,
            picked_by=self.couriers.get(PICKED_UP, ""),
            signed_by=self.couriers.get(SIGNED, ""),
            claims=tuple(self.claims),
            decided=self.decided,
        )


def order_of(parcel: Parcel) -> Order:
    """The parcel's order as the business system writes it."""
    return Order(
        id=f"order-{parcel.number:x}",
        time=parcel.facts[0].time,
        waybill=parcel.waybill,
        origin=parcel.origin.code,
        destination=parcel.destination.code,
        origin_city=parcel.origin.city,
        origin_province=parcel.origin.province,
        destination_city=parcel.destination.city,
        destination_province=parcel.destination.province,
        customer=parcel.customer,
        product=parcel.product,
        declared_g=parcel.declared_g,
        payment_e4=parcel.payment_e4,
        origin_county=_county(parcel.origin, parcel.number),
        destination_county=_county(parcel.destination, parcel.number + 50),
        **msgspec.structs.asdict(parcel.terms),
    )


def _county(outlet: Site, number: int) -> str:
    """The county of an address: one that the outlet serves; of every hundredth another of its city; or none."""
    if number % 10 == 0:
        return outlet.elsewhere if number % 100 == 0 else ""
    return outlet.counties[number % len(outlet.counties)] if outlet.counties else ""


def _dead_letter(reason: str, topic: str, payload: bytes) -> str:
    if reason in JUDGED_BY_LANES:
        return ""
    return content_id("dl", faults.dead_letter_topic(topic), payload)
