"""Events on the control topic that come again: the same word says nothing new, another one under its id is refused."""

import msgspec
from xxhash import xxh3_64_hexdigest

from flows.lifecycle.intake import RefusedError
from schemas.events import Event


def content_of(event: Event) -> str:
    """What an accepted event is remembered by: a hash of all that it says."""
    return xxh3_64_hexdigest(msgspec.json.encode(event))


def is_repeat(event: Event, known: str | None) -> bool:
    """Whether it is one. `known`: what the event accepted under its id is remembered by; None: there is none.

    Raises RefusedError where that said something else.
    """
    if known is not None and known != content_of(event):
        raise RefusedError("conflicting_duplicate", f"event {event.id} was accepted with other content")
    return known is not None
