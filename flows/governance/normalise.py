"""A device's message → an event in the network's words, or a dead letter with the rule that it breaks.

The dialect says how to read the message, the site in the topic gives outlet, city and province, the code gets
its meaning from (source, code). Pure: the same message and directory give the same event.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from flows.governance.dialects import AnyDialect, Dialect, Dialects, ScanDialect, StayDialect, WeightDialect
from flows.governance.network import Network, Site
from flows.governance.readings import BrokenRuleError, instant, quantity, text
from flows.governance.stores import Said, of_stay
from schemas.events import DeadLetter, MeasuredClass, OperationCode, Scan, Weight
from schemas.identity import content_id
from schemas.limits import MOST_IDENTIFIER, MOST_LENGTH_MM, MOST_REFERENCE, MOST_WEIGHT_G, WAYBILL
from schemas.names import NameTwiceError, no_name_twice
from schemas.times import iso
from schemas.topics import MQTT_ROOT

Message = dict[str, Any]

MOST_RAW = 256 * 1024
"""Bytes of a message that its dead letter keeps. A device's message has a few hundred; a broker takes no record
above its own limit (by default 1 MB)."""
MOST_DETAIL = 300
NOT_MEASURED = (None, "")

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def normalise(
    topic: str,
    payload: bytes,
    received: int,
    network: Network,
    dialects: Dialects,
    between: tuple[int, int] | None = None,
) -> Scan | Weight | Said | DeadLetter | None:
    """The event of a message that arrived at `received` (UTC ms). None: an operation that nothing depends on.

    `between`: when a reading may have been made (UTC ms); a lane would refuse others, but no longer have the
    device's bytes. None: nobody knows, and the lanes judge.
    """
    try:
        event = _event(topic, payload, network, dialects)
        if between is not None and event is not None and not between[0] <= event.time <= between[1]:
            rule = "time_too_old" if event.time < between[0] else "time_in_future"
            raise BrokenRuleError(
                rule, f"{iso(event.time)} is not between {iso(between[0])} and {iso(between[1])}"
            )
        return event
    except BrokenRuleError as broken:
        return _dead_letter(topic, payload, received, broken)


def _event(topic: str, payload: bytes, network: Network, dialects: Dialects) -> Scan | Weight | Said | None:
    dialect, site, device = _origin(topic, network, dialects)
    message = _object(payload)
    if dialect.constants:
        message = dialect.constants | message
    if isinstance(dialect, StayDialect):
        at = instant(message.get(dialect.time), dialect.time_format, dialect.time)
        number = _id(message, dialect, topic, payload)
        return of_stay(message, dialect, dialects, site.site, device, number, at)
    common = {
        "waybill": _waybill(message, dialect),
        "time": instant(message.get(dialect.time), dialect.time_format, dialect.time),
        "id": _id(message, dialect, topic, payload),
        "source": dialect.source,
        "site": site.site,
        "outlet": site.outlet,
        "city": site.city,
        "province": site.province,
        "device": device,
    }
    if isinstance(dialect, WeightDialect):
        return _weight(message, dialect, site, common)
    return _scan(message, dialect, dialects, common)


def _origin(topic: str, network: Network, dialects: Dialects) -> tuple[AnyDialect, Site, str]:
    """What the topic waybook/devices/{dialect}/{site}/{device} says."""
    match topic.removeprefix(MQTT_ROOT).split("/"):
        case ["", name, code, device] if name in dialects.dialects:
            if code not in network.sites:
                raise BrokenRuleError("unknown_site", f"{code!r} is no site of the network")
            if len(device) > MOST_IDENTIFIER:
                raise BrokenRuleError(
                    "identifier_too_long", f"the device's name has {len(device)} characters"
                )
            return dialects.dialects[name], network.sites[code], device
    raise BrokenRuleError("unknown_dialect", f"no dialect for topic {topic!r}")


def _object(payload: bytes) -> Message:
    """The message. A name that stands twice is refused: another reader could believe the other value."""
    try:
        message = _decode(payload)
        no_name_twice(payload)
    except NameTwiceError as error:
        raise BrokenRuleError("name_twice", str(error)) from error
    except (ValueError, InvalidOperation, RecursionError) as error:
        raise BrokenRuleError("not_json", str(error)) from error
    if not isinstance(message, dict):
        raise BrokenRuleError("wrong_type", "the message is no JSON object")
    return message


def _waybill(message: Message, dialect: Dialect) -> str:
    if dialect.waybill not in message:
        raise BrokenRuleError("wrong_type", f"{dialect.waybill} is missing")
    value = message[dialect.waybill]
    waybill = "" if value is None else text(value, dialect.waybill)
    if not waybill or waybill in dialect.unreadable:
        raise BrokenRuleError("barcode_unreadable", f"{dialect.waybill} is {value!r}")
    if not WAYBILL.fullmatch(waybill):
        raise BrokenRuleError("waybill_out_of_pattern", f"{waybill!r} is no waybill number")
    return waybill


def _id(message: Message, dialect: Dialect, topic: str, payload: bytes) -> str:
    """The device's own id, or one made of what it said."""
    own = message.get(dialect.id) if dialect.id else None
    if own is None or own == "":
        return content_id(dialect.source, topic, payload)
    written = text(own, dialect.id)
    event_id = f"{dialect.source}-{written}"
    return event_id if len(event_id) <= MOST_IDENTIFIER else content_id(dialect.source, written)


def _scan(message: Message, dialect: ScanDialect, dialects: Dialects, common: dict[str, Any]) -> Scan | None:
    code = text(message.get(dialect.operation), dialect.operation)
    operation = dialects.operations.get((dialect.source, code))
    if operation is None:
        raise BrokenRuleError("unknown_operation", f"{dialect.source} has no operation {code!r}")
    if not operation:
        return None
    known: OperationCode = operation  # type: ignore[assignment]  # read_dialects admits no other
    return Scan(operation=known, code=code, courier=_courier(message, dialect), **common)


def _courier(message: Message, dialect: ScanDialect) -> str:
    """Who scanned; a scan is not refused for a courier that cannot be read."""
    courier = message.get(dialect.courier) if dialect.courier else None
    return courier.strip()[:MOST_IDENTIFIER] if isinstance(courier, str) else ""


def _weight(message: Message, dialect: WeightDialect, site: Site, common: dict[str, Any]) -> Weight:
    field = dialect.weight
    weight_g = quantity(message.get(field), dialect.weight_unit, field, "weight_out_of_range")
    if not 0 < weight_g <= MOST_WEIGHT_G:
        raise BrokenRuleError("weight_out_of_range", f"{weight_g} g is not between 1 g and {MOST_WEIGHT_G} g")
    length, width, height = (_side(message, field, dialect) for field in dialect.sides or ("", "", ""))
    weight_class: MeasuredClass = f"{site.kind}_{dialect.machine}"  # type: ignore[assignment]
    return Weight(
        weight_g=weight_g,
        length_mm=length,
        width_mm=width,
        height_mm=height,
        weight_class=weight_class,
        photo=_photo(message, dialect),
        **common,
    )


def _side(message: Message, field: str, dialect: WeightDialect) -> int:
    """Millimetres; 0: not measured."""
    value = message.get(field)
    if value in NOT_MEASURED:
        return 0
    side = quantity(value, dialect.side_unit, field, "size_out_of_range")
    if not 0 <= side <= MOST_LENGTH_MM:
        raise BrokenRuleError("size_out_of_range", f"{field} {side} mm is not up to {MOST_LENGTH_MM} mm")
    return side


def _photo(message: Message, dialect: WeightDialect) -> str:
    """The reference of the first photograph; a weight is not refused for one that is no text."""
    photo = message.get(dialect.photo)
    if isinstance(photo, list):
        photo = photo[0] if photo else ""
    if not isinstance(photo, str):
        return ""
    if len(photo) > MOST_REFERENCE:
        raise BrokenRuleError("identifier_too_long", f"{dialect.photo} has {len(photo)} characters")
    return photo


def _dead_letter(topic: str, payload: bytes, received: int, broken: BrokenRuleError) -> DeadLetter:
    detail = str(broken)[:MOST_DETAIL]
    if len(payload) > MOST_RAW:
        detail += f" (the first {MOST_RAW} of {len(payload)} bytes are kept)"
    return DeadLetter(
        id=content_id("dl", topic, payload),
        time=received,
        reason=broken.reason,
        detail=detail,
        transport="mqtt",
        topic=topic,
        raw=payload[:MOST_RAW],
    )
