"""Classes of parcels that a list of rows cannot tell apart, so that an answer found for one holds for all.

Outlets that no row tells apart are one group, numbers between two bounds are one class, words that no row has are
one word: nearly every parcel then has a key for which the answer is remembered.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from flows.governance.network import Network
from flows.rating.conditions import AMOUNTS, Condition
from flows.rating.factors import BY_NAME, CALENDAR, FILTERS, KEYED, MOST_MEASURE, Named, When, Words, spans
from flows.rating.facts import NOWHERE, ORDINARY, Facts
from flows.rating.groups import grouped, words_of
from flows.rating.measures import decimal
from flows.rating.model import Row
from flows.rating.remembered import remember
from schemas.money import YUAN
from schemas.times import date_of

Key = tuple[Any, ...]
"""Day, groups of the two outlets, product, and a class of each further factor."""

Get = Callable[[Facts, int], Any]
"""A parcel's value, or class of values, on a day."""


class Zone(Protocol):
    """A row of a map of zones that is for a parcel."""

    @property
    def row(self) -> Row:
        """Its text is the zone's name."""


class Zones(Protocol):
    """A map of origins and destinations to zones or lines."""

    @property
    def classes(self) -> "Classes":
        """What its answer depends on."""

    def best(self, day: int, facts: Facts) -> Zone | None:
        """The zone that a parcel is in."""


class Context(msgspec.Struct, frozen=True):
    """What rows may name beside a parcel's own facts."""

    network: Network
    zones: Mapping[str, Zones]
    """By factor (zone, line): which one an origin and destination are in."""
    holidays: Mapping[int, str]
    books: Mapping[int, str] = {}
    """Versions of the tables' books, by the tables' identities."""

    def place(self, row: Row, beside: Row) -> str:
        """Where a row stands; of another book than a row beside it with that book's version: `file:row@version`."""
        book = self.books.get(id(row.table), "")
        return row.where if book == self.books.get(id(beside.table), "") else f"{row.where}@{book}"


class Classes:
    """The classes that some rows make. `names` are the further factors, in the order of the keys."""

    def __init__(self, rows: Sequence[Row], context: Context) -> None:
        self._context = context
        self.origins, self.destinations, self.pairs = grouped(rows, context.network)
        self._span = len(self.destinations.places)
        self._products = words_of(row.product for row in rows)
        by_factor: dict[str, dict[Named, None]] = {}
        for row in rows:
            for one in row.named:
                by_factor.setdefault(one.factor, {})[one] = None
        factors = [name for name in (*KEYED, *FILTERS) if name in by_factor and name not in CALENDAR]
        plain, of_terms, of_stay = (
            {
                name: _class_of(own[name], by_factor[name], several=name in SEVERAL)
                for name in factors
                if name in own
            }
            for own in (OF_FACTS, OF_TERMS, OF_STAY)
        )
        dated = {
            name: _dated_class(name, by_factor[name], context)
            for name in factors
            if name not in {**plain, **of_terms, **of_stay}
        }
        self.names = [*plain, *dated, *of_terms, *of_stay]
        self._of_ends: dict[str, Callable[[Key, Facts], Any]] = {}
        """Zones that the day and the groups of the two outlets tell, so that keys need not name them."""
        for name in list(dated):
            zone = self._zone_by_key(context.zones.get(name), dated[name])
            if zone is not None:
                self._of_ends[name] = zone
                del dated[name]
        self._keyed = [name for name in self.names if name not in self._of_ends]
        self._plain, self._dated = list(plain.values()), list(dated.values())
        self._of_terms, self._of_stay = list(of_terms.values()), list(of_stay.values())
        self._ordinary = tuple([get(ORDINARY) for get in self._of_terms])
        self._nowhere = tuple([get(NOWHERE) for get in self._of_stay])
        self.fields = [
            (name, value_of(name, context), BY_NAME[name].per) for name in self.names if name != "condition"
        ]
        """The further factors, each with how a parcel's value is found, and parts in its unit."""
        conditions = [one.condition for one in by_factor.get("condition", ()) if isinstance(one, When)]
        self.facts = sorted({name for one in conditions for name in one.names})
        """What the rows' conditions look at."""

    @property
    def by_ends(self) -> bool:
        """Whether nothing counts but the day, the origin and the destination."""
        return not self.names and self._products <= {""}

    def ends(self, facts: Facts) -> tuple[int, int]:
        """The groups of the two outlets. Raises KeyError for an unknown one."""
        return self.origins.of[facts.origin], self.destinations.of[facts.destination]

    def _zone_by_key(self, zones: "Zones | None", get: Get) -> Callable[[Key, Facts], Any] | None:
        """The class of a zone by a parcel's key; None where the key does not tell it."""
        if zones is None or not zones.classes.by_ends or zones.classes.pairs:
            return None
        origins = zones.classes.origins.told_by(self.origins)
        destinations = zones.classes.destinations.told_by(self.destinations)
        if origins is None or destinations is None:
            return None
        known: dict[tuple[int, int, int], Any] = {}

        def of(key: Key, facts: Facts) -> Any:
            between = key[0], origins[key[1]], destinations[key[2]]
            found = known.get(between)
            return remember(known, between, get(facts, key[0])) if found is None else found

        return of

    def key(self, day: int, facts: Facts) -> Key | None:
        """The parcel's class; None where an outlet is unknown."""
        try:
            origin = self.origins.of[facts.origin]
            destination = self.destinations.of[facts.destination]
        except KeyError:
            return None
        if self.pairs and origin * self._span + destination not in self.pairs:
            origin, destination = self.origins.wide[origin], self.destinations.wide[destination]
        product = facts.product
        if product not in self._products:
            product = ""
        key: Key = (day, origin, destination, product)
        if not self._keyed:
            return key
        if self._plain:
            key += tuple([get(facts) for get in self._plain])
        if self._dated:
            key += tuple([get(facts, day) for get in self._dated])
        if self._of_terms:
            terms = facts.terms
            key += self._ordinary if terms is None else tuple([get(terms) for get in self._of_terms])
        if self._of_stay:
            stay = facts.stay
            key += self._nowhere if stay is None else tuple([get(stay) for get in self._of_stay])
        return key

    def words(self, key: Key, facts: Facts) -> dict[str, str]:
        """Of the further factors that are words those that every parcel with this key has."""
        return {name: one for name, one in self.of_key(key, facts).items() if one and type(one) is str}

    def of_key(self, key: Key, facts: Facts) -> Mapping[str, Any]:
        """The class of each further factor, of a parcel with this key."""
        if not self.names:
            return _NO_FACTS
        known = dict(zip(self._keyed, key[4:], strict=True))
        for name, get in self._of_ends.items():
            known[name] = get(key, facts)
        return known


NO_WORDS: Mapping[str, str] = {}


class Telling:
    """The further factors that some lists of rows depend on, as a parcel has them; for people to read.

    `words`: those of them that all parcels have which are told of.
    """

    def __init__(
        self, lists: Iterable[Classes], context: Context, words: Mapping[str, str] = NO_WORDS
    ) -> None:
        self._context, self._words = context, words
        self._parts: list[tuple[list[tuple[str, Get, int]], list[str]]] = []
        known: set[str] = set()
        for one in lists:
            fields = [field for field in one.fields if field[0] not in known]
            known.update(one.names)
            facts = [fact for fact in one.facts if fact not in known]
            known.update(facts)
            if fields or facts:
                self._parts.append((fields, facts))

    def of(self, day: int, facts: Facts) -> dict[str, str]:
        """Their values, those that are there."""
        found: dict[str, str] = {}
        words = self._words
        for fields, named in self._parts:
            for name, get, per in fields:
                value = words[name] if name in words else get(facts, day)
                if value:
                    if type(value) is int:
                        value = decimal(value, per)
                    found[name] = value if type(value) is str else " ".join(value)
            if named:
                known = values(facts, day, self._context)
                found |= {
                    fact: decimal(known[fact], YUAN) if fact in AMOUNTS else str(known[fact])
                    for fact in named
                    if known[fact] not in ("", 0, [])
                }
        return found


_NO_FACTS: Mapping[str, Any] = {}


def _dated_class(name: str, named: Iterable[Named], context: Context) -> Get:
    """The class of a factor that depends on the day."""
    if name == "condition":
        conditions = tuple(dict.fromkeys(one.condition for one in named if isinstance(one, When)))

        def holding(facts: Facts, day: int) -> tuple[Condition, ...]:
            known = values(facts, day, context)
            return tuple([one for one in conditions if one.holds(known)])

        return holding
    value = value_of(name, context)
    words = {word for one in named if isinstance(one, Words) for word in one.words}
    return lambda facts, day: word if (word := value(facts, day)) in words else ""


def _class_of(value: Callable[[Any], Any], named: Iterable[Named], *, several: bool) -> Callable[[Any], Any]:
    """The class of a value, of which the rows name these words, numbers or ranges. `several`: it is some words."""
    if all(isinstance(one, Words) for one in named):
        words = {word for one in named if isinstance(one, Words) for word in one.words}
        if several:
            return lambda owner: tuple([word for word in value(owner) if word in words])
        itself = {word: word for word in words}
        return lambda owner: itself.get(value(owner), "")
    ends = {end for one in named for span in spans(one) for end in (span.over, span.upto)}
    breaks = sorted(ends - {MOST_MEASURE})
    stands_for = [*breaks, breaks[-1] + 1]
    """The number that stands for all numbers between two bounds."""
    return lambda owner: stands_for[bisect_left(breaks, value(owner))]


def _density(facts: Facts) -> int:
    """kg/m³, rounded up, so that it compares with whole bounds as the exact one would; 0: not measured."""
    return -(-facts.weight_g * 1_000 // facts.volume_cm3) if facts.volume_cm3 else 0


OF_TERMS: dict[str, Callable[[Any], Any]] = {
    "channel": attrgetter("channel"),
    "billing": attrgetter("billing"),
    "direction": attrgetter("direction"),
    "service": attrgetter("services"),
    "pieces": attrgetter("pieces"),
    "insured": attrgetter("insured"),
    "cod": attrgetter("cod"),
    "promised": attrgetter("promised_h"),
}
"""Factors that only few parcels have: of the others one key is known beforehand."""

OF_STAY: dict[str, Callable[[Any], Any]] = {
    "temperature": attrgetter("temperature"),
    "area": attrgetter("area"),
    "vehicle": attrgetter("vehicle"),
}
"""Factors of what is in a store."""

SEVERAL = ("hub", "service")
"""Factors of which a parcel has some words, or none."""

OF_FACTS: dict[str, Callable[[Any], Any]] = {
    "customer": attrgetter("customer"),
    "hub": attrgetter("hubs"),
    "weight": attrgetter("weight_g"),
    "volume": attrgetter("volume_cm3"),
    "density": _density,
    "longest": attrgetter("longest_mm"),
    "month_parcels": attrgetter("month_parcels"),
}
"""Factors that every parcel has."""


def value_of(name: str, context: Context) -> Get:
    """How a parcel's value of a factor is found."""
    if name in ("zone", "line"):
        return _zone_of(context.zones.get(name))
    if name == "customer_level":
        level_of = context.network.customer_level
        return lambda facts, day: level_of(facts.customer, day)
    if name in OF_TERMS:
        of_terms = OF_TERMS[name]
        return lambda facts, _: of_terms(facts.terms or ORDINARY)
    if name in OF_STAY:
        of_stay = OF_STAY[name]
        return lambda facts, _: of_stay(facts.stay or NOWHERE)
    value = OF_FACTS[name]
    return lambda facts, _: value(facts)


def _zone_of(zones: Zones | None) -> Get:
    """The zone of a parcel; "" where it has none, or an outlet is unknown."""
    if zones is None:
        return lambda _facts, _day: ""

    def zone(facts: Facts, day: int) -> str:
        match = zones.best(day, facts)
        return match.row.text if match is not None else ""

    if not zones.classes.by_ends:
        return zone
    ends = zones.classes.ends
    known: dict[tuple[int, tuple[int, int]], str] = {}

    def zone_by_ends(facts: Facts, day: int) -> str:
        try:
            key = day, ends(facts)
        except KeyError:
            return ""
        found = known.get(key)
        return remember(known, key, zone(facts, day)) if found is None else found

    return zone_by_ends


def weekday(day: int) -> int:
    """1 for Monday to 7; 1970-01-01 was a Thursday.

    >>> weekday(0), weekday(4)
    (4, 1)
    """
    return (day + 3) % 7 + 1


def calendar(row: Row, day: int, context: Context) -> dict[str, str]:
    """The day, and what a row names of it, in columns or in its condition; nothing of a row that is for any day."""
    named = {one.factor for one in row.named}
    for one in row.named:
        if isinstance(one, When):
            named.update(one.condition.names)
    if named.isdisjoint(CALENDAR):
        return {}
    found = {"date": str(date_of(day))}
    if "weekday" in named:
        found["weekday"] = str(weekday(day))
    if "holiday" in named and day in context.holidays:
        found["holiday"] = context.holidays[day]
    return found


def values(facts: Facts, day: int, context: Context) -> dict[str, Any]:
    """A parcel's facts by the names that conditions use (`flows.rating.conditions.NAMES`)."""
    terms, stay = facts.terms or ORDINARY, facts.stay or NOWHERE
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
        "month_parcels": facts.month_parcels,
        "services": list(terms.services),
        "temperature": stay.temperature,
        "area": stay.area,
        "vehicle": stay.vehicle,
        "pallets": stay.pallets,
        "days": stay.days,
        "hours": stay.hours,
        "weekday": weekday(day),
        "holiday": context.holidays.get(day, ""),
    }
