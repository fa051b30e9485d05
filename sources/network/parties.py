"""Who the simulated network's parties are, and which counties its cities have: more files of its directory.

Each city has some counties (districts), of which the last is nobody's where there are more than two;
each province is a party above its outlets; an outlet has couriers and a station where parcels are left, a city's first
outlet also a sub-contractor, who is paid for the couriers' work in his area and to whom the station and one of the
couriers have belonged since he began; hubs are headquarters' own, carriers drive between them, suppliers work in them
and sell material; customers have levels by how much they send; and one company stands ready to take outlets over.
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
FIRST, CONTRACTOR, STATION = "-001", "A", "S"
"""How the code of a city's first outlet ends, that of its sub-contractor, and that of an outlet's station."""
OPENED, BEGAN, BEFORE = "2025-01-01", "2025-07-01", "2025-06-30"
"""Since when there are couriers and stations, and sub-contractors; the day before these began."""

CARRIERS = {
    "CY-HD": "华东干线运输",
    "CY-HN": "华南干线运输",
    "CY-HB": "北方干线运输",
    "CY-XB": "西部干线运输",
}
"""Who drives between hubs."""
DRIVES = {"11": "HB", "12": "HB", "13": "HB", "14": "HB", "15": "HB", "21": "HB", "22": "HB", "23": "HB"}
DRIVES |= {"31": "HD", "32": "HD", "33": "HD", "34": "HD", "36": "HD", "37": "HD", "41": "HB"}
DRIVES |= {"35": "HN", "42": "HN", "43": "HN", "44": "HN", "45": "HN", "46": "HN"}
"""Which of them drives from a province's hub, by how the province's code begins; from elsewhere `XB`."""
SORTERS, LANDLORD = "GY-FJ", "GY-CD"
SUPPLIERS = {
    SORTERS: "分拣劳务外包",
    LANDLORD: "园区场地租赁",
    "GY-MD": "电子面单印制",
    "GY-BC": "包装材料",
}
"""Who works in hubs, lets them, and sells material to headquarters."""

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


def carrier_from(province: str) -> str:
    """Who drives from a province's hub.

    >>> carrier_from("440000"), carrier_from("650000")
    ('CY-HN', 'CY-XB')
    """
    return f"CY-{DRIVES.get(province[:2], 'XB')}"


def party_rows(provinces: dict[str, str], outlets: Sequence[Outlet], hubs: Sequence[Outlet]) -> Rows:
    """Rows of `parties.csv`. A province's party is known by the province's code, as in claims and shares."""
    rows: Rows = [(HQ, "headquarters", "总部", "", "网络科技有限公司", _account(0, 1), "", "", "")]
    rows += [
        (code, "province", f"{name}公司", HQ, f"{name}网络有限公司", _account(1, number), "", "", "")
        for number, (code, name) in enumerate(provinces.items())
    ]
    rows += [(hub.code, "hub", hub.name, HQ, "网络科技有限公司", "", "", "", "") for hub in hubs]
    for kind, named in (("carrier", CARRIERS), ("supplier", SUPPLIERS)):
        rows += [
            (code, kind, name, HQ, f"{name}有限公司", _account(2, n), "", "", "")
            for n, (code, name) in enumerate(named.items(), len(kind) * 10)
        ]
    rows.append((SUCCESSOR, "outlet", "新承运公司", HQ, "新承运物流有限公司", _account(0, 2), "", "", ""))
    for number, outlet in enumerate(outlets):
        legal = f"{outlet.name.removesuffix('网点')}速递有限公司"
        account = _account(3, number)
        rows.append((outlet.code, "outlet", outlet.name, outlet.province, legal, account, "", "", ""))
        rows += _people(number, outlet)
    for number in range(1, max(LEVELS) + 1):
        level = next(level for most, level in LEVELS.items() if number <= most)
        rows.append((f"C{number:06d}", "customer", f"客户{number}", "", "", "", level, "", ""))
    return rows


def _people(number: int, outlet: Outlet) -> Rows:
    """Who works for an outlet. A sub-contractor took over the station and the last courier when he began."""
    at, station = outlet.code, f"{outlet.code}-{STATION}"
    shop = ("station", f"{outlet.name}驿站"), (f"{outlet.name}便民服务部", _account(5, number))
    contractor = f"{at}-{CONTRACTOR}" if outlet.code.endswith(FIRST) else ""
    rows: Rows = []
    if contractor:
        legal = f"{outlet.name}承包一区"
        rows.append((contractor, "contractor", legal, at, legal, _account(4, number), "", BEGAN, ""))
    periods = [(at, OPENED, BEFORE), (contractor, BEGAN, "")] if contractor else [(at, OPENED, "")]
    rows += [(station, *shop[0], above, *shop[1], "", first, last) for above, first, last in periods]
    for one in range(1, COURIERS + 1):
        about = f"{at}-{one}", "courier", f"{outlet.name}快递员{one}"
        account = _account(6, number * COURIERS + one)
        mine = periods if one == COURIERS else [(at, OPENED, "")]
        rows += [(*about, above, "", account, "", first, last) for above, first, last in mine]
    return rows


def _account(bank: int, number: int) -> str:
    """A settlement account, invented."""
    return f"62220{bank:02d}{number:012d}"


def couriers(outlet: str) -> tuple[str, ...]:
    """Who is paid by the piece for an outlet's pick-ups and deliveries, the contractor last.

    >>> couriers("440100-001"), couriers("440100-002")
    (('440100-001-1', '440100-001-2', '440100-001-S', '440100-001-A'), ('440100-002-1', '440100-002-2', '440100-002-S'))
    """
    own = (*(f"{outlet}-{number}" for number in range(1, COURIERS + 1)), f"{outlet}-{STATION}")
    return (*own, f"{outlet}-{CONTRACTOR}") if outlet.endswith(FIRST) else own
