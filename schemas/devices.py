"""What devices publish over MQTT, as a contract: the channel and each dialect's message.

The dialects are data (`flows/governance/dialects.toml`, which explains its fields); this only reads it.
"""

import tomllib
from pathlib import Path
from typing import Any

from schemas.topics import MQTT_ROOT

DIALECTS = Path(__file__).parents[1] / "flows" / "governance" / "dialects.toml"
CHANNEL = "waybook.mqtt-devices"

_TIMES: dict[str, dict[str, Any]] = {
    "epoch_ms": {"type": ["integer", "string"], "description": "UTC milliseconds since 1970"},
    "epoch_s": {"type": ["number", "string"], "description": "UTC seconds since 1970"},
    "local": {
        "type": "string",
        "description": "2025-11-11 08:30:00.123; Shanghai's clock where no zone is given",
    },
    "compact": {"type": "string", "description": "20251111083000, with or without milliseconds; Shanghai's"},
}
_NUMBER = {"type": ["number", "string"]}


def dialects() -> dict[str, dict[str, Any]]:
    """The dialects by name, as they stand in their file."""
    return tomllib.loads(DIALECTS.read_text("utf-8"))


def payload(dialect: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of a dialect's message. Fields that it does not name may be there, too."""
    unreadable = ", ".join(repr(word) for word in dialect["unreadable"])
    fields: dict[str, Any] = {
        dialect["waybill"]: {
            "type": ["string", "integer"],
            "description": f"{_ABOUT[dialect['kind'] == 'stay']}; {unreadable}: could not be read",
        },
        dialect["time"]: _TIMES[dialect["time_format"]],
    }
    required = [dialect["waybill"], dialect["time"]]
    if "id" in dialect:
        fields[dialect["id"]] = {
            "type": ["string", "integer"],
            "description": "the device's own id of the reading, the same when it is sent again",
        }
    if dialect["kind"] == "stay":
        fields |= _of_stay(dialect)
        required.append(dialect["operation"])
    elif dialect["kind"] == "scan":
        if dialect["operation"] not in dialect.get("constants", {}):
            fields[dialect["operation"]] = {
                "type": ["string", "integer"],
                "description": f"operation code of source {dialect['source']}",
            }
            required.append(dialect["operation"])
    else:
        fields[dialect["weight"]] = {**_NUMBER, "description": f"weight in {dialect['weight_unit']}"}
        required.append(dialect["weight"])
        for side, name in zip(dialect.get("sides", ()), ("length", "width", "height"), strict=False):
            description = f"{name} in {dialect['side_unit']}; null or empty: was not measured"
            fields[side] = {"type": ["number", "string", "null"], "description": description}
        if "photo" in dialect:
            fields[dialect["photo"]] = {
                "type": ["string", "array", "null"],
                "items": {"type": "string"},
                "description": "reference of the photograph, or a list of them",
            }
    return {"type": "object", "properties": fields, "required": required}


_ABOUT = ("the barcode: a waybill number", "the number of the stay in the store")
_WORDS = ("customer", "billing", "temperature", "zone", "vehicle", "plate", "pallet", "lot")
_UNITS = {"volume": "volume_unit", "weight": "weight_unit", "pieces": "", "pallets": "", "expected": ""}


def _of_stay(dialect: dict[str, Any]) -> dict[str, Any]:
    """The fields of a store's gates and scales; which of them are there depends on the operation."""
    usual = {"volume_unit": "m3", "weight_unit": "kg", "": ""}
    said = {
        dialect[name]: {"type": ["string", "integer"], "description": name}
        for name in _WORDS
        if name in dialect
    }
    for name, unit in _UNITS.items():
        if name in dialect:
            description = f"{name} {dialect.get(unit, usual[unit])}".strip()
            said[dialect[name]] = {"type": ["number", "string", "null"], "description": description}
    said[dialect["operation"]] = {
        "type": ["string", "integer"],
        "description": f"operation code of source {dialect['source']}",
    }
    return said


def messages() -> dict[str, dict[str, Any]]:
    """AsyncAPI messages, one for each dialect."""
    return {
        f"device.{name}": {
            "name": f"device.{name}",
            "contentType": "application/json",
            "summary": f"A {dialect['kind']} as {name} devices spell it",
            "payload": payload(dialect),
            "bindings": {"mqtt": {"contentType": "application/json", "bindingVersion": "0.2.0"}},
        }
        for name, dialect in dialects().items()
    }


def channel() -> dict[str, Any]:
    """The AsyncAPI channel."""
    return {
        "address": f"{MQTT_ROOT}/{{dialect}}/{{site}}/{{device}}",
        "description": "What gates, scanners, DWS machines and scales say; QoS 1",
        "servers": [{"$ref": "#/servers/mqtt"}],
        "parameters": {
            "dialect": {"description": "How the device spells its messages", "enum": list(dialects())},
            "site": {"description": "Code of the site, as the network's directory has it"},
            "device": {"description": "The device's name in its site, up to 64 characters"},
        },
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages()},
    }
