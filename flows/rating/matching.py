"""The best match: of all rows that are for a parcel, the one that wins, and why the others lost.

More specific wins (`specificity`), then the larger priority, then the later first day in force, then the later
publication. Two rows of one book that are equal in all of that and could meet in a parcel are refused when the
book is read (`flows.rating.clashes`), so there is always one winner.

Rows of the same signature (which factors are named, and how exactly) are found by one look into a dictionary.
Outlets that no row tells apart are one group, numbers between two bounds are one class, so that the answer is
remembered for few enough keys, and nearly every parcel finds it there.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product as combinations
from typing import Any

import msgspec

from flows.governance.network import Network
from flows.rating.factors import (
    ANY,
    ANY_HOLIDAY,
    BY_NAME,
    CALENDAR,
    EXACT,
    FILTERS,
    KEYED,
    LIST,
    MOST_MEASURE,
    Between,
    Named,
    When,
    Words,
    exactness,
)
from flows.rating.facts import ORDINARY, Facts
from flows.rating.levels import KINDS, LEVELS
from flows.rating.measures import decimal
from flows.rating.model import Row

MOST_REMEMBERED = 200_000
"""Best matches kept for a list of prices before they are forgotten and found again."""
MOST_PASSED_OVER = 5
"""Losing candidates that a charge tells of."""

_LEVEL = {level.name: len(LEVELS) - n for n, level in enumerate(LEVELS)}
_ENDS = {(True, True): 3, (False, True): 2, (True, False): 1, (False, False): 0}


def specificity(row: Row) -> tuple[int, ...]:
    """What makes a row win, the most important first; the larger tuple is more specific.

    Customer, customer level, level of the places, product, which ends are named, single places before lists,
    then the further factors in the order of `flows.rating.factors.FACTORS`.
    """
    named = {one.factor: exactness(one) for one in row.named} if row.named else {}
    customer, level, *others = (named.get(name, ANY) for name in (*KEYED, *FILTERS))
    return (
        customer,
        level,
        _LEVEL[row.level],
        _word(row.product),
        _ENDS[row.origin != "", row.destination != ""],
        _word(row.origin) + _word(row.destination),
        *others,
    )


def _word(text: str) -> int:
    return (LIST if "|" in text else EXACT) if text else ANY


class Match(msgspec.Struct, frozen=True):
    """The row that won; and those that lost, in order, each with the reason: `file:row reason`."""

    row: Row
    passed_over: str


class Context(msgspec.Struct, frozen=True):
    """What rows may name beside a parcel's own facts."""

    network: Network
    zones: Mapping[str, "PriceList"]
    """By factor (zone, line): which one an origin and destination are in."""
    holidays: Mapping[int, str]


class PriceList:
    """Rows that compete with each other: those of a fee's base prices, of one surcharge, of one discount.

    `rows` are in order of publication.
    """

    def __init__(self, rows: Sequence[Row], context: Context) -> None:
        self._context = context
        self._zones = context.zones
        ranked = sorted(
            (
                (specificity(row), row.table.priority, row.table.first_day, n, row)
                for n, row in enumerate(rows)
            ),
            key=lambda one: one[:4],
            reverse=True,
        )
        self._groups: list[_Group] = []
        for rank, _, _, _, row in ranked:
            if not self._groups or self._groups[-1].rank != rank[:_FILTERS_FROM]:
                self._groups.append(_Group(rank[:_FILTERS_FROM], row))
            self._groups[-1].add(row)
        network = context.network
        self._origins = _Groups(network, {code for row in rows for code in row.origin.split("|")})
        self._destinations = _Groups(network, {code for row in rows for code in row.destination.split("|")})
        self._products = {product for row in rows for product in row.product.split("|")}
        self._extras = _extras(rows, self)
        """What else the answer depends on, in the order of `self._names`."""
        self._names = [name for name, _ in self._extras]
        conditions = [one.condition for row in rows for one in row.named if isinstance(one, When)]
        self._facts = sorted({name for one in conditions for name in one.program.variables()})
        """What the rows' conditions look at."""
        self._getters = [get for _, get in self._extras]
        self._best: dict[tuple[Any, ...], Match | None] = {}

    def best(self, day: int, facts: Facts) -> Match | None:
        """The best match for a parcel on a business day, or None: no row covers it, or an outlet is unknown."""
        product = facts.product
        try:
            key: tuple[Any, ...] = (
                day,
                self._origins.of[facts.origin],
                self._destinations.of[facts.destination],
                product if product in self._products else "",
            )
        except KeyError:
            return None
        if self._getters:
            key += tuple([get(facts, day) for get in self._getters])
        try:
            return self._best[key]
        except KeyError:
            pass
        if len(self._best) >= MOST_REMEMBERED:
            self._best.clear()
        match = self._best[key] = self._match(key)
        return match

    def extras(self, day: int, facts: Facts) -> dict[str, str]:
        """The further factors that these rows depend on, as this parcel has them; for people to read."""
        found: dict[str, str] = {}
        for name in self._names:
            if name == "condition":
                known = values(facts, day, self._context)
                found |= {fact: str(known[fact]) for fact in self._facts if known[fact] not in ("", 0, [])}
            elif name == "hub":
                found[name] = " ".join(facts.hubs)
            else:
                value = value_of(name, self._context)(facts, day)
                found[name] = decimal(value, BY_NAME[name].per) if isinstance(value, int) else value
        return {name: value for name, value in found.items() if value}

    def _match(self, key: tuple[Any, ...]) -> Match | None:
        found = list(self._candidates(key))
        if not found:
            return None
        return Match(found[0], ", ".join(_losers(found)))

    def _candidates(self, key: tuple[Any, ...]) -> Iterator[Row]:
        """Rows that cover a parcel, the winner first."""
        day, origin, destination, product, *extras = key
        here, there = self._origins.places[origin], self._destinations.places[destination]
        facts = dict(zip(self._names, extras, strict=True))
        for group in self._groups:
            for row in group.find(here, there, product, facts):
                table = row.table
                if table.first_day <= day <= table.last_day and (
                    not row.named or self._pass(row.named, day, facts)
                ):
                    yield row

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


def weekday(day: int) -> int:
    """1 for Monday to 7; 1970-01-01 was a Thursday.

    >>> weekday(0), weekday(4)
    (4, 1)
    """
    return (day + 3) % 7 + 1


_FILTERS_FROM = 6 + len(KEYED) - 2
"""Where in a specificity the factors begin that rows are looked through for."""


class _Group:
    """Rows of one signature, found by the words that they name."""

    def __init__(self, rank: tuple[int, ...], row: Row) -> None:
        self.rank = rank
        level = next(level for level in LEVELS if level.name == row.level)
        self._origin = level.origin if row.origin else ""
        self._destination = level.destination if row.destination else ""
        self._product = bool(row.product)
        self._keyed = [one.factor for one in row.named if one.factor in KEYED]
        self._rows: dict[tuple[str, ...], list[Row]] = {}

    def add(self, row: Row) -> None:
        """A row of this signature; rows come in order of rank."""
        words = [one.words for one in row.named if isinstance(one, Words) and one.factor in KEYED]
        if not words and "|" not in row.origin + row.destination + row.product:
            self._rows.setdefault((row.origin, row.destination, row.product), []).append(row)
            return
        ends = (row.origin.split("|"), row.destination.split("|"), row.product.split("|"))
        for key in combinations(*ends, *words):
            self._rows.setdefault(key, []).append(row)

    def find(
        self, here: Mapping[str, str], there: Mapping[str, str], product: str, facts: Mapping[str, Any]
    ) -> Sequence[Row]:
        """Rows that name what a parcel is."""
        key = (here[self._origin], there[self._destination], product if self._product else "")
        return self._rows.get((*key, *[facts[name] for name in self._keyed]) if self._keyed else key, ())


class _Groups:
    """Outlets in groups that a list's rows cannot tell apart at one end."""

    def __init__(self, network: Network, named: set[str]) -> None:
        self.of: dict[str, int] = {}
        """An outlet's group."""
        self.places: list[dict[str, str]] = []
        """A group's places that rows may name, by kind; "" where none does."""
        numbers: dict[tuple[str, ...], int] = {}
        for outlet, site in network.outlets.items():
            places = tuple(place if place in named else "" for place in (outlet, site.city, site.province))
            if places not in numbers:
                numbers[places] = len(self.places)
                self.places.append({"": "", **dict(zip(KINDS, places, strict=True))})
            self.of[outlet] = numbers[places]


# What the answer depends on beside the day, the places and the product

_Get = Callable[[Facts, int], Any]


def _extras(rows: Sequence[Row], prices: PriceList) -> list[tuple[str, _Get]]:
    """The further factors that any row names, each with how a parcel's class is found."""
    by_factor: dict[str, list[Named]] = {}
    for row in rows:
        for one in row.named:
            by_factor.setdefault(one.factor, []).append(one)
    return [
        (name, _getter(name, by_factor[name], prices))
        for name in (*KEYED, *FILTERS)
        if name in by_factor and name not in CALENDAR
    ]


def _getter(name: str, named: Sequence[Named], prices: PriceList) -> _Get:
    context = prices._context
    if name == "condition":
        conditions = tuple(dict.fromkeys(one.condition for one in named if isinstance(one, When)))
        return lambda facts, day: tuple([one for one in conditions if one.holds(values(facts, day, context))])
    if name == "hub":
        hubs = {word for one in named if isinstance(one, Words) for word in one.words}
        return lambda facts, _: tuple([hub for hub in facts.hubs if hub in hubs])
    value = value_of(name, context)
    if all(isinstance(one, Words) for one in named):
        words = {word for one in named if isinstance(one, Words) for word in one.words}
        return lambda facts, day: word if (word := value(facts, day)) in words else ""
    ends = {end for one in named if isinstance(one, Between) for end in (one.over, one.upto)}
    breaks = sorted(ends - {MOST_MEASURE})
    return lambda facts, day: _class(breaks, value(facts, day))


def _class(breaks: Sequence[int], value: int) -> int:
    """The number that stands for all numbers between two bounds."""
    n = bisect_left(breaks, value)
    return breaks[n] if n < len(breaks) else breaks[-1] + 1


def value_of(name: str, context: Context) -> _Get:
    """How a parcel's value of a factor is found."""
    if name in ("zone", "line"):
        zones = context.zones.get(name)

        def zone(facts: Facts, day: int) -> str:
            match = zones.best(day, facts) if zones is not None else None
            return match.row.text if match is not None else ""

        return zone
    if name == "customer_level":
        level_of = context.network.customer_level
        return lambda facts, day: level_of(facts.customer, day)
    return _VALUES[name]


def _density(facts: Facts) -> int:
    """kg/m³, rounded up, so that it compares with whole bounds as the exact one would; 0: not measured."""
    return -(-facts.weight_g * 1_000 // facts.volume_cm3) if facts.volume_cm3 else 0


_VALUES: dict[str, Callable[[Facts, int], Any]] = {
    "customer": lambda facts, _: facts.customer,
    "channel": lambda facts, _: (facts.terms or ORDINARY).channel,
    "billing": lambda facts, _: (facts.terms or ORDINARY).billing,
    "direction": lambda facts, _: (facts.terms or ORDINARY).direction,
    "weight": lambda facts, _: facts.weight_g,
    "volume": lambda facts, _: facts.volume_cm3,
    "density": lambda facts, _: _density(facts),
    "pieces": lambda facts, _: (facts.terms or ORDINARY).pieces,
    "longest": lambda facts, _: facts.longest_mm,
    "insured": lambda facts, _: (facts.terms or ORDINARY).insured,
    "cod": lambda facts, _: (facts.terms or ORDINARY).cod,
    "promised": lambda facts, _: (facts.terms or ORDINARY).promised_h,
}


def values(facts: Facts, day: int, context: Context) -> dict[str, Any]:
    """A parcel's facts by the names that conditions use (`flows.rating.conditions.NAMES`)."""
    terms = facts.terms or ORDINARY
    here, there = (context.network.outlets.get(outlet) for outlet in (facts.origin, facts.destination))
    return {
        "origin": facts.origin,
        "destination": facts.destination,
        "origin_city": here.city if here else "",
        "destination_city": there.city if there else "",
        "origin_province": here.province if here else "",
        "destination_province": there.province if there else "",
        "product": facts.product,
        "customer": facts.customer,
        "customer_level": context.network.customer_level(facts.customer, day),
        "channel": terms.channel,
        "billing": terms.billing,
        "direction": terms.direction,
        "hubs": list(facts.hubs),
        "weight_g": facts.weight_g,
        "volume_cm3": facts.volume_cm3,
        "longest_mm": facts.longest_mm,
        "pieces": terms.pieces,
        "insured": terms.insured,
        "cod": terms.cod,
        "promised_h": terms.promised_h,
        "weekday": weekday(day),
        "holiday": context.holidays.get(day, ""),
    }


_FILTER: dict[type[Named], Callable[[Any, Any], bool]] = {
    Between: lambda named, value: named.over < value <= named.upto,
    Words: lambda named, value: (
        any(word in named.words for word in value)
        if isinstance(value, tuple)
        else value in named.words or (value != "" and ANY_HOLIDAY in named.words)
    ),
    When: lambda named, holding: named.condition in holding,
}


def _losers(found: Sequence[Row]) -> Iterator[str]:
    winner = found[0]
    for loser in found[1 : 1 + MOST_PASSED_OVER]:
        yield f"{loser.where} {_why(winner, loser)}"
    if len(found) > 1 + MOST_PASSED_OVER:
        yield f"and {len(found) - 1 - MOST_PASSED_OVER} more"


def _why(winner: Row, loser: Row) -> str:
    """The rule by which a row lost."""
    if specificity(winner) != specificity(loser):
        return "less_specific"
    if winner.table.priority != loser.table.priority:
        return "lower_priority"
    if winner.table.first_day != loser.table.first_day:
        return "earlier_table"
    return "earlier_book"
