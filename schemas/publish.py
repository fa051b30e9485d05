"""Writes the wire contract for others: `python -m schemas.publish` (or `make schemas`).

`schemas/published/events.schema.json` is JSON Schema 2020-12 of every event, `asyncapi.json` an AsyncAPI 3.0
document of the topics and what they carry (https://www.asyncapi.com/docs/reference/specification/v3.0.0). Both
come from the structs in `schemas.events`, the topics and the device dialects alone.
"""

import sys
from pathlib import Path
from typing import Any, get_args

import msgspec

from schemas import commands, devices, events, payments, topics
from schemas.keys import KEYED_OTHERWISE
from schemas.settings import Settings

HERE = Path(__file__).parent / "published"
CARRIES: dict[str, tuple[type[events.Event], ...]] = {
    topics.ORDERS.name: (
        events.Order,
        events.Claim,
        events.ClaimWithdrawn,
        events.WeightDecided,
        events.ParcelRecalled,
    ),
    topics.DEVICES.name: (events.Scan, events.Weight),
    topics.STAYS.name: (*get_args(events.StoreEvent), events.StayRecalled),
    topics.DEAD_LETTERS.name: (events.DeadLetter, events.DeadLetterReplayed),
    topics.CONTROL.name: (
        events.TariffPublished,
        events.TariffPart,
        events.TariffWithdrawn,
        events.NetworkPublished,
        events.NetworkPart,
        events.PartyTransferred,
        events.PartiesMerged,
        events.HandoverWithdrawn,
        events.BalanceMoved,
        events.VolumesCounted,
        events.CostIncurred,
        events.CostWithdrawn,
        events.BooksClosed,
        events.BooksReopened,
    ),
    topics.TICKS.name: (events.Tick,),
    topics.POSTINGS.name: (),
    topics.COMMANDS.name: (events.Command,),
    topics.ANSWERS.name: (events.Answer,),
    topics.QUERIES.name: (events.Query,),
    topics.RECEIVABLES.name: (payments.Receivable, payments.ReceivableCancelled),
    topics.BILLS.name: (payments.BillLines, payments.BillComplete, payments.BillRefused),
    topics.DECISIONS.name: (
        payments.PaymentDecided,
        payments.CloseAsked,
        payments.PreviewAsked,
        payments.ReopenAsked,
    ),
    topics.PAYMENT_CONTROL.name: (payments.PaymentRulesPublished,),
    topics.DEDUCTIONS.name: (payments.DeductionAnswered,),
    topics.STATUSES.name: (payments.OrderStatus,),
    topics.INVOICES.name: (payments.InvoiceRequested,),
    **{topic.name: (payments.Notification,) for topic in topics.NOTIFICATIONS},
}
"""Which events lie on which topic. Postings are none: columnar blocks between flows (`flows.engine.messages`)."""

SENT = {
    topics.DEVICES.name,
    topics.STAYS.name,
    topics.COMMANDS.name,
    topics.DEAD_LETTERS.name,
    topics.CONTROL.name,
    topics.TICKS.name,
    topics.POSTINGS.name,
    topics.ANSWERS.name,
    topics.BILLS.name,
    topics.DECISIONS.name,
    topics.PAYMENT_CONTROL.name,
    topics.DEDUCTIONS.name,
    topics.STATUSES.name,
    topics.INVOICES.name,
    *(topic.name for topic in topics.NOTIFICATIONS),
}
"""Topics that Waybook's own programs write."""

KINDS: tuple[type[events.Event], ...] = get_args(events.AnyEvent) + get_args(payments.PaymentEvent)
"""All events."""
POSTINGS = "Postings"
BODY = (
    "MessagePack array of columns: parties and fees are texts; party and fee are their numbers and days are days since "
    "1970-01-01, little-endian int32; amounts, int64 of 0.0001 yuan, is what the party gained from headquarters. "
    "In order: parties, party, fees, fee, days, amounts. Or a MessagePack map: asks, an array of what is to be "
    "deducted from virtual accounts, each an array of deduction, party, group, document, amount, time, back (true: "
    "no more)"
)
_BLOCK: dict[str, Any] = {
    "name": POSTINGS,
    "contentType": "application/msgpack",
    "summary": "Part of what a block of a sender's lane has to say, numbered, so that it is taken once",
    "payload": {
        "type": "array",
        "description": "MessagePack: sender, lane, block, part (from 1), parts, body (MessagePack, see there)",
        "prefixItems": [
            {"type": "string", "title": "sender"},
            *({"type": "integer", "title": name} for name in ("lane", "block", "part", "parts")),
            {"type": "string", "contentEncoding": "binary", "title": "body", "description": BODY},
        ],
        "minItems": 6,
        "maxItems": 6,
    },
}
BINDING = "0.5.0"
"""Version of AsyncAPI's Kafka bindings."""


def json_schema() -> dict[str, Any]:
    """JSON Schema of all events."""
    kinds = KINDS + tuple(commands.BODIES.values())
    references, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Waybook events",
        "oneOf": list(references)[: len(KINDS)],
        "$defs": components,
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document."""
    _, components = msgspec.json.schema_components(KINDS, ref_template="#/components/schemas/{name}")
    keys = {kind: topic.key for topic in topics.TOPICS for kind in CARRIES[topic.name]} | KEYED_OTHERWISE
    messages = {
        kind.__name__: {
            "name": kind.__name__,
            "contentType": "application/json",
            "summary": (kind.__doc__ or "").partition("\n")[0],
            "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
            "bindings": _key(keys[kind]),
        }
        for kind in KINDS
    }
    messages[POSTINGS] = {**_BLOCK, "bindings": _key(topics.POSTINGS.key)}
    messages |= devices.messages()
    defaults = Settings()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Waybook",
            "version": "1",
            "description": "Events of a parcel network's live books. Times are UTC ms, amounts 0.0001 yuan.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": defaults.kafka,
                "protocol": "kafka",
                "description": "WAYBOOK_KAFKA; producers partition by Java's murmur2",
            },
            "mqtt": {
                "host": defaults.mqtt,
                "protocol": "mqtt",
                "protocolVersion": "5.0",
                "description": "WAYBOOK_MQTT",
            },
        },
        "channels": {
            devices.CHANNEL: devices.channel(),
            **{topic.name: _channel(topic) for topic in topics.TOPICS},
        },
        "operations": {
            f"read.{devices.CHANNEL}": _operation("receive", devices.CHANNEL),
            **{f"read.{topic.name}": _operation("receive", topic.name) for topic in topics.TOPICS},
            **{
                f"send.{topic.name}": _operation("send", topic.name)
                for topic in topics.TOPICS
                if topic.name in SENT
            },
        },
        "components": {"messages": messages, "schemas": components},
    }


def _key(key: str) -> dict[str, Any]:
    """A message's Kafka binding; records of topics without a key have none."""
    described = {"key": {"type": "string", "description": key}} if key else {}
    return {"kafka": {**described, "bindingVersion": BINDING}}


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _channel(topic: topics.Topic) -> dict[str, Any]:
    names = [kind.__name__ for kind in CARRIES[topic.name]] or [POSTINGS]
    partitions = Settings().partitions if topic.partitioned else 1
    return {
        "address": topic.name,
        "description": topic.description,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {"topic": topic.name, "partitions": partitions, "bindingVersion": BINDING},
        },
    }


def documents() -> dict[str, bytes]:
    """File names and their contents."""
    made = {"events.schema.json": json_schema(), "asyncapi.json": asyncapi()}
    return {
        name: msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
        for name, document in made.items()
    }


def main() -> None:
    """Write them."""
    HERE.mkdir(exist_ok=True)
    for name, content in documents().items():
        (HERE / name).write_bytes(content)
        sys.stdout.write(f"{HERE / name}\n")


if __name__ == "__main__":
    main()
