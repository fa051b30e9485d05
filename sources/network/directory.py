"""Outlets and hubs over China's provinces and cities, with the trade's skew.

The shares of provinces and cities (column `weight` of places.csv) follow published express volumes roughly:
Guangdong and Zhejiang make two fifths of all parcels. Codes and names are those of GB/T 2260.
"""

import csv
import io
import random
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

import msgspec

PRODUCTS = {"STD": "标快", "EXP": "特快", "ECO": "电商件"}


class Site(msgspec.Struct, frozen=True):
    """An outlet or a hub."""

    code: str
    name: str
    city: str
    province: str
    hub: bool


class World(msgspec.Struct):
    """A directory and how likely each outlet sends and receives."""

    outlets: list[Site]
    hubs: dict[str, Site]
    """By province."""
    files: dict[str, str]
    cumulated: list[int]

    def pick(self, random_: random.Random) -> Site:
        """An outlet by its share of the volume."""
        return random_.choices(self.outlets, cum_weights=self.cumulated)[0]


def build(outlets: int, seed: int) -> World:
    """A network of at least one outlet in every city; deterministic. `outlets`: how many in all, about."""
    places = list(csv.DictReader(io.StringIO(Path(__file__).with_name("places.csv").read_text("utf-8"))))
    share = {row["code"]: int(row["weight"]) for row in places if row["level"] == "province"}
    cities = [row for row in places if row["level"] == "city"]
    total: dict[str, int] = {}
    for city in cities:
        total[city["province"]] = total.get(city["province"], 0) + int(city["weight"])
    volume = [
        share[city["province"]] * int(city["weight"]) * 10_000 // total[city["province"]] for city in cities
    ]
    spare = max(0, outlets - len(cities))
    random_ = random.Random(seed)
    more = random_.choices(range(len(cities)), volume, k=spare)
    sites, weights = [], []
    for index, city in enumerate(cities):
        count = 1 + more.count(index)
        for number in range(1, count + 1):
            code = f"{city['code']}-{number:03d}"
            sites.append(Site(code, f"{city['name']}{number}网点", city["code"], city["province"], False))
            weights.append(max(1, volume[index] * random_.randint(50, 150) // (100 * count)))
    hubs = {
        city["province"]: Site(
            f"H{city['province']}", f"{city['name']}分拨中心", city["code"], city["province"], True
        )
        for city in reversed(cities)
    }
    return World(sites, hubs, _files(places, [*sites, *hubs.values()]), list(accumulate(weights)))


def _files(places: list[dict[str, str]], sites: list[Site]) -> dict[str, str]:
    kind = {False: "outlet", True: "hub"}
    return {
        "places.csv": _csv(
            ("code", "name", "level", "province"),
            ((row["code"], row["name"], row["level"], row["province"]) for row in places),
        ),
        "sites.csv": _csv(
            ("site", "name", "kind", "outlet", "city", "province"),
            (
                (
                    site.code,
                    site.name,
                    kind[site.hub],
                    "HQ" if site.hub else site.code,
                    site.city,
                    site.province,
                )
                for site in sites
            ),
        ),
        "products.csv": _csv(("product", "name"), PRODUCTS.items()),
    }


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
