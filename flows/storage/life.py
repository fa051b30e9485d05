"""From what was said of a stay, in whatever order it came, to how it went: day by day, what was there.

A stay begins when it is opened first; what counts of several openings is the newest (by time, then id), and the
first closing after it began ends it. A day is charged by what was there at its end, or when the goods left.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from flows.rating.facts import Sums
from flows.storage.record import CLOSED, OPENED, Said
from schemas.times import DAY, HOUR, SHANGHAI_OFFSET, business_day


class State(NamedTuple):
    """What is in the store, and where; None: nobody has measured it."""

    pallets: int | None = None
    volume_cm3: int | None = None
    weight_g: int | None = None
    zone: str = ""
    temperature: str = ""

    def after(self, one: Said) -> "State":
        """As an event leaves it: what that does not say stays as it is."""
        return State(
            self.pallets if one.pallets is None else one.pallets,
            self.volume_cm3 if one.volume_cm3 is None else one.volume_cm3,
            self.weight_g if one.weight_g is None else one.weight_g,
            one.zone or self.zone,
            one.temperature or self.temperature,
        )


class Life(NamedTuple):
    """A stay that has begun."""

    since: int
    first: Said
    """The opening that it begins with."""
    opening: Said
    """The opening that counts."""
    closing: Said | None
    changes: tuple[Said, ...]
    """Measurements and moves in order of time."""


class Day(NamedTuple):
    """A business day of a stay, or what there has been of it. Hours and days are those begun."""

    day: int
    number: int
    """From 1."""
    end: int
    """Its last moment, or that of the exit; UTC ms."""
    hours: int
    hours_before: int
    """Until the day began."""
    state: State
    sums: Sums
    sums_before: Sums
    """With all days before this one."""


NOTHING = Sums(0, 0, 0)


def life_of(said: Iterable[Said]) -> Life | None:
    """How a stay went; None: it has not begun, as far as is known."""
    inside = sorted(said, key=lambda one: one.when)
    openings = [one for one in inside if one.kind == OPENED]
    if not openings:
        return None
    first = openings[0]
    closing = next((one for one in inside if one.kind == CLOSED and one.time >= first.time), None)
    changes = tuple(one for one in inside if one.kind not in (OPENED, CLOSED))
    return Life(first.time, first, openings[-1], closing, changes)


def last_moment(day: int) -> int:
    """The last millisecond of a business day.

    >>> business_day(last_moment(20_000)), business_day(last_moment(20_000) + 1)
    (20000, 20001)
    """
    return (day + 1) * DAY - SHANGHAI_OFFSET - 1


def days(life: Life, upto: int) -> Iterator[Day]:
    """The days of a stay up to a business day, or to its exit if that came before."""
    last = upto if life.closing is None else min(upto, business_day(life.closing.time))
    first = business_day(life.since)
    state, at = _entered(life)
    sums, hours = NOTHING, 0
    for number, day in enumerate(range(first, last + 1), 1):
        end = last_moment(day)
        if life.closing is not None:
            end = min(end, life.closing.time)
        while at < len(life.changes) and life.changes[at].time <= end:
            state = state.after(life.changes[at])
            at += 1
        before, sums = sums, _plus(sums, state)
        hours_before, hours = hours, max(1, -(-(end - life.since) // HOUR))
        yield Day(day, number, end, hours, hours_before, state, sums, before)


def _entered(life: Life) -> tuple[State, int]:
    """What there is at the entry, and how many changes were before: a scale's clock may be behind the gate's."""
    state, at = State(), 0
    while at < len(life.changes) and life.changes[at].time < life.since:
        state = state.after(life.changes[at])
        at += 1
    return state.after(life.opening), at


def _plus(sums: Sums, state: State) -> Sums:
    return Sums(
        sums.pallet_days + (state.pallets or 0),
        sums.cm3_days + (state.volume_cm3 or 0),
        sums.g_days + (state.weight_g or 0),
    )
