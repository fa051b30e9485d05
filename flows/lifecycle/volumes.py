"""How many parcels each customer has had in the month so far, as it was counted and published day by day.

A count is of a month through a completed business day; the lanes only take what is published, in the order of
the control topic. A charge of a business day is rated with the newest day before it that is counted, of its month.
"""

from datetime import date

import msgspec

from flows.lifecycle.intake import RefusedError
from schemas.events import VolumesCounted
from schemas.times import date_of, day_of

NOTHING = 0, ""


class Counted(msgspec.Struct, array_like=True):
    """A count of a month through a day. It counts when all of its parts are there."""

    time: int
    """When it was counted, UTC ms; of several counts of a day the newest counts."""
    count: str
    parts: int
    volumes: dict[str, int] = {}
    """By customer."""
    there: set[int] = set()
    """Numbers of the parts that are there."""

    @property
    def complete(self) -> bool:
        """Whether all parts are there."""
        return len(self.there) == self.parts


class Volumes(msgspec.Struct):
    """What is counted of the newest month and the one before it; part of a lane's documents."""

    days: dict[int, Counted] = {}
    """By the day through which it is counted: the count that is in force."""
    coming: dict[int, Counted] = {}
    """Counts of which parts are missing."""

    def take(self, event: VolumesCounted) -> bool:
        """Keep a count, or a part of it; False: it is a repeat, or older than what is there. Raises RefusedError.

        A count is what it says: told again at another time, or by another job, it is a repeat.
        """
        through = day_of(event.through_day)
        if event.month.day != 1 or (event.month.year, event.month.month) != _month(event.through_day):
            raise RefusedError(
                "volumes_refused", f"{event.through_day} is no day of the month of {event.month}"
            )
        if event.part > event.parts:
            raise RefusedError("volumes_refused", f"there is no part {event.part} of {event.parts}")
        if self.days and _month(event.through_day) < _month(date_of(self._oldest())):
            return False
        known, coming = self.days.get(through), self.coming.get(through)
        if known is not None and event.count == known.count:
            known.time = max(known.time, event.time)
            return False
        if known is not None and (event.time, event.count) <= (known.time, known.count):
            return False
        if coming is None or (coming.time, coming.count) < (event.time, event.count):
            coming = self.coming[through] = Counted(event.time, event.count, event.parts, {}, set())
        if (coming.time, coming.count) != (event.time, event.count) or event.part in coming.there:
            return False
        coming.there.add(event.part)
        coming.volumes.update(event.volumes)
        if coming.complete:
            self.days[through] = self.coming.pop(through)
            self._forget()
        return True

    def of(self, customer: str, day: int) -> tuple[int, str]:
        """A customer's parcels for a charge of a business day, and the count that says so; 0, "": none does."""
        if not self.days:
            return NOTHING
        first = day - date_of(day).day + 1
        for through in range(day - 1, first - 1, -1):
            if (found := self.days.get(through)) is not None:
                return found.volumes.get(customer, 0), found.count
        return NOTHING

    def _oldest(self) -> int:
        """The first day of the month before the newest."""
        newest = max(self.days)
        last = newest - date_of(newest).day
        return last - date_of(last).day + 1

    def _forget(self) -> None:
        oldest = self._oldest()
        for kept in (self.days, self.coming):
            for day in [day for day in kept if day < oldest]:
                del kept[day]


def _month(day: date) -> tuple[int, int]:
    return day.year, day.month
