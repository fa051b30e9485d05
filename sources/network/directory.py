"""Outlets and hubs over China's provinces and cities, with the trade's skew.

`places.csv` has the provinces and prefectures of GB/T 2260, where a province's capital lies, and how many parcels
a city sends and receives: tens of millions a year, roughly as published for 2023 (sends) and by population and
wealth (receives). A third of what is sent comes from six cities; what is received follows the people.
"""

import math
import random
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import msgspec

from schemas.parties import HQ
from sources.network import parties
from sources.network.files import City, cities, csv_of, places, provinces

PRODUCTS = {"STD": "标快", "EXP": "特快", "ECO": "电商件"}

WITHIN_CITY_KM, WITHIN_PROVINCE_KM = 30, 180
HALF_AS_LIKELY_KM = 900
"""At this distance a place is half as likely a destination as next door: trade has regions."""


class Site(msgspec.Struct, frozen=True):
    """An outlet or a hub; an outlet's code names the site and the outlet."""

    code: str
    name: str
    city: str
    province: str
    hub: bool
    counties: tuple[str, ...] = ()
    """Counties that an outlet serves."""
    elsewhere: str = ""
    """A county of its city that it does not serve; empty: there is none."""


class Draw(msgspec.Struct, frozen=True):
    """Things to draw one of, by weight."""

    things: Sequence[str | Site]
    cumulated: Sequence[int]

    def one(self, r: random.Random) -> str | Site:
        """One of them."""
        return r.choices(self.things, cum_weights=self.cumulated)[0]


def draw(weights: Mapping[str, int] | Sequence[tuple[Site, int]]) -> Draw:
    """A draw of things with whole weights."""
    pairs = list(weights.items()) if isinstance(weights, Mapping) else list(weights)
    return Draw([thing for thing, _ in pairs], list(accumulate(weight for _, weight in pairs)))


class World(msgspec.Struct):
    """A directory, and how likely each outlet sends and receives."""

    outlets: list[Site]
    hubs: dict[str, Site]
    """By province."""
    files: dict[str, str]
    """In the format in which a directory is published: with its parties, areas and scan-chain rules."""
    kilometres: dict[tuple[str, str], int]
    """Between provinces' capitals."""
    senders: Draw
    regions: dict[str, Draw]
    """Where a province's parcels go: provinces."""
    receivers: dict[str, Draw]
    """By province: its outlets."""
    volume: dict[str, int]
    """By outlet: what it sends and receives, as a share of no particular whole."""

    def pair(self, r: random.Random) -> tuple[Site, Site]:
        """Origin and destination of a parcel: by volume, and the nearer the likelier."""
        origin = self.senders.one(r)
        assert isinstance(origin, Site)
        region = self.regions[origin.province].one(r)
        assert isinstance(region, str)
        destination = self.receivers[region].one(r)
        assert isinstance(destination, Site)
        return origin, destination

    def distance(self, origin: Site, destination: Site) -> int:
        """Kilometres as the crow flies, roughly."""
        if origin.city == destination.city:
            return WITHIN_CITY_KM
        if origin.province == destination.province:
            return WITHIN_PROVINCE_KM
        return max(WITHIN_PROVINCE_KM, self.kilometres[origin.province, destination.province])


def build(outlets: int, seed: int) -> World:
    """A network of so many outlets (60 to 20,000 were tried) and a hub in each province; deterministic.

    Every city has an outlet if there are enough; with fewer, the cities with most parcels have.
    """
    rows = places()
    capitals = {
        row["code"]: (float(row["longitude"]), float(row["latitude"]))
        for row in rows
        if row["level"] == "province"
    }
    known_cities = cities(rows)
    r = random.Random(f"{seed}/directory")
    sites, sends, receives = list[Site](), list[int](), list[int]()
    areas, counties = list[tuple[str, ...]](), list[tuple[str, ...]]()
    for city, count in _share_out(known_cities, outlets):
        short = city.name.removesuffix("市")
        known = parties.counties_of(city.code, count)
        counties += parties.county_rows(city.code, city.name, known)
        served = parties.area_rows([f"{city.code}-{number:03d}" for number in range(1, count + 1)], known)
        areas += served
        for number in range(1, count + 1):
            busy = r.randint(50, 150)
            code = f"{city.code}-{number:03d}"
            mine = tuple(county for outlet, county in served if outlet == code)
            other = next((county for county in reversed(known) if county not in mine), "")
            sites.append(Site(code, f"{short}{number}号网点", city.code, city.province, False, mine, other))
            sends.append(max(1, city.sends * busy * 100 // count))
            receives.append(max(1, city.receives * busy * 100 // count))
    hubs = {
        city.province: Site(
            f"H{city.province}", f"{city.name.removesuffix('市')}分拨中心", city.code, city.province, True
        )
        for city in reversed(known_cities)  # a province's first city is its capital
    }
    kilometres = {(a, b): _kilometres(capitals[a], capitals[b]) for a in capitals for b in capitals}
    received: dict[str, list[tuple[Site, int]]] = {}
    for site, weight in zip(sites, receives, strict=True):
        received.setdefault(site.province, []).append((site, weight))
    totals = {province: sum(weight for _, weight in found) for province, found in received.items()}
    return World(
        sites,
        hubs,
        {
            "sites.csv": csv_of(
                ("site", "name", "kind", "outlet", "city", "province"), map(_row, [*sites, *hubs.values()])
            ),
            "products.csv": csv_of(("product", "name"), PRODUCTS.items()),
            "places.csv": csv_of(PLACES, [*(_place(row) for row in rows), *counties]),
            "areas.csv": csv_of(("outlet", "county"), areas),
            "parties.csv": csv_of(
                parties.PARTY_COLUMNS,
                parties.party_rows(provinces(rows), sites, list(hubs.values())),
            ),
            **{
                name: Path(__file__).with_name(name).read_text("utf-8")
                for name in ("chains.toml", "levels.csv")
            },
        },
        kilometres,
        draw(list(zip(sites, sends, strict=True))),
        {a: draw({b: totals[b] * _pull(kilometres[a, b]) // 1000 for b in totals}) for a in capitals},
        {province: draw(found) for province, found in received.items()},
        {site.code: sends[n] + receives[n] for n, site in enumerate(sites)},
    )


def _share_out(cities: list[City], outlets: int) -> list[tuple[City, int]]:
    """Outlets to cities: one each, the busiest first, and the rest by volume (largest remainders)."""
    busiest = sorted(cities, key=lambda city: (-(city.sends + city.receives), city.code))[:outlets]
    spare = outlets - len(busiest)
    total = sum(city.sends + city.receives for city in busiest)
    shares = {city.code: divmod((city.sends + city.receives) * spare, total) for city in busiest}
    left = spare - sum(whole for whole, _ in shares.values())
    one_more = {city.code for city in sorted(busiest, key=lambda city: -shares[city.code][1])[:left]}
    return [
        (city, 1 + shares[city.code][0] + (city.code in one_more)) for city in cities if city.code in shares
    ]


def _kilometres(a: tuple[float, float], b: tuple[float, float]) -> int:
    """Between two points (longitude, latitude), on a plane: good enough for a country."""
    east = (a[0] - b[0]) * math.cos(math.radians((a[1] + b[1]) / 2))
    return round(111 * math.hypot(east, a[1] - b[1]))


def _pull(kilometres: int) -> int:
    """How likely a destination at this distance is, in thousandths of next door."""
    return 1000 * HALF_AS_LIKELY_KM // (HALF_AS_LIKELY_KM + kilometres)


PLACES = ("code", "name", "level", "province")


def _place(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[column] for column in PLACES)


def _row(site: Site) -> tuple[str, ...]:
    kind, outlet = ("hub", HQ) if site.hub else ("outlet", site.code)
    return site.code, site.name, kind, outlet, site.city, site.province
