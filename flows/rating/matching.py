"""The best match: of all rows that are for a parcel, the one that wins, and why the others lost.

More specific wins (`specificity`), then the larger priority, then the later first day in force, then the later
publication. Two rows of one book that are equal in all of that and could meet in a parcel are refused when the
book is read (`flows.rating.clashes`), so there is always one winner.

Rows of the same signature (which factors are named, and how exactly) are found by one look into a dictionary, and
the answer is remembered for all parcels of a class (`flows.rating.classes`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product as combinations
from operator import itemgetter
from typing import Any

import msgspec

from flows.rating.classes import Classes, Context, Key, Telling, weekday
from flows.rating.factors import (
    ANY,
    ANY_HOLIDAY,
    CALENDAR,
    EXACT,
    FILTERS,
    KEYED,
    LIST,
    Between,
    Named,
    Numbers,
    When,
    Words,
    exactness,
)
from flows.rating.facts import Facts
from flows.rating.groups import Places
from flows.rating.levels import LEVELS
from flows.rating.model import Row
from flows.rating.remembered import remember

MOST_PASSED_OVER = 5
"""Losing candidates that a charge tells of."""

_LEVEL = {level.name: len(LEVELS) - n for n, level in enumerate(LEVELS)}
_ENDS = {(True, True): 3, (False, True): 2, (True, False): 1, (False, False): 0}


Rank = tuple[int, ...]


def specificity(row: Row) -> Rank:
    """What makes a row win, the most important first; the larger tuple is more specific.

    Customer, customer level, level of the places, product, which ends are named, single places before lists,
    then the further factors in the order of `flows.rating.factors.FACTORS`.
    """
    named = tuple([(one.factor, exactness(one)) for one in row.named]) if row.named else ()
    return _rank(row.level, _word(row.product), _word(row.origin), _word(row.destination), named)


@cache
def _rank(
    level: str, product: int, origin: int, destination: int, named: tuple[tuple[str, int], ...]
) -> Rank:
    """Of all rows that name the same factors as exactly; there are few kinds of them."""
    exact = dict(named)
    customer, customer_level, *others = (exact.get(name, ANY) for name in (*KEYED, *FILTERS))
    ends = _ENDS[origin != ANY, destination != ANY]
    return (customer, customer_level, _LEVEL[level], product, ends, origin + destination, *others)


def _word(text: str) -> int:
    return (LIST if "|" in text else EXACT) if text else ANY


class Match(msgspec.Struct, frozen=True):
    """The row that won; and those that lost, in order, each with the reason: `file:row reason`,
    `file:row@version reason` where it is another book's."""

    row: Row
    passed_over: str


class PriceList:
    """Rows that compete with each other: those of a fee's base prices, of one surcharge, of one discount.

    `rows` are in order of publication.
    """

    def __init__(self, rows: Sequence[Row], context: Context) -> None:
        self._context = context
        self.classes = Classes(rows, context)
        self.telling = Telling([self.classes], context)
        groups: dict[Rank, _Group] = {}
        for row in rows:
            rank = specificity(row)
            if rank not in groups:
                groups[rank] = _Group(rank, row, self.classes)
            groups[rank].add(row)
        self._groups = [groups[rank] for rank in sorted(groups, reverse=True)]
        """The most specific first."""
        for group in self._groups:
            group.sort()
        self._best: dict[Key, Match | None] = {}

    def best(self, day: int, facts: Facts) -> Match | None:
        """The best match for a parcel on a business day, or None: no row covers it, or an outlet is unknown."""
        key = self.classes.key(day, facts)
        if key is None:
            return None
        try:
            return self._best[key]
        except KeyError:
            pass
        found = self._candidates(key, facts)
        match = Match(found[0][1], ", ".join(self._losers(found))) if found else None
        return remember(self._best, key, match)

    def _losers(self, found: Sequence[tuple[Rank, Row]]) -> Iterator[str]:
        """The rows after the first, and why they lost."""
        for loser in found[1 : 1 + MOST_PASSED_OVER]:
            yield f"{self._context.place(loser[1], found[0][1])} {_why(found[0], loser)}"
        if len(found) > 1 + MOST_PASSED_OVER:
            yield f"and {len(found) - 1 - MOST_PASSED_OVER} more"

    def _candidates(self, key: Key, facts: Facts) -> list[tuple[Rank, Row]]:
        """Rows that cover a parcel, the winner first."""
        day, origin, destination, product, *_ = key
        here, there = self.classes.origins.places[origin], self.classes.destinations.places[destination]
        known = self.classes.of_key(key, facts)
        covering = []
        for group in self._groups:
            found = group.find(here, there, product, known)
            if found is None:
                continue
            for row in found if isinstance(found, tuple) else (found,):
                table = row.table
                if table.first_day <= day <= table.last_day and (
                    not row.named or self._pass(row.named, day, known)
                ):
                    covering.append((group.rank, row))
        return covering

    def _pass(self, named: Sequence[Named], day: int, facts: Mapping[str, Any]) -> bool:
        return all(
            _FILTER[type(one)](one, self._value(one, day, facts)) for one in named if one.factor in FILTERS
        )

    def _value(self, named: Named, day: int, facts: Mapping[str, Any]) -> Any:
        if named.factor not in CALENDAR:
            return facts[named.factor]
        if named.factor == "holiday":
            return self._context.holidays.get(day, "")
        return day if named.factor == "date" else weekday(day)


Found = int | tuple[Any, ...]
"""By what a group finds rows: the numbers of both places as one; with the product and keyed factors, if it has any."""


class _Group:
    """Rows of one specificity, found by the words that they name."""

    def __init__(self, rank: Rank, row: Row, classes: Classes) -> None:
        self.rank = rank
        level = next(level for level in LEVELS if level.name == row.level)
        self._origin = level.origin if row.origin else ""
        self._destination = level.destination if row.destination else ""
        self._origins, self._destinations = classes.origins.numbers, classes.destinations.numbers
        self._span = len(self._destinations)
        self._product = bool(row.product)
        keyed = [one.factor for one in row.named if one.factor in KEYED]
        self._words = itemgetter(*keyed) if keyed else None
        self._rows: dict[Found, Row | tuple[Row, ...]] = {}
        """Nearly every key has one row, which stands for itself."""
        self._unsorted: set[Found] = set()

    def add(self, row: Row) -> None:
        """A row of this specificity; rows come in order of publication."""
        rows = self._rows
        for origin, destination, product, *words in keys(row):
            key: Found = self._origins[origin] * self._span + self._destinations[destination]
            if words:
                key = key, product, words[0] if len(words) == 1 else tuple(words)
            elif product:
                key = key, product
            before = rows.setdefault(key, row)
            if before is not row:
                rows[key] = (row, *before) if isinstance(before, tuple) else (row, before)
                self._unsorted.add(key)

    def sort(self) -> None:
        """Of rows that name the same words the larger priority first, then the later day, then the later one."""
        for key in self._unsorted:
            rows = self._rows[key]
            assert isinstance(rows, tuple)
            self._rows[key] = tuple(sorted(rows, key=lambda row: (-row.table.priority, -row.table.first_day)))
        self._unsorted.clear()

    def find(
        self, here: Places, there: Places, product: str, facts: Mapping[str, Any]
    ) -> Row | tuple[Row, ...] | None:
        """The row or rows that name what a parcel is."""
        key: Found = here[self._origin] * self._span + there[self._destination]
        if self._words is not None:
            key = key, product if self._product else "", self._words(facts)
        elif self._product:
            key = key, product
        return self._rows.get(key)


def keys(row: Row) -> Iterable[tuple[str, ...]]:
    """The words by which a row is found: origin, destination, product and the keyed factors."""
    words = row.named and [one.words for one in row.named if isinstance(one, Words) and one.factor in KEYED]
    if not words and "|" not in row.origin + row.destination + row.product:
        return ((row.origin, row.destination, row.product),)
    return combinations(row.origin.split("|"), row.destination.split("|"), row.product.split("|"), *words)


_FILTER: dict[type[Named], Callable[[Any, Any], bool]] = {
    Between: lambda named, value: named.over < value <= named.upto,
    Numbers: lambda named, value: value in named.numbers,
    Words: lambda named, value: (
        any(word in named.words for word in value)
        if isinstance(value, tuple)
        else value in named.words or (value != "" and ANY_HOLIDAY in named.words)
    ),
    When: lambda named, holding: named.condition in holding,
}


def _why(winner: tuple[Rank, Row], loser: tuple[Rank, Row]) -> str:
    """The rule by which a row lost."""
    if winner[0] != loser[0]:
        return "less_specific"
    table, other = winner[1].table, loser[1].table
    if table.priority != other.priority:
        return "lower_priority"
    if table.first_day != other.first_day:
        return "earlier_table"
    return "earlier_row" if table is other else "earlier_book"
