"""Groups of outlets that a list of rows cannot tell apart at one end of a parcel's way.

Most rows that name an outlet at both ends are for a pair of which few parcels are. So an outlet that only such rows
name has two groups: a fine one, which counts where its pair has a row, and a wide one, which it shares with its
city's other outlets.
"""

from collections.abc import Iterable, Mapping, Sequence

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
    pairs = {(row.origin, row.destination) for row in rows if _is_pair(row)}
    others = [row for row in rows if not _is_pair(row)]
    origins = Groups(
        network, words_of({row.origin for row in others}), words_of({origin for origin, _ in pairs})
    )
    destinations = Groups(
        network,
        words_of({row.destination for row in others}),
        words_of({destination for _, destination in pairs}),
    )
    span = len(destinations.places)
    known = frozenset(
        [
            origins.of[origin] * span + destinations.of[destination]
            for from_, to in pairs
            for origin in from_.split("|")
            for destination in to.split("|")
            if origin in origins.of and destination in destinations.of
        ]
    )
    return origins, destinations, known


def _is_pair(row: Row) -> bool:
    return row.level == "outlet" and row.origin != "" and row.destination != ""


def words_of(texts: Iterable[str]) -> set[str]:
    """The words of cells."""
    return {word for text in texts for word in text.split("|")}
