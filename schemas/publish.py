"""Writes the wire contract for others: `python -m schemas.publish` (or `make schemas`).

`schemas/published/events.schema.json` is JSON Schema 2020-12 of every event, `asyncapi.json` an AsyncAPI 3.0
document of the topics and what they carry (https://www.asyncapi.com/docs/reference/specification/v3.0.0). Both
come from the structs in `schemas.events` alone.
"""

import sys
from pathlib import Path
from typing import Any, get_args

import msgspec

from schemas import commands, events, topics

HERE = Path(__file__).parent / "published"
CARRIES: dict[str, tuple[type[events.Event], ...]] = {
    topics.ORDERS.name: (events.Order, events.Claim, events.ClaimWithdrawn),
    topics.DEVICES.name: (events.Scan, events.Weight),
    topics.DEAD_LETTERS.name: (events.DeadLetter, events.DeadLetterReplayed),
    topics.CONTROL.name: (
        events.TariffPublished,
        events.TariffWithdrawn,
        events.NetworkPublished,
        events.PartyTransferred,
        events.PartiesMerged,
        events.BalanceMoved,
    ),
    topics.TICKS.name: (events.Tick,),
    topics.POSTINGS.name: (),
    topics.COMMANDS.name: (events.Command,),
    topics.ANSWERS.name: (events.Answer,),
    topics.QUERIES.name: (events.Query,),
}
"""What lies on which topic. Postings are columnar blocks between flows, described in `flows.engine.messages`."""


def json_schema() -> dict[str, Any]:
    """JSON Schema of all events."""
    kinds = get_args(events.AnyEvent) + tuple(commands.BODIES.values())
    references, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Waybook events",
        "oneOf": list(references)[: len(get_args(events.AnyEvent))],
        "$defs": components,
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document."""
    kinds = get_args(events.AnyEvent)
    _, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    messages = {
        kind.__name__: {
            "name": kind.__name__,
            "contentType": "application/json",
            "summary": (kind.__doc__ or "").partition("\n")[0],
            "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        }
        for kind in kinds
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Waybook",
            "version": "1",
            "description": "Events of a parcel network's live books. Times are UTC ms, amounts 0.0001 yuan.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics.TOPICS if CARRIES[topic.name]},
        "operations": {
            f"read.{topic.name}": {"action": "receive", "channel": {"$ref": f"#/channels/{topic.name}"}}
            for topic in topics.TOPICS
            if CARRIES[topic.name]
        },
        "components": {"messages": messages, "schemas": components},
    }


def _channel(topic: topics.Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": topic.description,
        "messages": {
            kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in CARRIES[topic.name]
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key or "none"}}},
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
