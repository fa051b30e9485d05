"""Facts as devices spell them: topic and payload of an MQTT message.

Sites differ in their equipment: hubs have DWS lines of two makers and belt scanners, outlets have handhelds or
gates and a counter scale. Numbers are written from whole grams and millimetres, so that nothing is lost.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from schemas.identity import content_id
from schemas.times import SECOND, SHANGHAI_OFFSET
from schemas.topics import MQTT_ROOT
from sources.network.directory import Site
from sources.network.life import Fact

PDA = {
    "10": "收件",
    "20": "发件",
    "30": "到件",
    "40": "派件",
    "50": "签收",
    "60": "集包",
    "70": "退件",
    "80": "转寄",
}
GATE = {"10": "50", "20": "20", "30": "30", "40": "60", "50": "80", "60": "55", "70": "90", "80": "95"}
SORTER = {
    "10": "PICKUP",
    "20": "OUT",
    "30": "IN",
    "40": "DELIVER",
    "50": "SIGN",
    "60": "BAG",
    "70": "RETURN",
    "80": "REDIRECT",
}

Body = dict[str, object]


class Message(msgspec.Struct, frozen=True):
    """An MQTT message, the id that its event will have, and the time that the device tells (UTC ms)."""

    topic: str
    payload: bytes
    event_id: str
    time: int
    courier: str = ""
    """Who scanned, where the device tells."""


class Device(msgspec.Struct, frozen=True):
    """A family of devices: how it writes a reading, whether it numbers its messages, how fine its clock is,
    whether it tells whose it is."""

    body: Callable[[Fact, str], Body]
    numbers: bool
    clock: int
    tells_courier: bool = False


def dialect_of(site: Site, kind: str) -> str:
    """What a site's equipment speaks."""
    even = sum(site.code.encode()) % 2 == 0
    if kind == "weight":
        return ("dws-cm" if even else "dws-mm") if site.hub else "scale"
    return "sorter" if site.hub else ("pda" if even else "gate")


def spell(fact: Fact, serial: str, dialect: str = "") -> Message:
    """The message of a scan or weight. `serial`: unique to the reading, for devices that number theirs."""
    assert fact.site is not None
    dialect = dialect or dialect_of(fact.site, fact.kind)
    device = DEVICES[dialect]
    topic = f"{MQTT_ROOT}/{dialect}/{fact.site.code}/{dialect}-{sum(serial.encode()) % 4 + 1}"
    payload = json.dumps(device.body(fact, serial), ensure_ascii=False, separators=(",", ":")).encode()
    event_id = f"{dialect}-{serial}" if device.numbers else content_id(dialect, topic, payload)
    time = fact.time // device.clock * device.clock
    return Message(topic, payload, event_id, time, fact.courier if device.tells_courier else "")


def local(ms: int, form: str) -> str:
    """Shanghai's clock, to the second."""
    return (datetime.fromtimestamp(ms // SECOND, UTC) + timedelta(milliseconds=SHANGHAI_OFFSET)).strftime(
        form
    )


def _kilograms(grams: int) -> str:
    """
    >>> _kilograms(2500), _kilograms(-70)
    ('2.500', '-0.070')
    """
    sign = "-" if grams < 0 else ""
    return f"{sign}{abs(grams) // 1000}.{abs(grams) % 1000:03d}"


def _dws_cm(fact: Fact, serial: str) -> Body:
    a, b, c = (f"{side // 10}.{side % 10}" for side in fact.sides_mm)
    return {
        "ParcelId": serial,
        "Barcode": fact.waybill,
        "Weight": _kilograms(fact.weight_g),
        "Length": a,
        "Width": b,
        "Height": c,
        "ScannedAt": local(fact.time, "%Y-%m-%d %H:%M:%S.") + f"{fact.time % SECOND:03d}",
        "Images": [f"dws/{serial}.jpg"],
    }


def _dws_mm(fact: Fact, serial: str) -> Body:
    a, b, c = fact.sides_mm
    return {
        "msgId": serial,
        "barCode": fact.waybill,
        "weight": fact.weight_g,
        "length": a,
        "width": b,
        "height": c,
        "timestamp": fact.time,
        "imageUrl": f"img/{serial}",
    }


def _scale(fact: Fact, serial: str) -> Body:  # noqa: ARG001
    return {"no": fact.waybill, "kg": _kilograms(fact.weight_g), "ts": fact.time // SECOND}


def _pda(fact: Fact, serial: str) -> Body:
    """Handhelds are somebody's, so they tell whose."""
    body: Body = {
        "uuid": serial,
        "waybillNo": fact.waybill,
        "opName": PDA.get(fact.operation, fact.operation),
        "scanTime": local(fact.time, "%Y/%m/%d %H:%M:%S"),
    }
    return body | {"courier": fact.courier} if fact.courier else body


def _gate(fact: Fact, serial: str) -> Body:  # noqa: ARG001
    return {
        "BILL_CODE": fact.waybill,
        "SCAN_TYPE": GATE.get(fact.operation, fact.operation),
        "SCAN_DATE": local(fact.time, "%Y%m%d%H%M%S"),
    }


def _sorter(fact: Fact, serial: str) -> Body:
    return {
        "seq": serial,
        "code": fact.waybill,
        "event": SORTER.get(fact.operation, fact.operation),
        "t": fact.time,
    }


DEVICES = {
    "dws-cm": Device(_dws_cm, numbers=False, clock=1),
    "dws-mm": Device(_dws_mm, numbers=True, clock=1),
    "scale": Device(_scale, numbers=False, clock=SECOND),
    "pda": Device(_pda, numbers=True, clock=SECOND, tells_courier=True),
    "gate": Device(_gate, numbers=False, clock=SECOND),
    "sorter": Device(_sorter, numbers=True, clock=1),
}
