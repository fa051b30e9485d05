"""A device's message → an event in the network's words, or a dead letter with the rule that it breaks.

Numbers are read as decimals, never as floats; times become UTC; the site in the topic gives outlet, city and
province; the code gets its meaning from (source, code). Pure: the same message gives the same event.
"""

from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import msgspec

from flows.governance.dialects import Dialect, Dialects
from flows.governance.network import Network, Site
from schemas.events import DeadLetter, OperationCode, Scan, Weight, WeightClass
from schemas.identity import content_id
from schemas.limits import MOST_IDENTIFIER, MOST_LENGTH_MM, MOST_WEIGHT_G, WAYBILL
from schemas.times import SHANGHAI_OFFSET

LEVELS = 5
"""waybook/devices/{dialect}/{site}/{device}"""

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
SHANGHAI = timezone(timedelta(milliseconds=SHANGHAI_OFFSET))
_FACTOR = {"g": 1, "kg": 1000, "mm": 1, "cm": 10}


class _BrokenRuleError(ValueError):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def normalise(
    topic: str, payload: bytes, received: int, network: Network, dialects: Dialects
) -> Scan | Weight | DeadLetter | None:
    """The event of a message that arrived at `received` (UTC ms). None: an operation that nothing depends on."""
    try:
        return _event(topic, payload, network, dialects)
    except _BrokenRuleError as broken:
        return DeadLetter(
            id=content_id("dl", topic, payload),
            time=received,
            reason=broken.reason,
            detail=str(broken)[:300],
            transport="mqtt",
            topic=topic[:256],
            raw=payload,
        )


def _event(topic: str, payload: bytes, network: Network, dialects: Dialects) -> Scan | Weight | None:
    levels = topic.split("/")
    dialect = dialects.dialects.get(levels[2]) if len(levels) == LEVELS else None
    if dialect is None:
        raise _BrokenRuleError("unknown_dialect", f"no dialect for topic {topic!r}")
    site = network.sites.get(levels[3])
    if site is None:
        raise _BrokenRuleError("unknown_site", f"{levels[3]!r} is no site of the network")
    try:
        message = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidOperation) as error:
        raise _BrokenRuleError("not_json", str(error)) from error
    if not isinstance(message, dict):
        raise _BrokenRuleError("wrong_type", "the message is no JSON object")
    waybill = _text(message, dialect.waybill)
    if waybill in dialect.unreadable:
        raise _BrokenRuleError("barcode_unreadable", f"{dialect.waybill} is {waybill!r}")
    if not WAYBILL.fullmatch(waybill):
        raise _BrokenRuleError("waybill_out_of_pattern", f"{waybill!r} is no waybill number")
    time = _time(message.get(dialect.time), dialect)
    event_id = _id(message, dialect, topic, payload)
    if dialect.kind == "scan":
        return _scan(message, dialect, dialects, site, levels[4], waybill, time, event_id)
    return _weight(message, dialect, site, levels[4], waybill, time, event_id)


def _scan(
    message: dict[str, Any],
    dialect: Dialect,
    dialects: Dialects,
    site: Site,
    device: str,
    waybill: str,
    time: int,
    event_id: str,
) -> Scan | None:
    code = _text(message, dialect.operation)
    operation = dialects.operations.get((dialect.source, code))
    if operation is None:
        raise _BrokenRuleError("unknown_operation", f"{dialect.source} has no operation {code!r}")
    if not operation:
        return None
    known: OperationCode = operation  # type: ignore[assignment]  # read_dialects admits no other
    return Scan(
        id=event_id,
        time=time,
        waybill=waybill,
        operation=known,
        source=dialect.source,
        code=code,
        site=site.site,
        outlet=site.outlet,
        city=site.city,
        province=site.province,
        device=device[:MOST_IDENTIFIER],
    )


def _weight(
    message: dict[str, Any], dialect: Dialect, site: Site, device: str, waybill: str, time: int, event_id: str
) -> Weight:
    weight_g = _quantity(message, dialect.weight, dialect.weight_unit, "weight_out_of_range")
    if not 0 < weight_g <= MOST_WEIGHT_G:
        raise _BrokenRuleError(
            "weight_out_of_range", f"{weight_g} g is not between 1 g and {MOST_WEIGHT_G} g"
        )
    sides = []
    for field in (dialect.length, dialect.width, dialect.height):
        side = _quantity(message, field, dialect.length_unit, "size_out_of_range") if field in message else 0
        if not 0 <= side <= MOST_LENGTH_MM:
            raise _BrokenRuleError("size_out_of_range", f"{field} {side} mm is not up to {MOST_LENGTH_MM} mm")
        sides.append(side)
    weight_class: WeightClass = f"{site.kind}_{dialect.machine}"  # type: ignore[assignment]
    photo = message.get(dialect.photo) if dialect.photo else ""
    if isinstance(photo, list):
        photo = photo[0] if photo else ""
    return Weight(
        id=event_id,
        time=time,
        waybill=waybill,
        weight_g=weight_g,
        length_mm=sides[0],
        width_mm=sides[1],
        height_mm=sides[2],
        weight_class=weight_class,
        source=dialect.source,
        site=site.site,
        outlet=site.outlet,
        city=site.city,
        province=site.province,
        device=device[:MOST_IDENTIFIER],
        photo=photo[:256] if isinstance(photo, str) else "",
    )


def _text(message: dict[str, Any], field: str) -> str:
    value = message.get(field)
    if value is None:
        raise _BrokenRuleError("wrong_type", f"{field} is missing")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _BrokenRuleError("wrong_type", f"{field} is neither text nor a whole number")


def _id(message: dict[str, Any], dialect: Dialect, topic: str, payload: bytes) -> str:
    """The device's own id, or one made of what it said."""
    if dialect.id and isinstance(own := message.get(dialect.id), str | int) and own != "":
        event_id = f"{dialect.source}-{own}"
        if len(event_id) <= MOST_IDENTIFIER:
            return event_id
    return content_id(dialect.source, topic, payload)


def _quantity(message: dict[str, Any], field: str, unit: str, rule: str) -> int:
    """A number in grams or millimetres, rounded half up; whole, decimal, or text with a number in it."""
    value = message.get(field)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _BrokenRuleError("wrong_type", f"{field} is no number")
    try:
        exact = Decimal(value) * _FACTOR[unit]
        if not exact.is_finite() or abs(exact) > 10**9:
            raise _BrokenRuleError(rule, f"{field} {value} {unit} is not believable")
        return int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    except InvalidOperation:
        raise _BrokenRuleError("wrong_type", f"{field} {value!r} is no number") from None


def _time(value: object, dialect: Dialect) -> int:
    """UTC milliseconds of a time as the dialect writes it."""
    try:
        if dialect.time_format in ("epoch_ms", "epoch_s"):
            if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
                raise ValueError
            ms = int(Decimal(value) * (1 if dialect.time_format == "epoch_ms" else 1000))
        elif isinstance(value, str):
            text = value.strip().replace("/", "-")
            if dialect.time_format == "compact":
                text = f"{text[:8]}T{text[8:]}"
            moment = datetime.fromisoformat(text)
            ms = round_ms(moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI))
        else:
            raise ValueError
    except (ValueError, InvalidOperation, OverflowError):
        raise _BrokenRuleError("time_unreadable", f"{dialect.time} {value!r} is no time") from None
    if not 0 <= ms < 2**45:
        raise _BrokenRuleError("time_unreadable", f"{dialect.time} {value!r} is no believable time")
    return ms


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def round_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970, exactly: no float is involved."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
