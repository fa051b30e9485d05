"""Names that people write in a price table, resolved to the network's codes.

Codes, official names and usual short names are understood: 610000, 陕西省, 陕西.
"""

from collections.abc import Mapping

import msgspec

from flows.governance.network import Network
from flows.rating.findings import Broken
from schemas.problems import nearest

SUFFIXES = (
    "维吾尔自治区",
    "壮族自治区",
    "回族自治区",
    "特别行政区",
    "自治区",
    "自治州",
    "地区",
    "省",
    "市",
    "盟",
)
"""Endings that people leave out; the longest first."""


def short(name: str) -> str:
    """The name without its administrative ending.

    >>> short("陕西省"), short("广西壮族自治区"), short("西安市"), short("西安"), short("沙市")
    ('陕西', '广西', '西安', '西安', '沙市')
    """
    for suffix in SUFFIXES:
        if name.endswith(suffix) and len(name) >= len(suffix) + 2:
            return name.removesuffix(suffix)
    return name


class Names:
    """The names of one kind of thing: code by code, by official name and by short name."""

    def __init__(self, kind: str, names: Mapping[str, str]) -> None:
        self.kind = kind
        self._names = names
        self._by_code = {code: [code] for code in names}
        self._by_name: dict[str, list[str]] = {}
        self._by_short: dict[str, list[str]] = {}
        for code, name in names.items():
            self._by_name.setdefault(name, []).append(code)
            self._by_short.setdefault(short(name), []).append(code)
        self._suggestions: dict[str, str] = {}

    def find(self, text: str) -> str | Broken:
        """The code that a text means, or why it means none."""
        codes = (
            self._by_code.get(text)
            or self._by_name.get(text)
            or self._by_short.get(text)
            or self._by_short.get(short(text))
        )
        if codes is None:
            return Broken(f"unknown_{self.kind}", self._unknown(text))
        if len(codes) > 1:
            choice = ", ".join(f"{code} {self._names[code]}" for code in codes)
            return Broken(f"ambiguous_{self.kind}", f"{text!r} may be any of {choice}: write the code")
        return codes[0]

    def _unknown(self, text: str) -> str:
        if text not in self._suggestions:
            like = nearest(text, list(dict.fromkeys([*self._by_name, *self._by_code, *self._by_short])))
            codes = self._by_name.get(like) or self._by_short.get(like, [])
            told = ", ".join(f"{self._names[code]} ({code})" for code in codes)
            told = f"{like} ({self._names[like]})" if like in self._names else told
            self._suggestions[text] = f"; the nearest is {told}" if told else ""
        return f"{text!r} is no {self.kind} of the network{self._suggestions[text]}"


class Gazetteer(msgspec.Struct, frozen=True):
    """The network's outlets, cities, provinces and products by name."""

    network: Network
    kinds: dict[str, Names]
    products: Names

    def lies_in(self, kind: str, code: str, coarser: str) -> str:
        """The code of the city or province that an outlet or city lies in; a city's code tells it."""
        if kind == "city":
            return f"{code[:2]}0000"
        site = self.network.outlets[code]
        return site.city if coarser == "city" else site.province


def gazetteer(network: Network) -> Gazetteer:
    """The names of a network."""
    outlets = {code: site.name for code, site in network.outlets.items()}
    return Gazetteer(
        network,
        {
            "outlet": Names("outlet", outlets),
            "city": Names("city", network.cities),
            "province": Names("province", network.provinces),
        },
        Names("product", network.products),
    )
