"""Facts as devices spell them: topic and payload of an MQTT message.

Sites differ in their equipment: hubs have DWS lines of two makers and belt scanners, outlets have handhelds or
gates and a counter scale.
"""

import json
from datetime import UTC, datetime, timedelta

import msgspec

from schemas.identity import content_id
from schemas.topics import MQTT_ROOT
from sources.network.directory import Site
from sources.network.life import Fact

PDA = {"10": "收件", "20": "发件", "30": "到件", "40": "派件", "50": "签收"}
GATE = {"10": "50", "20": "20", "30": "30", "40": "60", "50": "80"}
SORTER = {"10": "PICKUP", "20": "OUT", "30": "IN", "40": "DELIVER", "50": "SIGN"}


class Message(msgspec.Struct):
    """An MQTT message, and the id that its event will have."""

    topic: str
    payload: bytes
    event_id: str


def local(ms: int) -> datetime:
    """Shanghai's clock."""
    return datetime.fromtimestamp(ms // 1000, UTC) + timedelta(hours=8, milliseconds=ms % 1000)


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
    topic = f"{MQTT_ROOT}/{dialect}/{fact.site.code}/{dialect}-{sum(serial.encode()) % 4 + 1}"
    own, body = _BODIES[dialect](fact, serial)
    payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Message(topic, payload, f"{dialect}-{own}" if own else content_id(dialect, topic, payload))


def _dws_cm(fact: Fact, serial: str) -> tuple[str, dict[str, object]]:
    a, b, c = (f"{side // 10}.{side % 10}" for side in fact.sides_mm)
    return "", {
        "ParcelId": serial,
        "Barcode": fact.waybill,
        "Weight": f"{fact.weight_g // 1000}.{fact.weight_g % 1000:03d}",
        "Length": a,
        "Width": b,
        "Height": c,
        "ScannedAt": local(fact.time).strftime("%Y-%m-%d %H:%M:%S.") + f"{fact.time % 1000:03d}",
        "Images": [f"dws/{serial}.jpg"],
    }


def _dws_mm(fact: Fact, serial: str) -> tuple[str, dict[str, object]]:
    a, b, c = fact.sides_mm
    return serial, {
        "msgId": serial,
        "barCode": fact.waybill,
        "weight": fact.weight_g,
        "length": a,
        "width": b,
        "height": c,
        "timestamp": fact.time,
        "imageUrl": f"img/{serial}",
    }


def _scale(fact: Fact, serial: str) -> tuple[str, dict[str, object]]:  # noqa: ARG001
    kilos = f"{fact.weight_g // 1000}.{fact.weight_g % 1000:03d}"
    return "", {"no": fact.waybill, "kg": kilos, "ts": fact.time // 1000}


def _pda(fact: Fact, serial: str) -> tuple[str, dict[str, object]]:
    return serial, {
        "uuid": serial,
        "waybillNo": fact.waybill,
        "opName": PDA.get(fact.operation, fact.operation),
        "scanTime": local(fact.time).strftime("%Y/%m/%d %H:%M:%S"),
    }


def _gate(fact: Fact, serial: str) -> tuple[str, dict[str, object]]:  # noqa: ARG001
    return "", {
        "BILL_CODE": fact.waybill,
        "SCAN_TYPE": GATE.get(fact.operation, fact.operation),
        "SCAN_DATE": local(fact.time).strftime("%Y%m%d%H%M%S"),
    }


def _sorter(fact: Fact, serial: str) -> tuple[str, dict[str, object]]:
    return serial, {
        "seq": serial,
        "code": fact.waybill,
        "event": SORTER.get(fact.operation, fact.operation),
        "t": fact.time,
    }


_BODIES = {
    "dws-cm": _dws_cm,
    "dws-mm": _dws_mm,
    "scale": _scale,
    "pda": _pda,
    "gate": _gate,
    "sorter": _sorter,
}
