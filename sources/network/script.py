"""What is published for a parcel and when: its facts as messages, some of them spoiled, and the truth of each.

A *cue* is one message to publish at a simulated time. What must come of it is written beside it: accepted
under an event id, refused by a rule, or a repeat that changes nothing.
"""

import random
from typing import Literal

import msgspec

from schemas.events import Order
from schemas.identity import content_id
from schemas.times import DAY, HOUR
from sources.network.devices import Message, spell
from sources.network.life import Fact, Parcel

Fate = Literal["accepted", "refused", "repeated"]


class Faults(msgspec.Struct, frozen=True):
    """How often things go wrong: chances per message (first five) or per parcel."""

    repeated: float = 0.01
    delayed: float = 0.02
    lost_scan: float = 0.01
    lost_weight: float = 0.03
    unreadable: float = 0.02
    late_order: float = 0.01
    differing_weight: float = 0.02
    malformed: float = 0.05
    conflicting: float = 0.01


NONE = Faults(*[0.0] * len(Faults.__struct_fields__))


class Cue(msgspec.Struct, order=True):
    """A message and its fate. `topic` is MQTT's, or empty for an order to Kafka (key: waybill)."""

    at: int
    number: int
    place: int
    topic: str
    payload: bytes
    waybill: str
    fate: Fate
    event_id: str
    reason: str = ""


class Script:
    """Makes a parcel's cues."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def cues(self, parcel: Parcel, r: random.Random) -> list[Cue]:
        """In no particular order; each has its time."""
        f, cues = self.faults, list[Cue]()
        self._add_order(parcel, r, cues)
        for place, fact in enumerate(parcel.facts[1:], 1):
            if fact.kind == "scan" and fact.operation in ("20", "30", "40") and r.random() < f.lost_scan:
                continue
            if fact.kind == "weight" and r.random() < f.lost_weight:
                continue
            if fact.kind == "weight" and r.random() < f.differing_weight:
                fact.weight_g = fact.weight_g * r.randint(130, 200) // 100 + 600
            self._add_fact(fact, f"{parcel.number:x}{place:02d}", r, cues)
            if fact.kind == "weight" and r.random() < f.unreadable:
                unread = msgspec.structs.replace(
                    fact, waybill="noread" if fact.site and fact.site.hub else ""
                )
                self._refused(
                    spell(unread, f"{parcel.number:x}{place:02d}n"), unread, "barcode_unreadable", cues
                )
        if r.random() < f.conflicting:
            self._add_conflict(parcel, r, cues)
        if r.random() < f.malformed:
            self._add_malformed(parcel, r, cues)
        return cues

    def _add_order(self, parcel: Parcel, r: random.Random, cues: list[Cue]) -> None:
        fact = parcel.facts[0]
        order = order_of(parcel, fact.time)
        late = r.randint(2, 30) * HOUR if r.random() < self.faults.late_order else 0
        cue = Cue(
            fact.time + late,
            parcel.number,
            0,
            "",
            msgspec.json.encode(order),
            order.waybill,
            "accepted",
            order.id,
        )
        cues.append(cue)
        self._maybe_again(cue, r, cues)

    def _add_fact(self, fact: Fact, serial: str, r: random.Random, cues: list[Cue]) -> None:
        message = spell(fact, serial)
        delay = r.randint(1, 6 * 60) * HOUR // 60 if r.random() < self.faults.delayed else 0
        cue = _cue(message, fact, len(cues), "accepted", at=fact.time + delay)
        cues.append(cue)
        self._maybe_again(cue, r, cues)

    def _maybe_again(self, cue: Cue, r: random.Random, cues: list[Cue]) -> None:
        if r.random() < self.faults.repeated:
            again = msgspec.structs.replace(cue, fate="repeated", at=cue.at + r.randint(1, 5 * HOUR))
            again.place = len(cues) + 100
            cues.append(again)

    def _refused(self, message: Message, fact: Fact, reason: str, cues: list[Cue]) -> None:
        cues.append(_cue(message, fact, len(cues) + 200, "refused", reason))

    def _add_conflict(self, parcel: Parcel, r: random.Random, cues: list[Cue]) -> None:
        """A handheld says two different things under one id; whichever comes second is refused."""
        fact = parcel.facts[-1]
        serial = f"{parcel.number:x}c"
        one = msgspec.structs.replace(fact, operation="40", time=fact.time - HOUR)
        two = msgspec.structs.replace(one, time=one.time + r.randint(60, 600) * 1000)
        cues.append(_cue(spell(one, serial, "pda"), one, 300, "accepted"))
        cues.append(
            _cue(spell(two, serial, "pda"), two, 301, "refused", "conflicting_duplicate", at=one.time + HOUR)
        )

    def _add_malformed(self, parcel: Parcel, r: random.Random, cues: list[Cue]) -> None:
        fact = next(fact for fact in parcel.facts if fact.kind == "weight")
        scan = parcel.facts[1]
        serial = f"{parcel.number:x}m"
        kind = r.randrange(10)
        if kind >= 8:
            wrong = {"product": "XXX"} if kind == 8 else {"destination": "000000-000"}
            order = msgspec.structs.replace(order_of(parcel, fact.time), id=f"order-{serial}", **wrong)
            reason = "unknown_product" if kind == 8 else "unknown_outlet"
            raw = msgspec.json.encode(order)
            cues.append(Cue(fact.time, parcel.number, 400, "", raw, order.waybill, "refused", "", reason))
            return
        message, reason = _MALFORMED[kind](fact, scan, serial)
        self._refused(message, scan, reason, cues)


def order_of(parcel: Parcel, time: int) -> Order:
    """The parcel's order as the business system writes it."""
    return Order(
        id=f"order-{parcel.number:x}",
        time=time,
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
    )


def _cue(message: Message, fact: Fact, place: int, fate: Fate, reason: str = "", at: int = 0) -> Cue:
    number = int(fact.waybill[2:]) if fact.waybill[2:].isdigit() else 0
    event_id = message.event_id if fate == "accepted" else ""
    return Cue(
        at or fact.time, number, place, message.topic, message.payload, fact.waybill, fate, event_id, reason
    )


def _with(message: Message, payload: bytes = b"", topic: str = "") -> Message:
    return Message(topic or message.topic, payload or message.payload, "")


def _elsewhere(fact: Fact, scan: Fact, serial: str) -> tuple[Message, str]:  # noqa: ARG001
    message = spell(scan, serial)
    levels = message.topic.split("/")
    levels[3] = "999999-001"
    return _with(message, topic="/".join(levels)), "unknown_site"


_replace = msgspec.structs.replace
_MALFORMED = (
    lambda fact, scan, serial: (_with(spell(scan, serial), f"#{serial}#".encode()), "not_json"),
    lambda fact, scan, serial: (_with(spell(scan, serial), f'["{serial}"]'.encode()), "wrong_type"),
    lambda fact, scan, serial: (spell(_replace(scan, operation="99"), serial), "unknown_operation"),
    _elsewhere,
    lambda fact, scan, serial: (spell(_replace(fact, weight_g=9_999_000), serial), "weight_out_of_range"),
    lambda fact, scan, serial: (spell(_replace(scan, time=scan.time + 30 * DAY), serial), "time_in_future"),
    lambda fact, scan, serial: (spell(_replace(scan, time=scan.time - 9000 * DAY), serial), "time_too_old"),
    lambda fact, scan, serial: (
        spell(_replace(scan, waybill=f"??{serial}"), serial),
        "waybill_out_of_pattern",
    ),
)


def dead_letter_id(cue: Cue) -> str:
    """The id that a refused message gets where it is refused as it came."""
    return content_id("dl", cue.topic, cue.payload)
