"""The auditor's reading of the directory: the outlets' places, names, products, counties, customers' levels."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

KINDS = ("outlet", "city", "province")
ENDINGS = (
    "省",
    "市",
    "自治区",
    "壮族自治区",
    "回族自治区",
    "维吾尔自治区",
    "特别行政区",
    "自治州",
    "地区",
    "盟",
)
EPOCH = date(1970, 1, 1)

Place = tuple[str, str]
"""Kind and code; ("", "") is anywhere."""


class Directory(msgspec.Struct, frozen=True):
    """Where the outlets are, from the published sites."""

    version: str
    places: dict[str, dict[str, str]]
    """By outlet: its code, city and province, by kind; and the site of that name."""
    sites: dict[str, tuple[str, str, str]]
    """By site: outlet, city, province."""
    names: dict[str, dict[str, str]]
    """By kind: codes by code and by every name that people may use."""
    levels: dict[str, list[tuple[int, int, str]]] = {}
    """By customer: first and last day (days since 1970-01-01) and the level between them."""
    counties: dict[str, list[str]] = {}
    """By county: the outlets that serve it, in order."""

    def level(self, customer: str, day: date) -> str:
        """A customer's level on a day; empty: none."""
        number = (day - EPOCH).days
        found = (level for first, last, level in self.levels.get(customer, ()) if first <= number <= last)
        return next(found, "")

    def code(self, kind: str, text: str) -> str | None:
        """The code of a place that is written by its code or a name; None: there is no such place."""
        names = self.names[kind]
        short = (text.removesuffix(ending) for ending in ENDINGS)
        return names.get(text) or next((names[name] for name in short if name in names), None)

    def product(self, text: str) -> str:
        """A product's code, however it is written."""
        return self.names.get("product", {}).get(text, text)


def read_directory(
    version: str,
    sites: Iterable[Mapping[str, str]],
    products: Iterable[Mapping[str, str]] = (),
    areas: Iterable[Mapping[str, str]] = (),
    parties: Iterable[Mapping[str, Any]] = (),
) -> Directory:
    """The directory in rows of the tables `site`, `product`, `area` and `party`."""
    found = Directory(version, {}, {}, {kind: {} for kind in (*KINDS, "product")}, {}, {})
    for area in areas:
        found.counties.setdefault(area["county"], []).extend([area["outlet"]] if area["outlet"] else [])
    named = {product["product"]: product["name"] for product in products}
    found.names["product"].update({code: code for code in named})
    for code, name in named.items():
        found.names["product"].setdefault(name, code)
    for party in parties:
        if party["customer_level"]:
            period = party["first_day"], party["last_day"], party["customer_level"]
            found.levels.setdefault(party["party"], []).append(period)
    for site in sites:
        found.sites[site["site"]] = site["outlet"], site["city"], site["province"]
        _name(found.names["city"], site["city"], site["city_name"])
        _name(found.names["province"], site["province"], site["province_name"])
        if site["kind"] == "outlet":
            outlet = site["outlet"]
            found.places[outlet] = {
                "outlet": outlet,
                "city": site["city"],
                "province": site["province"],
                "site": site["site"],
            }
            _name(found.names["outlet"], outlet, site["name"])
    return found


def _name(names: dict[str, str], code: str, name: str) -> None:
    names[code] = code
    for text in (name, *(name.removesuffix(ending) for ending in ENDINGS)):
        names.setdefault(text, code)
    names[name] = code
