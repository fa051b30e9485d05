"""Groups of outlets that a list of rows cannot tell apart at one end of a parcel's way.

Most rows that name an outlet at both ends are for a pair of which few parcels are. So an outlet that only such rows
name has two groups: a fine one, which counts where its pair has a row, and a wide one, which it shares with its
city's other outlets.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from flows.governance.network import Network
from flows.rating.levels import KINDS
from flows.rating.model import Row

Places = Mapping[str, int]
"""What rows may name of a group, by kind of place: the word's number; 0 where no row names it."""


class Groups:
    """The groups at one end."""

    def __init__(self, network: Network, alone: set[str], paired: set[str]) -> None:
        """`alone`: places that rows name; `paired`: outlets that only pairs name, beside those."""
        self.numbers: dict[str, int] = {"": 0}
        """Of each word that rows name here."""
        self.of: dict[str, int] = {}
        """An outlet's group: the fine one where it has two."""
        self.places: list[Places] = []
        """Of each group."""
        self.wide: list[int] = []
        """A group's wide group, which may be itself."""
        for word in sorted(alone | paired):
            self.numbers.setdefault(word, len(self.numbers))
        groups: dict[tuple[int, ...], int] = {}
        for outlet, site in network.outlets.items():
            named = tuple(
                [self.numbers[place] if place in alone else 0 for place in (outlet, site.city, site.province)]
            )
            wide = groups.get(named)
            if wide is None:
                wide = groups[named] = self._add(named)
            if outlet in paired and outlet not in alone:
                self.of[outlet] = self._add((self.numbers[outlet], *named[1:]), wide)
            else:
                self.of[outlet] = wide

    def _add(self, named: tuple[int, ...], wide: int | None = None) -> int:
        number = len(self.places)
        self.places.append({"": 0, **dict(zip(KINDS, named, strict=True))})
        self.wide.append(number if wide is None else wide)
        return number

    def told_by(self, finer: "Groups") -> list[int] | None:
        """The group here by another list's groups; None where those do not tell it."""
        found: dict[int, int] = {}
        for outlet, group in finer.of.items():
            if found.setdefault(finer.wide[group], self.of[outlet]) != self.of[outlet]:
                return None
        return [found[wide] for wide in finer.wide]


def grouped(rows: Sequence[Row], network: Network) -> tuple[Groups, Groups, frozenset[int]]:
    """The groups of origins and of destinations; and pairs of groups for which there are rows of their own.

    A pair is origin's group × number of destinations' groups + destination's group.
    """
    pairs: list[Row] = []
    others: list[Row] = []
    for row in rows:
        (pairs if row.level == "outlet" and row.origin and row.destination else others).append(row)
    origins, destinations = (
        Groups(network, words_of(map(end, others)), words_of(map(end, pairs)))
        for end in (attrgetter("origin"), attrgetter("destination"))
    )
    span = len(destinations.places)
    return origins, destinations, frozenset(_numbers(pairs, origins.of, destinations.of, span))


def _numbers(
    pairs: Iterable[Row], origins: Mapping[str, int], destinations: Mapping[str, int], span: int
) -> Iterator[int]:
    for row in pairs:
        for origin in row.origin.split("|") if "|" in row.origin else (row.origin,):
            for destination in row.destination.split("|") if "|" in row.destination else (row.destination,):
                if origin in origins and destination in destinations:
                    yield origins[origin] * span + destinations[destination]


def words_of(cells: Iterable[str]) -> set[str]:
    """The words of cells."""
    return {word for cell in set(cells) for word in cell.split("|")}
