"""Until when the books are closed. What belongs to a closed day and is booked later is booked on the first open one.

A charge keeps the day that it is for, by which prices, parties and questions go; the journal's rows and the parties'
movements stand on the day on which they are booked. All of it depends on the control topic's events in their order
alone, so that every lane of every flow that books comes to the same.
"""

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from flows.lifecycle.intake import RefusedError
from flows.lifecycle.repeats import content_of, is_repeat
from schemas.events import BooksClosed, BooksReopened
from schemas.identity import person_of
from schemas.times import business_day, date_of, day_of
from sinks import columns
from sinks.columns import Made

Said = BooksClosed | BooksReopened
OPEN = -1
"""Nothing is closed."""


class Periods(msgspec.Struct):
    """What is remembered of closes; part of a lane's documents."""

    through: int = OPEN
    """The last closed business day, days since 1970-01-01."""
    by: str = ""
    """Who closed it."""
    seen: dict[str, str] = {}
    """By id of an accepted event: a hash of its content."""

    def take(self, event: Said) -> bool:
        """Close or reopen; False: it is a repeat. Raises RefusedError with rule `close_refused`."""
        if is_repeat(event, self.seen.get(event.id)):
            return False
        if wrong := self.against(event):
            raise RefusedError("close_refused", wrong)
        self.seen[event.id] = content_of(event)
        self.through, self.by = day_of(event.through), event.by
        return True

    def follow(self, event: Said, told: list[Said]) -> None:
        """Take an event and tell it; for flows that keep nothing of the control topic aside: lanes of parcels do."""
        with suppress(RefusedError):
            if self.take(event):
                told.append(event)

    def booked_on(self, day: int) -> int:
        """The business day on which is booked what belongs to a day."""
        return max(day, self.through + 1)

    def against(self, event: Said) -> str:
        """What speaks against an event, for people; empty: nothing."""
        closed = f"the books are closed through {date_of(self.through)}" if self.through >= 0 else ""
        day = day_of(event.through)
        if isinstance(event, BooksClosed):
            if day >= business_day(event.time):
                return f"{event.through} is not over"
            return closed if day <= self.through else ""
        if day >= self.through:
            return f"{closed or 'the books are open'}: there is nothing to reopen after {event.through}"
        same = person_of(event.by) == person_of(self.by)
        return f"{event.by} closed them, another person reopens them" if same else ""


def rows(events: Sequence[Said]) -> dict[str, Made] | None:
    """Table `books_close`: the accepted events; every lane writes them, in the block from which on they count."""
    if not events:
        return None
    return {
        "event_id": columns.texts([event.id for event in events]),
        "status": columns.spelled(
            ["closed" if isinstance(event, BooksClosed) else "reopened" for event in events]
        ),
        "through": columns.dates(columns.ints([day_of(event.through) for event in events])),
        "event_time": columns.times(columns.ints([event.time for event in events])),
        "published_by": columns.texts([event.by for event in events]),
        "reason": columns.texts([event.reason for event in events]),
    }
