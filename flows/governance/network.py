"""The network's directory: which sites, outlets, places and products there are.

Three CSV files with a header, UTF-8:
`places.csv`  code,name,level,province    GB/T 2260 codes; level `province` or `city`; a city's province
`sites.csv`   site,name,kind,outlet,city,province    kind `outlet` or `hub`; a hub's outlet is HQ
`products.csv` product,name
and, where scan chains are watched, `chains.toml`: see `flows.governance.chains`.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from flows.governance.chains import MOST_SITES, Rule, read_chains
from schemas.identity import version_of
from schemas.parties import HQ
from schemas.problems import DocumentError, Problem

FILES: dict[str, tuple[str, ...]] = {
    "places.csv": ("code", "name", "level", "province"),
    "sites.csv": ("site", "name", "kind", "outlet", "city", "province"),
    "products.csv": ("product", "name"),
}


class Site(msgspec.Struct, frozen=True):
    """A place where parcels are handled, the outlet that answers for it, and where it lies."""

    site: str
    name: str
    kind: Literal["outlet", "hub"]
    outlet: str
    city: str
    province: str


class Network(msgspec.Struct, frozen=True):
    """A directory, checked. `outlets` maps an outlet's code to its own site; places map codes to names."""

    version: str
    sites: dict[str, Site]
    outlets: dict[str, Site]
    cities: dict[str, str]
    provinces: dict[str, str]
    products: dict[str, str]
    chains: tuple[Rule, ...] = ()
    """Rules of scan chains."""


def read_network(files: Mapping[str, str]) -> Network:
    """The directory in these files (name → text). Raises DocumentError with every problem found."""
    problems: list[Problem] = []
    rows = {name: list(_rows(files, name, problems)) for name in FILES}
    chains = read_chains(files, problems)
    if problems:
        raise DocumentError(problems)
    provinces = {row["code"]: row["name"] for _, row in rows["places.csv"] if row["level"] == "province"}
    cities = {row["code"]: row["name"] for _, row in rows["places.csv"] if row["level"] == "city"}
    for number, row in rows["places.csv"]:
        if row["level"] not in ("province", "city"):
            problems.append(_wrong("places.csv", number, "level", "is province or city"))
        if row["level"] == "city" and row["province"] not in provinces:
            problems.append(_wrong("places.csv", number, "province", "is no province of this file"))
    sites: dict[str, Site] = {}
    for number, row in rows["sites.csv"]:
        for column, known, message in (
            ("kind", row["kind"] in ("outlet", "hub"), "is outlet or hub"),
            ("city", row["city"] in cities, "is no city of places.csv"),
            ("province", row["province"] in provinces, "is no province of places.csv"),
            ("site", row["site"] not in sites and row["site"] != "", "is empty or stands twice"),
            ("outlet", (row["outlet"] == HQ) == (row["kind"] == "hub"), f"is {HQ} for a hub, and only there"),
        ):
            if not known:
                problems.append(_wrong("sites.csv", number, column, message))
        sites[row["site"]] = msgspec.convert(row, Site) if row["kind"] in ("outlet", "hub") else _NOWHERE
    outlets = {site.outlet: site for site in sites.values() if site.kind == "outlet"}
    if problems:
        raise DocumentError(problems)
    products = {row["product"]: row["name"] for _, row in rows["products.csv"]}
    if chains and len(sites) > MOST_SITES // 2:
        message = f"scan chains can be watched over at most {MOST_SITES // 2} sites"
        raise DocumentError([Problem("sites.csv", 0, "", "too_many_sites", message)])
    return Network(version_of(files), sites, outlets, cities, provinces, products, chains)


_NOWHERE = Site("", "", "hub", HQ, "", "")


def _wrong(file: str, row: int, column: str, message: str) -> Problem:
    return Problem(file, row, column, "wrong_value", f"{column} {message}")


def _rows(
    files: Mapping[str, str], name: str, problems: list[Problem]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Numbered rows of a file, cells stripped."""
    if name not in files:
        problems.append(Problem(name, 0, "", "missing_file", f"the directory has no file {name}"))
        return
    reader = csv.reader(io.StringIO(files[name].lstrip("\ufeff")))
    header = tuple(cell.strip() for cell in next(reader, []))
    if header != FILES[name]:
        problems.append(Problem(name, 1, "", "wrong_header", f"the header is {','.join(FILES[name])}"))
        return
    for cells in reader:
        if not any(map(str.strip, cells)):
            continue
        if len(cells) != len(header):
            problems.append(
                Problem(
                    name, reader.line_num, "", "wrong_width", f"has {len(cells)} cells, not {len(header)}"
                )
            )
            continue
        yield reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))
