"""The fields by which records are keyed on Kafka."""

from collections.abc import Mapping
from typing import Any

from schemas.events import Event, Haul, MonthShipped, MonthStored
from schemas.topics import Topic

KEYED_OTHERWISE: dict[type[Event], str] = {Haul: "haul", MonthStored: "customer", MonthShipped: "customer"}
"""Events that have another key than their topic's other ones."""
_BY_TAG = {kind.__struct_config__.tag: key for kind, key in KEYED_OTHERWISE.items()}


def key_in(topic: Topic, record: Mapping[str, Any]) -> str:
    """The key of a record's JSON; empty: it has none."""
    kind = record.get("type")
    name = _BY_TAG.get(kind, topic.key) if isinstance(kind, str) else topic.key
    return str(record.get(name, ""))
