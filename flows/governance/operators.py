"""Who runs an outlet on which business day: by itself, until it is transferred or absorbed by another.

The history changes by published events alone, in the order of their topic, and only for days to come; whether an
event is accepted depends on it, the directory and what was accepted before. So every lane comes to the same.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from flows.governance.network import Network
from flows.governance.parties import RUNS_OUTLETS
from schemas.events import PartiesMerged, PartyTransferred
from schemas.parties import CUSTOMER, HQ
from schemas.times import business_day, date_of, day_of

BEGINNING = -1
"""Before all business days: an outlet's history begins with itself."""
MOST_AHEAD = 366
"""Days from today, by data time, within which a transfer may be announced."""

Change = PartyTransferred | PartiesMerged
History = tuple[tuple[int, str], ...]
"""(first business day, the party that runs the outlet from then on), in order of days."""


class Handover(msgspec.Struct, frozen=True):
    """An outlet goes from one party to another on a day; the former had it from `since` on (BEGINNING: ever)."""

    outlet: str
    former: str
    party: str
    since: int
    day: int


class RefusedChangeError(ValueError):
    """A transfer or merger that breaks a rule; the text says which, for people."""


class Operators(msgspec.Struct, frozen=True):
    """The history so far. `histories` holds only outlets whose party changes at some time."""

    changes: tuple[Change, ...] = ()
    histories: Mapping[str, History] = {}

    def of(self, outlet: str, day: int) -> str:
        """The party that runs an outlet on a business day (days since 1970-01-01)."""
        history = self.histories.get(outlet)
        return history[bisect_right(history, day, key=_day) - 1][1] if history else outlet

    def handovers(self) -> list[Handover]:
        """All changes of hands, in order of days, then outlets."""
        found = [
            Handover(outlet, former, party, since, day)
            for outlet, history in self.histories.items()
            for (since, former), (day, party) in pairwise(history)
        ]
        return sorted(found, key=lambda one: (one.day, one.outlet))

    def after(self, change: Change, network: Network, open_day: int = 0) -> "Operators":
        """The history with one change more, not before the open day: the event's own, or `open_day` if later.

        Raises RefusedChangeError.
        """
        self._check(change, outlet_of(change), network, max(open_day, business_day(change.time)))
        return Operators.of_changes((*self.changes, change))

    def without(self, change: Change) -> "Operators":
        """The history as if a change had not been announced; those that come after it stand."""
        return Operators.of_changes(tuple(one for one in self.changes if one.id != change.id))

    @classmethod
    def of_changes(cls, changes: tuple[Change, ...]) -> "Operators":
        """The history of changes that were accepted."""
        return cls(changes, _histories(changes))

    def _check(self, change: Change, outlet: str, network: Network, open_day: int) -> None:
        day = day_of(change.from_day)
        if outlet not in network.outlets:
            raise RefusedChangeError(f"{outlet!r} is no outlet of the network")
        if not open_day <= day <= open_day + MOST_AHEAD:
            raise RefusedChangeError(
                f"a handover begins today, {date_of(open_day)}, at the earliest and {MOST_AHEAD} days later at the "
                f"latest, not on {change.from_day}"
            )
        for earlier in self.changes:
            if outlet_of(earlier) != outlet:
                continue
            if isinstance(earlier, PartiesMerged):
                raise RefusedChangeError(f"{outlet} was absorbed by {earlier.into} on {earlier.from_day}")
            if earlier.from_day >= change.from_day:
                raise RefusedChangeError(
                    f"{outlet} was already transferred on {earlier.from_day}, not before"
                )
        if isinstance(change, PartyTransferred):
            self._check_party(change.party, day, network)
            if self.of(outlet, day) == change.party:
                raise RefusedChangeError(f"{change.party} runs {outlet} already")
        else:
            self._check_into(change, network)

    @staticmethod
    def _check_party(party: str, day: int, network: Network) -> None:
        known = network.party(party, day)
        if party in (HQ, CUSTOMER):
            raise RefusedChangeError(f"{party} runs no outlets: name a party that keeps a book of its own")
        if known is None and party not in network.outlets:
            raise RefusedChangeError(f"{party!r} is no party of the network on {date_of(day)}")
        if known is not None and known.kind not in RUNS_OUTLETS:
            raise RefusedChangeError(
                f"{party} is a {known.kind}; outlets are run by {', '.join(RUNS_OUTLETS)}"
            )

    def _check_into(self, change: PartiesMerged, network: Network) -> None:
        if change.into not in network.outlets:
            raise RefusedChangeError(f"{change.into!r} is no outlet of the network")
        if change.into == change.absorbed:
            raise RefusedChangeError(f"{change.into} cannot absorb itself")
        for earlier in self.changes:
            if isinstance(earlier, PartiesMerged) and earlier.absorbed == change.into:
                raise RefusedChangeError(
                    f"{change.into} was itself absorbed by {earlier.into}: merge into that"
                )


def outlet_of(change: Change) -> str:
    """The outlet whose party changes."""
    return change.outlet if isinstance(change, PartyTransferred) else change.absorbed


def told(change: Change) -> str:
    """A change in words: what becomes of the outlet, and when."""
    if isinstance(change, PartyTransferred):
        return f"{change.outlet} goes to {change.party} on {change.from_day}"
    return f"{change.absorbed} becomes part of {change.into} on {change.from_day}"


def _day(step: tuple[int, str]) -> int:
    return step[0]


def _histories(changes: tuple[Change, ...]) -> dict[str, History]:
    """Every changing outlet's history; one that was absorbed goes on as the history of the other."""
    own: dict[str, list[Change]] = {}
    for change in changes:
        own.setdefault(outlet_of(change), []).append(change)

    def history(outlet: str) -> History:
        steps = [(BEGINNING, outlet)]
        for change in own.get(outlet, ()):
            day = day_of(change.from_day)
            if isinstance(change, PartyTransferred):
                steps.append((day, change.party))
            else:
                steps += _from(history(change.into), day)
        return tuple(step for n, step in enumerate(steps) if n == 0 or step[1] != steps[n - 1][1])

    made = {outlet: history(outlet) for outlet in own}
    return {outlet: steps for outlet, steps in made.items() if len(steps) > 1}


def _from(history: History, day: int) -> list[tuple[int, str]]:
    """A history from a day on."""
    at = bisect_right(history, day, key=_day) - 1
    return [(day, history[at][1]), *history[at + 1 :]]
