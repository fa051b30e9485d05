"""What the tests of fees share: a book that prices every fee, a second hub, and stories with terms and claims."""

from collections.abc import Sequence

import msgspec

from flows.fees.current import TEXTS
from flows.fees.model import Fees
from flows.fees.read import read_fees
from schemas.events import Claim, ClaimWithdrawn, Event, NetworkPublished
from schemas.identity import version_of
from schemas.money import parse_yuan
from schemas.times import HOUR
from tests.lifecycle.world import BOOK, NETWORK_FILES, START, WAYBILL, events_of, order, scan
from tests.rating.material import scenarios

SERVICES = {"改址": "address_change", "上楼": "upstairs"}
"""Further services as the stories call them."""
PRICES = {row["费用"]: row["价格"] for row in scenarios("fee_prices.csv") if row["价格"]}
"""Yuan, everywhere; what is lost or damaged has no price."""


SHARE = (
    '\n[[table]]\nfee = "province_share"\nfile = "share.csv"\nshape = "percent"\nof = "shared"\n'
    "effective_from = 2025-01-01\n"
)
SHARES = "origin_city,destination_city,percent\n,,5\n上海,榆林,12.5\n"
"""Five per cent of the transit fee go to the province, of what Shanghai sends to Yulin twelve and a half."""


def priced(prices: dict[str, str]) -> dict[str, str]:
    """The tests' tariff book with a flat price for each of these fees, surcharges for further services, and shares."""
    tables = "".join(
        f'\n[[table]]\nfee = "{fee}"\nfile = "{fee}.csv"\nshape = "flat"\neffective_from = 2025-01-01\n'
        for fee in prices
    )
    tables += (
        '\n[[table]]\nfee = "delivery"\nkind = "surcharge"\nname = "附加服务费"\nfile = "services.csv"\n'
        'shape = "flat"\neffective_from = 2025-01-01\n'
    )
    tables += SHARE
    files = {f"{fee}.csv": f"price\n{price}\n" for fee, price in prices.items()}
    files["share.csv"] = SHARES
    files["services.csv"] = "service,price\nupstairs,5.00\naddress_change,3.00\n"
    return {**BOOK, "book.toml": BOOK["book.toml"] + tables, **files}


TRIGGERS = ("ordered", "picked_up", "weighed", "signed")
CONDITIONS = ("required = true", 'needs = "insured"', 'parcels = "return"', 'needs = "cod"', "")


def with_more(most: int, texts: Sequence[str] = TEXTS) -> Fees:
    """The fees and so many more that outlets owe headquarters, `more_1` to the last, at the end of the file.

    They fall due at each of the parcel's moments in turn, all in turn required, on conditions and optional.
    """
    dues, posting, chart = texts
    for n in range(1, most + 1):
        payer = ("origin", "destination")[n % 2]
        dues += (
            f'\n[[due]]\nname = "more_{n}"\nzh = "杂费{n}"\nen = "more {n}"\n'
            f'trigger = "{TRIGGERS[n % len(TRIGGERS)]}"\n{CONDITIONS[n % len(CONDITIONS)]}\n'
        )
        posting += f"""
[[fee]]
name = "more_{n}"
zh = "杂费{n}"
en = "more {n}"
payer = "{payer}"
payee = "headquarters"
legs = [
    {{ book = "payer", account = "6101", side = "D" }},
    {{ book = "payer", account = "2101", side = "C" }},
    {{ book = "payee", account = "1002", side = "D" }},
    {{ book = "payee", account = "4002", side = "C" }},
]
"""
    return read_fees(dues, posting, chart)


def with_prices_of_more(files: dict[str, str], most: int) -> dict[str, str]:
    """A book with prices of these fees: n fen each; every third has a fen for each kilogram beyond the first, too."""
    files = dict(files)
    for n in range(1, most + 1):
        shape, text = '"flat"', f"price\n{n / 100:.2f}\n"
        if n % 3 == 0:
            shape = '"first_continued"\nweight = "actual"\ncontinued_unit_kg = "exact"'
            text = f"first_kg,first_price,continued_price\n1,{n / 100:.2f},0.01\n"
        files[f"more_{n}.csv"] = text
        files["book.toml"] += (
            f'\n[[table]]\nfee = "more_{n}"\nfile = "more_{n}.csv"\nshape = {shape}\n'
            "effective_from = 2025-01-01\n"
        )
    return files


TWO_HUBS = {
    **NETWORK_FILES,
    "sites.csv": NETWORK_FILES["sites.csv"].rstrip("\n") + "\nXA-HUB,西安分拨中心,hub,HQ,610100,610000\n",
}


def network() -> NetworkPublished:
    """The directory, with a hub in Xi'an."""
    return NetworkPublished(id="n2", time=START, version=version_of(TWO_HUBS), files=TWO_HUBS)


AT_HUBS = {
    "分拨到件": ("到件", "SH-HUB"),
    "分拨发件": ("发件", "SH-HUB"),
    "西安分拨到件": ("到件", "XA-HUB"),
    "西安分拨集包": ("集包", "XA-HUB"),
}


def story_of(text: str) -> list[Event]:
    """Events of a story in words, an hour apart; what `events_of` reads, and

    `订单+代收88.50+保价2000+退件+转寄+派往YLE+客户C2+改址+上楼` an order's terms, `揽收+张三` the courier,
    `罚late+责任XAD+受益SHC+5` a claim, `撤销#甲` the withdrawal of claim 甲; `#` and `@` as there.
    """
    events: list[Event] = []
    for hour, token in enumerate(text.split()):
        word, _, moment = token.partition("@")
        word, _, own = word.partition("#")
        word, *more = word.split("+")
        at = START + int(moment or hour) * HOUR
        if word.startswith("罚"):
            events.append(_claim(word.removeprefix("罚"), more, own, at))
        elif word == "撤销":
            events.append(
                ClaimWithdrawn(id=f"withdrawal-{own}", time=at, waybill=WAYBILL, claim=f"own-{own}")
            )
        elif word in AT_HUBS:
            name, site = AT_HUBS[word]
            events.append(scan(name, at, id=f"scan-{word}-{own}", site=site, outlet="HQ"))
        elif word.startswith("订单"):
            events.append(order(at, id=f"own-{own}" if own else "order-1", **_terms(more)))
        else:
            (event,) = events_of(f"{word}{'#' if own else ''}{own}@{at // HOUR - START // HOUR}")
            events.append(msgspec.structs.replace(event, **({"courier": more[0]} if more else {})))
    return events


def _terms(words: list[str]) -> dict[str, object]:
    terms: dict[str, object] = {}
    if services := [SERVICES[word] for word in words if word in SERVICES]:
        terms["services"] = tuple(services)
    for word in words:
        if word.startswith("代收"):
            terms["cod_e4"] = parse_yuan(word.removeprefix("代收"))
        elif word.startswith("保价"):
            terms["insured_e4"] = parse_yuan(word.removeprefix("保价"))
        elif word.startswith("派往"):
            terms["destination"] = word.removeprefix("派往")
        elif word.startswith("客户"):
            terms["customer"] = word.removeprefix("客户")
        elif word not in SERVICES:
            terms["related"] = "YT7500000000000"
            terms["direction"] = "return" if word == "退件" else "forward"
    return terms


def _claim(kind: str, words: list[str], own: str, at: int) -> Claim:
    claim = Claim(id=f"own-{own}" if own else f"claim-{kind}", time=at, waybill=WAYBILL, kind=kind)
    for word in words:
        if word.startswith("责任"):
            claim = msgspec.structs.replace(claim, responsible=word.removeprefix("责任"))
        elif word.startswith("受益"):
            claim = msgspec.structs.replace(claim, beneficiary=word.removeprefix("受益"))
        else:
            claim = msgspec.structs.replace(claim, amount_e4=parse_yuan(word), evidence="photo/1.jpg")
    return claim
