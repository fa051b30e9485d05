"""From what was said of a stay, in whatever order it came, to how it went: day by day, what was there.

A stay begins when it is opened first; what counts of several openings is the newest (by time, then id), and the
first closing after it began ends it. A day is charged by what was there at its end, or when the goods left.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from flows.rating.facts import Sums
from flows.storage.record import CLOSED, OPENED, REDUCED, Said
from schemas.times import DAY, HOUR, SHANGHAI_OFFSET, business_day


class State(NamedTuple):
    """What is in the store, and where; None: nobody has measured it."""

    pallets: int | None = None
    volume_cm3: int | None = None
    weight_g: int | None = None
    zone: str = ""
    temperature: str = ""
    pieces: int | None = None

    def after(self, one: Said) -> "State":
        """As an event leaves it: what that does not say stays as it is."""
        return State(
            self.pallets if one.pallets is None else one.pallets,
            self.volume_cm3 if one.volume_cm3 is None else one.volume_cm3,
            self.weight_g if one.weight_g is None else one.weight_g,
            one.zone or self.zone,
            one.temperature or self.temperature,
            one.pieces if one.kind in _COUNTED and one.pieces is not None else self.pieces,
        )


_COUNTED = (OPENED, REDUCED)
"""Kinds of events that count pieces."""
_AMOUNTS = ("pallets", "volume_cm3", "weight_g", "pieces")


class Life(NamedTuple):
    """A stay that has begun."""

    since: int
    first: Said
    """The opening that it begins with."""
    opening: Said
    """The opening that counts."""
    closing: Said | None
    changes: tuple[Said, ...]
    """Measurements, parts that left, and moves in order of time."""


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


class Part(NamedTuple):
    """A part of the goods that left before the rest."""

    said: Said
    gone: State
    """How much of what went; None: nobody has said."""


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
    state, at = _opened(life)
    sums, hours = NOTHING, 0
    for number, day in enumerate(range(first, last + 1), 1):
        end = last_moment(day)
        if life.closing is not None:
            end = min(end, life.closing.time)
        while at < len(life.changes) and life.changes[at].time <= end:
            state = state.after(life.changes[at])
            at += 1
        before, sums = sums, _plus(sums, state)
        hours_before, hours = hours, stored_hours(life, end)
        yield Day(day, number, end, hours, hours_before, state, sums, before)


def entered(life: Life, day: Day) -> Day:
    """The first day by what came in: what is said of the goods until a part of them leaves, or the day ends."""
    state, at = _opened(life)
    for one in life.changes[at:]:
        if one.kind == REDUCED or one.time > day.end:
            break
        state = state.after(one)
    return day._replace(state=state)


def parts(life: Life) -> Iterator[Part]:
    """Parts that left between the entry and the exit, in order of time."""
    state, at = _opened(life)
    changes = life.changes[at:]
    for place, one in enumerate(changes):
        if life.closing is not None and one.time > life.closing.time:
            return
        before, state = state, state.after(one)
        if one.kind == REDUCED:
            pallets, volume, weight, pieces = (_gone(name, before, changes[place:]) for name in _AMOUNTS)
            yield Part(one, State(pallets, volume, weight, before.zone, before.temperature, pieces))


def _gone(name: str, before: State, changes: Sequence[Said]) -> int | None:
    """How much went with the first of these changes: of what was there before what is not there any more.

    What it does not say the measurements tell until another part leaves.
    """
    there: int | None = getattr(before, name)
    for one in changes:
        if one is not changes[0] and one.kind == REDUCED:
            break
        left: int | None = getattr(one, name) if name != "pieces" or one.kind == REDUCED else None
        if left is not None:
            return None if there is None else max(0, there - left)
    return None


def stored_hours(life: Life, upto: int) -> int:
    """Hours begun from the entry until a moment."""
    return max(1, -(-(upto - life.since) // HOUR))


def _opened(life: Life) -> tuple[State, int]:
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
