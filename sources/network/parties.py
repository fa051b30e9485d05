"""Who the simulated network's parties are, and which counties its cities have: more files of its directory.

Each city has some counties (districts), of which the last is nobody's where there are more than two;
each province is a party above its outlets; an outlet has couriers, a city's first outlet also a sub-contractor, who is
paid for the couriers' work in his area; customers have levels by how much they send; and one company stands ready to
take outlets over.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.parties import HQ

COUNTY_NAMES = ("城关区", "城东区", "城西区", "城南区", "城北区", "开发区", "新区")
FEWEST_COUNTIES = 2
LEVELS = {40: "VIP", 400: "A", 2000: "B"}
"""The first so many customers have this level; the rest have none."""
SUCCESSOR = "XCY"
"""A company that takes outlets over."""
COURIERS = 2
"""Of each outlet."""
FIRST, CONTRACTOR = "-001", "A"
"""How the code of a city's first outlet ends, and that of its sub-contractor."""

PARTY_COLUMNS = (
    "party",
    "kind",
    "name",
    "parent",
    "legal_entity",
    "settlement_account",
    "customer_level",
    "from",
    "to",
)
Rows = list[tuple[str, ...]]


class Outlet(Protocol):
    """What is asked of an outlet."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def city(self) -> str: ...
    @property
    def province(self) -> str: ...


def counties_of(city: str, outlets: int) -> list[str]:
    """Codes of a city's counties: a few, more where there are many outlets."""
    count = min(len(COUNTY_NAMES), max(FEWEST_COUNTIES, 2 + outlets // 3))
    return [f"{city[:4]}{number:02d}" for number in range(1, count + 1)]


def county_rows(city: str, name: str, counties: Sequence[str]) -> Rows:
    """Rows of `places.csv`: code, name, level, province."""
    short = name.removesuffix("市")
    return [
        (code, short + COUNTY_NAMES[number], "county", f"{city[:2]}0000")
        for number, code in enumerate(counties)
    ]


def area_rows(outlets: Sequence[str], counties: Sequence[str]) -> Rows:
    """Rows of `areas.csv` for a city: outlets take turns; of three counties and more one is nobody's."""
    served = counties if len(counties) <= FEWEST_COUNTIES else counties[:-1]
    rounds = max(len(outlets), len(served))
    return sorted({(outlets[n % len(outlets)], served[n % len(served)]) for n in range(rounds)})


def party_rows(provinces: dict[str, str], outlets: Sequence[Outlet]) -> Rows:
    """Rows of `parties.csv`."""
    rows: Rows = [(HQ, "headquarters", "总部", "", "网络科技有限公司", "6222000000000000001", "", "", "")]
    rows += [
        (f"P{code}", "province", f"{name}公司", HQ, f"{name}网络有限公司", "", "", "", "")
        for code, name in provinces.items()
    ]
    rows.append(
        (SUCCESSOR, "outlet", "新承运公司", HQ, "新承运物流有限公司", "6222000000000000002", "", "", "")
    )
    for number, outlet in enumerate(outlets):
        account = f"62220210{number:011d}"
        legal = f"{outlet.name.removesuffix('网点')}速递有限公司"
        rows.append((outlet.code, "outlet", outlet.name, f"P{outlet.province}", legal, account, "", "", ""))
        for courier in couriers(outlet.code):
            last = courier.rpartition("-")[2]
            kind, name = ("contractor", "承包一区") if last == CONTRACTOR else ("courier", f"快递员{last}")
            rows.append((courier, kind, outlet.name + name, outlet.code, "", "", "", "2025-01-01", ""))
    for number in range(1, max(LEVELS) + 1):
        level = next(level for most, level in LEVELS.items() if number <= most)
        rows.append((f"C{number:06d}", "customer", f"客户{number}", "", "", "", level, "", ""))
    return rows


def couriers(outlet: str) -> tuple[str, ...]:
    """Who is paid by the piece for an outlet's pick-ups and deliveries, the contractor last.

    >>> couriers("440100-001"), couriers("440100-002")
    (('440100-001-1', '440100-001-2', '440100-001-A'), ('440100-002-1', '440100-002-2'))
    """
    own = tuple(f"{outlet}-{number}" for number in range(1, COURIERS + 1))
    return (*own, f"{outlet}-{CONTRACTOR}") if outlet.endswith(FIRST) else own
