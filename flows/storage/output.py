"""What a block leads to in the storage flow, as rows in order of their making."""

import msgspec

from flows.lifecycle import output as lifecycle
from schemas.events import StoreEvent


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """An event, the outlet of its store, and where its record is."""

    event: StoreEvent
    outlet: str
    partition: int
    offset: int


class StayWait(msgspec.Struct, frozen=True, gc=False):
    """A due's wait began, changed or (reason "") ended."""

    stay: str
    due: str
    reason: str
    since: int
    outlet: str


class Output(msgspec.Struct):
    """All that one block leads to."""

    events: list[Accepted] = []
    waits: list[StayWait] = []
    booked: lifecycle.Output = msgspec.field(default_factory=lifecycle.Output)
    """Charges and refusals, as the parcel flow has them."""
    repeats: int = 0
