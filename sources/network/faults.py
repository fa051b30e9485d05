"""What goes wrong in a network, how often, and the rule that each piece of nonsense breaks.

Every entry of `DEVICE_NONSENSE` and `ORDER_NONSENSE` makes one message that must be refused with that reason.
Each carries its own serial number, so that no two are alike and each becomes a dead letter of its own.
"""

from collections.abc import Callable

import msgspec

from schemas import topics
from schemas.events import Claim, Order, WeightDecided
from schemas.limits import MOST_LENGTH_MM, MOST_WEIGHT_G
from schemas.money import MOST
from schemas.times import DAY
from sources.network.devices import Message, spell
from sources.network.life import Fact


class Faults(msgspec.Struct, frozen=True):
    """How often things go wrong: chances per message, or per parcel where it says so."""

    repeated: float = 0.01
    """Sent again exactly, up to five hours later."""
    delayed: float = 0.02
    """Sent up to six hours after it happened."""
    lost_scan: float = 0.01
    """Never sent."""
    lost_weight: float = 0.03
    unreadable: float = 0.02
    """A scale or DWS machine could not read the barcode and says so, before it can."""
    differing_weight: float = 0.02
    """A scale is wrong by a third or more and at least 600 g."""
    better_weight_late: float = 0.02
    """Per parcel: the outlet's scale is wrong as above, and what the hub weighed comes after the signature."""
    earlier_weight: float = 0.01
    """Per parcel: the hub had weighed it before, otherwise, and that comes hours after the later weighing."""
    late_order: float = 0.01
    """Per parcel: the order comes 2 to 30 hours late."""
    malformed: float = 0.05
    """Per parcel: nonsense beside its messages."""
    signed_anyway: float = 0.1
    """Per parcel that went back or on: hours later somebody signs for it under the old waybill."""
    conflicting: float = 0.01
    """Per parcel: two different scans under one id."""


NONE = Faults(*[0.0] * len(Faults.__struct_fields__))


class Nonsense(msgspec.Struct, frozen=True):
    """A message that cannot be used. An empty topic is that of orders, claims and decisions, on Kafka."""

    topic: str
    payload: bytes
    reason: str


DEPTH = 20_000
"""Brackets that a nested message opens."""

Maker = Callable[[Fact, Fact, str], Message]
"""From a parcel's pick-up scan, its hub weight and a serial number."""

_with = msgspec.structs.replace


def _bytes(raw: str) -> Maker:
    return lambda scan, weight, serial: _with(spell(scan, serial), payload=raw.format(serial).encode())


def _nested(scan: Fact, weight: Fact, serial: str) -> Message:  # noqa: ARG001
    """Lists in lists, deeper than a decoder follows."""
    return _with(spell(scan, serial), payload=f'"{serial}"'.encode().rjust(DEPTH, b"["))


def _scanned(**changes: object) -> Maker:
    return lambda scan, weight, serial: spell(_with(scan, **changes), serial)


def _weighed(**changes: object) -> Maker:
    return lambda scan, weight, serial: spell(_with(weight, **changes), serial)


def _moved(milliseconds: int) -> Maker:
    return lambda scan, weight, serial: spell(_with(scan, time=scan.time + milliseconds), serial)


def _topic(level: int, value: str) -> Maker:
    def make(scan: Fact, weight: Fact, serial: str) -> Message:  # noqa: ARG001
        message = spell(scan, serial, "pda")
        levels = message.topic.split("/")
        levels[level] = value
        return _with(message, topic="/".join(levels))

    return make


def _renamed(serial: str, scan: Fact) -> Message:
    return spell(_with(scan, waybill=f"??{serial}"), serial)


def _without_time(scan: Fact, weight: Fact, serial: str) -> Message:  # noqa: ARG001
    message = spell(scan, serial, "sorter")
    return _with(message, payload=message.payload.replace(f'"t":{scan.time}'.encode(), b'"t":"noon"'))


DEVICE_NONSENSE: tuple[tuple[str, Maker], ...] = (
    ("not_json", _bytes("#{}#")),
    ("not_json", _nested),
    ("wrong_type", _bytes('["{}"]')),
    ("unknown_dialect", _topic(2, "morse")),
    ("unknown_site", _topic(3, "999999-001")),
    ("unknown_operation", _scanned(operation="99")),
    ("waybill_out_of_pattern", lambda scan, weight, serial: _renamed(serial, scan)),
    ("weight_out_of_range", _weighed(weight_g=MOST_WEIGHT_G + 8_999_000)),
    ("weight_out_of_range", _weighed(weight_g=-70)),
    ("size_out_of_range", _weighed(sides_mm=(MOST_LENGTH_MM + 10, 100, 100))),
    ("time_unreadable", _without_time),
    ("time_in_future", _moved(30 * DAY)),
    ("time_too_old", _moved(-9_000 * DAY)),
)


def _claim(order: Order, kind: str = "damaged", responsible: str = "") -> bytes:
    """A claim about the parcel of an order."""
    claim = Claim(id=order.id, time=order.time, waybill=order.waybill, kind=kind, responsible=responsible)
    return msgspec.json.encode(claim)


def _undecided(order: Order) -> bytes:
    """An override without a weight."""
    decision = WeightDecided(
        id=order.id, time=order.time, waybill=order.waybill, decision="override", decided_by="计重复核"
    )
    return msgspec.json.encode(decision)


ORDER_NONSENSE: tuple[tuple[str, Callable[[Order], bytes]], ...] = (
    ("not_json", lambda order: msgspec.json.encode(order)[:-1]),
    ("wrong_type", lambda order: _field(order, "origin", None)),
    ("not_json", lambda order: msgspec.json.encode(order)[:-1] + b',"more":' + b'{"a":' * DEPTH),
    ("unknown_type", lambda order: _field(order, "type", "odour")),
    ("unknown_product", lambda order: _field(order, "product", "XXX")),
    ("unknown_outlet", lambda order: _field(order, "destination", "000000-000")),
    ("amount_out_of_range", lambda order: _field(order, "payment_e4", MOST + 1)),
    ("part_of_a_fen", lambda order: _field(order, "payment_e4", order.payment_e4 + 1)),
    ("unknown_county", lambda order: _field(order, "origin_county", "000000")),
    ("unknown_claim", lambda order: _claim(order, kind="odour")),
    ("unknown_party", lambda order: _claim(order, responsible="999999")),
    ("nobody_named", _claim),
    ("decision_incomplete", _undecided),
)


def _field(order: Order, name: str, value: object) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(order), name: value})


def kinds() -> int:
    """How many kinds of nonsense there are."""
    return len(DEVICE_NONSENSE) + len(ORDER_NONSENSE)


def nonsense(kind: int, scan: Fact, weight: Fact, order: Order, serial: str) -> Nonsense:
    """Nonsense number `kind` (from 0). `order` is the parcel's; the nonsense gets an id of its own."""
    if kind < len(DEVICE_NONSENSE):
        reason, make = DEVICE_NONSENSE[kind]
        message = make(scan, weight, serial)
        return Nonsense(message.topic, message.payload, reason)
    reason, spoil = ORDER_NONSENSE[kind - len(DEVICE_NONSENSE)]
    return Nonsense("", spoil(_with(order, id=f"order-{serial}")), reason)


def dead_letter_topic(topic: str) -> str:
    """The topic that a dead letter names: MQTT's, or that of orders."""
    return topic or topics.ORDERS.name
