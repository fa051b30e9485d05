"""The network's directory: which sites, outlets, places and products there are, and which parties.

CSV files with a header, UTF-8. Three of them are in every directory:
`places.csv`  code,name,level,province    GB/T 2260 codes; level `province`, `city` or `county`; its province
`sites.csv`   site,name,kind,outlet,city,province    kind `outlet` or `hub`; a hub's outlet is HQ
`products.csv` product,name
and others may be: `parties.csv` (see `flows.governance.parties`), `areas.csv` (see `flows.governance.areas`),
what `flows.governance.agreements` reads and, where scan chains are watched, `chains.toml` (see
`flows.governance.chains`) and `levels.csv` (see `flows.governance.levels`).
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from flows.governance import areas, parties
from flows.governance.agreements import Agreements, read_agreements
from flows.governance.areas import Areas, read_areas
from flows.governance.chains import MOST_SITES, Rule, read_chains
from flows.governance.levels import Step, read_levels
from flows.governance.parties import KEEP_ACCOUNTS, Membership, Parties, member, of_kinds, read_parties
from schemas.identity import version_of
from schemas.parties import HQ
from schemas.problems import DocumentError, Problem
from schemas.rows import rows_of, wrong

FILES: dict[str, tuple[str, ...]] = {
    "places.csv": ("code", "name", "level", "province"),
    "sites.csv": ("site", "name", "kind", "outlet", "city", "province"),
    "products.csv": ("product", "name"),
}
MAY_BE: dict[str, tuple[str, ...]] = {parties.FILE: parties.COLUMNS, areas.FILE: areas.COLUMNS}
"""Files that a directory may have."""


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
    counties: dict[str, str] = {}
    """Empty: the directory knows none, and no county can be judged."""
    areas: Areas = {}
    parties: Parties = {}
    agreements: Agreements = Agreements()
    chains: tuple[Rule, ...] = ()
    """Rules of scan chains."""
    levels: tuple[Step, ...] = ()
    """Steps of service levels."""
    keepers: frozenset[str] = frozenset()
    """Parties that keep virtual accounts beside the outlets."""
    customers: frozenset[str] = frozenset()
    """Those of `parties.csv`; an outlet may be one, too."""
    hubs: frozenset[str] = frozenset()
    """Sites that are hubs."""

    def party(self, party: str, day: int) -> Membership | None:
        """A party of `parties.csv` as it is on a business day (days since 1970-01-01)."""
        return member(self.parties, party, day)

    def keeps_account(self, party: str) -> bool:
        """Whether a party has virtual accounts: whoever owes headquarters, or is owed by it."""
        return party in self.outlets or party in self.keepers

    def may_store(self, party: str) -> bool:
        """Whether a party may have goods in stores, and packages: customers and outlets."""
        return party in self.outlets or party in self.customers

    def customer_level(self, customer: str, day: int) -> str:
        """A customer's level on a business day; "" where nothing is known of it."""
        found = member(self.parties, customer, day)
        return found.customer_level if found is not None else ""


NO_NETWORK = Network("", {}, {}, {}, {}, {})
"""Before the first directory."""


def read_network(files: Mapping[str, str]) -> Network:
    """The directory in these files (name → text). Raises DocumentError with every problem found."""
    problems: list[Problem] = []
    columns = FILES | {name: names for name, names in MAY_BE.items() if name in files}
    rows = {name: list(rows_of(files, name, names, problems)) for name, names in columns.items()}
    chains = read_chains(files, problems)
    levels = read_levels(files, chains, problems)
    if problems:
        raise DocumentError(problems)
    provinces = {row["code"]: row["name"] for _, row in rows["places.csv"] if row["level"] == "province"}
    cities = {row["code"]: row["name"] for _, row in rows["places.csv"] if row["level"] == "city"}
    counties = {row["code"]: row["name"] for _, row in rows["places.csv"] if row["level"] == "county"}
    for number, row in rows["places.csv"]:
        if row["level"] not in ("province", "city", "county"):
            problems.append(wrong("places.csv", number, "level", "is province, city or county"))
        if row["level"] in ("city", "county") and row["province"] not in provinces:
            problems.append(wrong("places.csv", number, "province", "is no province of this file"))
        if row["level"] == "county" and city_of(row["code"]) not in cities:
            message = (
                f"begins with the four digits of its city, and {city_of(row['code'])} is no city of this file"
            )
            problems.append(wrong("places.csv", number, "code", message))
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
                problems.append(wrong("sites.csv", number, column, message))
        sites[row["site"]] = msgspec.convert(row, Site) if row["kind"] in ("outlet", "hub") else _NOWHERE
    outlets = {site.outlet: site for site in sites.values() if site.kind == "outlet"}
    served = read_areas(rows.get(areas.FILE, []), outlets, counties, problems)
    members = read_parties(rows.get(parties.FILE, []), problems)
    if problems:
        raise DocumentError(problems)
    products = {row["product"]: row["name"] for _, row in rows["products.csv"]}
    if chains and len(sites) > MOST_SITES // 2:
        message = f"scan chains can be watched over at most {MOST_SITES // 2} sites"
        raise DocumentError([Problem("sites.csv", 0, "", "too_many_sites", message)])
    keepers = of_kinds(members, KEEP_ACCOUNTS)
    agreements = read_agreements(files, outlets.keys() | keepers)
    return Network(
        version_of(files),
        sites,
        outlets,
        cities,
        provinces,
        products,
        counties,
        served,
        members,
        agreements,
        chains,
        levels,
        keepers,
        of_kinds(members, ("customer",)),
        frozenset(code for code, site in sites.items() if site.kind == "hub"),
    )


def city_of(county: str) -> str:
    """The code of the city that a county belongs to.

    >>> city_of("310115")
    '310100'
    """
    return f"{county[:4]}00"


_NOWHERE = Site("", "", "hub", HQ, "", "")
