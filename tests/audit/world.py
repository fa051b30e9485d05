"""A small network and its parcels, as unlucky as the seed wants: facts missing, twice, late, out of order."""

import random
from collections.abc import Iterable, Iterator

import msgspec

from schemas.events import (
    Claim,
    ClaimWithdrawn,
    Event,
    MeasuredClass,
    NetworkPublished,
    Order,
    ParcelEvent,
    Scan,
    TariffPublished,
    Weight,
    WeightDecided,
)
from schemas.identity import version_of
from schemas.times import HOUR, MINUTE
from tests.lifecycle.world import DISCOUNT
from tests.rating.material import scenarios

START = 1_767_578_400_000
"""2026-01-05T02:00Z."""

CITIES = {"310100": "上海市", "110100": "北京市", "610100": "西安市", "610300": "宝鸡市", "440100": "广州市"}
PROVINCES = {"310000": "上海市", "110000": "北京市", "610000": "陕西省", "440000": "广东省"}
OUTLETS = {
    "SH1": "310100",
    "SH2": "310100",
    "BJ1": "110100",
    "XA1": "610100",
    "XA2": "610100",
    "BAO": "610300",
    "GZ1": "440100",
}
PARTIES = (
    "party,kind,name,parent,legal_entity,settlement_account,customer_level,from,to\n"
    "HQ,headquarters,总部,,,,,,\nP1,outlet,承接公司,HQ,,,,,\n"
)
HUBS = {"HSH": "310100", "HXA": "610100"}
PRODUCTS = {"STD": "标快", "EXP": "特快"}
CLASSES: tuple[MeasuredClass, ...] = ("outlet_scale", "outlet_dws", "hub_scale", "hub_dws")


CHAINS = """
[[rule]]
name = "sent"
label = "揽收后未发件"
when = "10"
then = ["20", "30", "40", "50"]
hours = 5
due = "late"
amount = "3.50"
[[rule]]
name = "left_hub"
label = "分拨滞留"
when = "30"
at = "hub"
then = ["20", "40", "50"]
hours = 6
[[rule]]
name = "arrived"
label = "发件后未到件"
when = "20"
then = ["30"]
hours = 12
responsible = "destination"
due = "late"
[[rule]]
name = "signed_without_delivery"
label = "无派件签收"
when = "50"
need = ["40"]
hours = 2
responsible = "origin"
due = "wrong_sorting"
"""


def network(chains: str = CHAINS, levels: str = "") -> NetworkPublished:
    """The directory; `chains`: rules of scan chains, `levels`: of service levels, empty for none."""
    places = [f"{code},{name},province," for code, name in PROVINCES.items()]
    places += [f"{code},{name},city,{code[:2]}0000" for code, name in CITIES.items()]
    places += [
        f"{c[:4]}{n},{name}{n}区,county,{c[:2]}0000" for c, name in CITIES.items() for n in ("01", "02")
    ]
    sites = [f"{o},网点{o},outlet,{o},{c},{c[:2]}0000" for o, c in OUTLETS.items()]
    sites += [f"{h},分拨{h},hub,HQ,{c},{c[:2]}0000" for h, c in HUBS.items()]
    files = {
        "places.csv": "\n".join(["code,name,level,province", *places]),
        "sites.csv": "\n".join(["site,name,kind,outlet,city,province", *sites]),
        "products.csv": "\n".join(["product,name", *(f"{p},{n}" for p, n in PRODUCTS.items())]),
        "areas.csv": "\n".join(["outlet,county", *(f"{o},{c[:4]}01" for o, c in OUTLETS.items())]),
        "parties.csv": PARTIES,
    }
    if chains:
        files["chains.toml"] = chains
    if levels:
        files["levels.csv"] = levels
    version = version_of(files)
    return NetworkPublished(id=f"network-{version}", time=START, version=version, files=files)


BOOK = """
name = "{name}"
currency = "CNY"
[weight]
difference_g = 500
difference_percent = 10
on_difference = "{treatment}"
{precedence}
{lines}
[[table]]
fee = "waybill"
file = "waybill.csv"
shape = "flat"
effective_from = 2025-01-01
[[table]]
fee = "transit"
file = "transit.csv"
shape = "first_continued"
effective_from = 2025-01-01
effective_to = 2026-01-06
weight = "larger"
divisor = 6000
continued_unit_kg = "{unit}"
continued_rounding = "{rounding}"
money_rounding = "{money}"
[[table]]
fee = "transit"
file = "later.csv"
shape = "first_continued"
effective_from = 2026-01-07
weight = "actual"
continued_unit_kg = "exact"
[[table]]
fee = "delivery"
file = "delivery.csv"
{delivery}
effective_from = 2025-01-01
"""
FLAT = 'shape = "flat"'
BY_WEIGHT = """shape = "first_continued"
weight = "volumetric"
divisor = 8000
continued_unit_kg = "1"
money_rounding = "down" """
PRECEDENCE = (
    ("hub_dws", "at_once"),
    ("hub_scale", "at_once"),
    ("outlet_dws", "when_signed"),
    ("outlet_scale", "when_signed"),
    ("declared", "after_signed"),
)
OTHER_PRECEDENCE = (("hub_scale", "at_once"), ("outlet_scale", "when_signed"), ("declared", "after_signed"))


RICH = {row["费用"]: row["稽核用价格"] for row in scenarios("fee_prices.csv") if row["稽核用价格"]}
"""Yuan, a fen more to Shaanxi."""


def tariff(
    name: str,
    dearer: int = 0,
    *,
    by_weight: bool = False,
    unit: str = "0.5",
    rounding: str = "up",
    money: str = "half_up",
    everywhere: bool = True,
    precedence: tuple[tuple[str, str], ...] = PRECEDENCE,
    rich: bool = False,
    by_month: bool = False,
    treatment: str = "charge",
    lines: str = "",
) -> TariffPublished:
    """A book; `dearer` fen are added to some prices. Not `everywhere`: nothing leads to Guangzhou.

    `rich`: it prices the fees that few networks have, too. `by_month`: with a discount by the month's parcels.
    """
    steps = "\n".join(f'[[weight.precedence]]\nclass = "{c}"\nadopt = "{a}"' for c, a in precedence)
    text = BOOK.format(
        name=name,
        precedence=steps,
        treatment=treatment,
        lines=lines,
        unit=unit,
        rounding=rounding,
        money=money,
        delivery=BY_WEIGHT if by_weight else FLAT,
    )
    ends = (
        "origin_outlet,origin_city,origin_province,destination_outlet,destination_city,destination_province"
    )
    transit = [
        f"{ends},product,first_kg,first_price,continued_price",
        f",,,,,,,1,{8 + dearer / 100:.2f},3.3333" if everywhere else ",,陕西,,,,EXP,1,8.00,3.00",
        ",,上海,,,陕西省,,1,5.00,1.2345",
        ",,,,,陕西,,0.5,6.00,1.10",
        ",,陕西,,,,,1,7.00,2.20",
        ",上海,,,西安市,,,1,4.50,1.15",
        ",上海,,,,陕西,EXP,1,4.80,0.005",
        f"SH1,,,XA1,,,,1.5,{4 + dearer / 100:.2f},1.0001",
        "SH1,,,XA1,,,EXP,2,4.10,1.0005",
        ",,上海,,,北京,,1,3.00,1.50",
    ]
    delivery = [
        "destination_city,destination_province,product,first_kg,first_price,continued_price"
        if by_weight
        else "destination_city,destination_province,product,price",
        *(
            f"{row},1,{price},0.35" if by_weight else f"{row},{price}"
            for row, price in ((",,", "1.20"), ("西安,,", "1.10"), (",陕西,", "1.35"), ("西安,,EXP", "0"))
        ),
    ]
    files = {
        "book.toml": text,
        "waybill.csv": f"product,price\n,{1 + dearer / 100:.2f}\nEXP,1.25",
        "transit.csv": "\n".join(transit),
        "later.csv": "\n".join([transit[0], ",,,,,,,1,9.00,2.5055"]),
        "delivery.csv": "\n".join(delivery),
    }
    if rich:
        files["book.toml"] += "".join(
            f'[[table]]\nfee = "{fee}"\nfile = "{fee}.csv"\nshape = "flat"\neffective_from = 2025-01-01\n'
            for fee in RICH
        )
        files |= {
            f"{fee}.csv": f"destination_province,price\n,{price}\n陕西,{price}1\n"
            for fee, price in RICH.items()
        }
        files["book.toml"] += OF_SERVICES + SHARES
        files |= {
            "share.csv": f"origin_province,destination_province,product,percent,minimum\n,,,{5 + dearer / 100},\n"
            "上海,,,12.5,0.60\n上海|北京,,EXP,7.75,\n,陕西,,3.3333,\n",
            "share_more.csv": "service,weight_kg,percent\nupstairs,,1.5\n,3..,0.7777\n",
        }
        files["services.csv"] = "service,price\nupstairs,5.00\nevening,2.00\n"
        files["night.csv"] = "condition,price\n'night' in services && pieces > 0,1.00\n"
    if by_month:
        files["book.toml"] += DISCOUNT
        files["month.csv"] = "month_parcels,percent\n3..9,10\n10..29,12.5\n30..,20\n"
    return TariffPublished(id=f"tariff-{name}", time=START, version=version_of(files), name=name, files=files)


def other_shares(rich: TariffPublished, prices: str) -> TariffPublished:
    """The same book but for the province's share; without prices it has none."""
    files = {**rich.files, "share.csv": prices}
    if not prices:
        files = {name: text for name, text in files.items() if not name.startswith("share")}
        files["book.toml"] = files["book.toml"].replace(SHARES, "")
    version = version_of(files)
    return msgspec.structs.replace(rich, id=f"tariff-{version}", version=version, files=files)


def parcel(number: int, luck: random.Random) -> list[ParcelEvent]:
    """A parcel's events in order of their times, some missing, some twice, an order perhaps mended."""
    waybill = f"YT{7_500_000_000_000 + number}"
    origin, destination = luck.choice(list(OUTLETS)), luck.choice(list(OUTLETS))
    time = START + luck.randrange(0, 60 * HOUR, 1000)
    made: list[ParcelEvent] = [_order(waybill, 0, time, origin, destination, luck)]
    if luck.random() < 0.15:
        end = luck.choice([destination, luck.choice(list(OUTLETS))])
        made.append(_order(waybill, 1, time + luck.randrange(0, 30 * HOUR), origin, end, luck))
    steps = (("10", origin), ("20", "HSH"), ("30", "HXA"), ("40", destination), ("50", destination))
    for operation, site in steps:
        time += luck.randrange(MINUTE, 6 * HOUR)
        for again in range(1 if luck.random() < 0.9 else 2):
            at = time + again * luck.randrange(0, 20 * HOUR)
            made.append(_scan(waybill, operation, again, at, site))
    made += [
        _weight(waybill, weighing, time - luck.randrange(0, 20 * HOUR), luck)
        for weighing in range(luck.choice((0, 1, 1, 2, 3)))
    ]
    made += _decisions(made, time, luck)
    made = [event for event in made if luck.random() > 0.06]
    return made + [event for event in made if luck.random() < 0.05]


def several(event: ParcelEvent) -> ParcelEvent:
    """The same event, of one of four customers."""
    if isinstance(event, Order):
        return msgspec.structs.replace(event, customer=f"C{int(event.waybill[-2:]) % 4}")
    return event


def prompt(number: int, at: int, luck: random.Random) -> list[ParcelEvent]:
    """A parcel that is carried within the hour from `at` on; now and then a scan is lost for good."""
    waybill = f"YT{7_500_000_000_000 + number}"
    origin, destination = luck.choice(list(OUTLETS)), luck.choice(list(OUTLETS))
    steps = (("10", origin), ("20", "HSH"), ("30", destination), ("40", destination), ("50", destination))
    scans = [
        _scan(waybill, operation, 0, at + 10 * place * MINUTE, site)
        for place, (operation, site) in enumerate(steps, 1)
        if luck.random() > 0.1
    ]
    return [_order(waybill, 0, at, origin, destination, luck), *scans]


OF_SERVICES = """
[[table]]
fee = "delivery"
kind = "surcharge"
name = "附加服务费"
file = "services.csv"
shape = "flat"
effective_from = 2025-01-01
[[table]]
fee = "delivery"
kind = "surcharge"
name = "夜间"
file = "night.csv"
shape = "flat"
effective_from = 2025-01-01
"""
SHARES = """
[[table]]
fee = "province_share"
file = "share.csv"
shape = "percent"
of = "shared"
effective_from = 2025-01-01
[[table]]
fee = "province_share"
kind = "surcharge"
name = "加成"
file = "share_more.csv"
shape = "percent"
of = "shared"
effective_from = 2026-01-07
"""
SERVICES = ((), ("night",), ("upstairs",), ("upstairs", "evening", "upstairs"), ("unpriced",))
"""Further services of orders."""


def enriched(events: list[ParcelEvent], seed: int) -> list[ParcelEvent]:
    """The same parcels with terms, couriers and claims, some withdrawn, some before everything else."""
    luck = random.Random(seed)
    made: list[ParcelEvent] = []
    claims: dict[str, ParcelEvent] = {}
    for event in events:
        if isinstance(event, Order):
            chance = random.Random(event.id)
            made.append(
                msgspec.structs.replace(
                    event,
                    insured_e4=chance.choice((0, 0, 10_000_000)),
                    cod_e4=chance.choice((0, 0, 885_000, 123_400)),
                    direction=chance.choice(("forward", "forward", "return")),
                    related=chance.choice(("", "", "YT1")),
                    services=chance.choice(SERVICES),
                )
            )
        elif isinstance(event, Scan):
            made.append(
                msgspec.structs.replace(event, courier=random.Random(event.id).choice(("", "C7", "C8")))
            )
            made += _also_scanned(event)
        else:
            made.append(event)
        if event.waybill not in claims and luck.random() < 0.1:
            claim = _claim(event.waybill, event.time, luck)
            claims[event.waybill] = claim
            back = ClaimWithdrawn(
                id=f"{claim.id}-back", time=event.time, waybill=event.waybill, claim=claim.id, reason="wrong"
            )
            once: list[ParcelEvent] = [claim]
            pair: list[ParcelEvent] = [claim, back]
            first, *rest = luck.choice((once, once, pair, pair[::-1], pair[1:], once * 2))
            made.insert(luck.randrange(len(made) + 1) if luck.random() < 0.1 else len(made), first)
            made += rest
    return made


def _also_scanned(scan: Scan) -> Iterator[Scan]:
    """Many parcels are put into a bag, at the hub and elsewhere; some go back or on, before a signature or after."""
    chance = random.Random(f"{scan.id} too")
    if scan.operation in ("20", "30") and chance.random() < 0.4:
        yield _scan(scan.waybill, "60", int(scan.operation), scan.time + MINUTE, scan.site)
    if scan.operation == "40" and chance.random() < 0.2:
        at = scan.time + chance.randrange(-5 * HOUR, 15 * HOUR)
        yield _scan(scan.waybill, chance.choice(("70", "80")), 0, at, scan.site)


def _claim(waybill: str, time: int, luck: random.Random) -> Claim:
    kind = luck.choice(("late", "damaged", "lost", "wrong_sorting", "false_sign", "service_level"))
    named = kind in ("damaged", "lost", "wrong_sorting") or luck.random() < 0.5
    return Claim(
        id=f"{waybill}-claim",
        time=time,
        waybill=waybill,
        kind=kind,
        responsible=luck.choice(("SH1", "XA1", "HQ", "610000")) if named else "",
        beneficiary=luck.choice(("", "BJ1")),
        amount_e4=luck.choice((0, 50_000, 33_300)),
        evidence="photo/claim.jpg",
    )


def _decisions(made: list[ParcelEvent], time: int, luck: random.Random) -> list[ParcelEvent]:
    """Now and then someone decides about the weight, perhaps twice, perhaps about one that never came."""
    chances = luck.choice((0, 0, 0, 0, 1, 1, 2))
    waybill = made[0].waybill
    weights = [event.id for event in made if isinstance(event, Weight)] + [made[0].id, "nothing"]
    corrected = [*weights, ""][int(waybill[-3:]) % (len(weights) + 1)]
    return [
        WeightDecided(
            id=f"{waybill}-decision{number}",
            time=time + luck.randrange(-9 * HOUR, 9 * HOUR),
            waybill=waybill,
            decision="override" if override else "confirm",
            decided_by="someone",
            weight_event=corrected if override else luck.choice(weights),
            weight_g=luck.choice((950, 2_300, 9_999)) if override else 0,
            volume_cm3=luck.choice((0, 6_060)) if override else 0,
        )
        for number in range(chances)
        for override in [luck.random() < 0.5]
    ]


LINES = """
[[weight.policy]]
product = "EXP"
difference_g = 100
difference_percent = 5
on_difference = "wait"
[[weight.policy]]
origin_province = "上海"
destination_province = "陕西"
on_difference = "provisional"
[[weight.policy.precedence]]
class = "outlet_scale"
adopt = "at_once"
choose = "largest"
most_g = 7000
[[weight.policy.precedence]]
class = "hub_dws"
adopt = "at_once"
choose = "latest"
least_g = 950
[[weight.policy.precedence]]
class = "declared"
adopt = "when_signed"
"""


def _order(waybill: str, number: int, time: int, origin: str, destination: str, luck: random.Random) -> Order:
    city = OUTLETS[origin] if luck.random() > 0.05 else "440100"
    return Order(
        id=f"{waybill}-order{number}",
        time=time,
        waybill=waybill,
        origin=origin,
        destination=destination,
        origin_city=city,
        origin_province=f"{city[:2]}0000",
        destination_city=OUTLETS[destination],
        destination_province=f"{OUTLETS[destination][:2]}0000",
        origin_county=luck.choice(("", f"{city[:4]}01", f"{city[:4]}02")),
        destination_county=f"{OUTLETS[destination][:4]}01",
        customer="C1",
        product=luck.choice(list(PRODUCTS)),
        declared_g=luck.choice((500, 1_000, 1_999, 2_500, 12_345)),
        payment_e4=luck.choice((0, 120_000, 95_500)),
    )


def _place(site: str) -> dict[str, str]:
    city = OUTLETS.get(site) or HUBS[site]
    outlet = "HQ" if site in HUBS else site
    return {"site": site, "outlet": outlet, "city": city, "province": f"{city[:2]}0000", "device": "D1"}


def _scan(waybill: str, operation: str, number: int, time: int, site: str) -> Scan:
    return Scan(
        id=f"{waybill}-{operation}-{number}",
        time=time,
        waybill=waybill,
        operation=operation,  # type: ignore[arg-type]
        source="pda",
        code=operation,
        **_place(site),
    )


def _weight(waybill: str, number: int, time: int, luck: random.Random) -> Weight:
    kind = luck.choice(CLASSES)
    long, wide, high = luck.choice(((0, 0, 0), (300, 200, 101), (611, 433, 257), (10, 10, 10)))
    return Weight(
        id=f"{waybill}-weight{number}",
        time=time,
        waybill=waybill,
        weight_g=luck.choice((900, 1_000, 1_001, 1_500, 2_500, 2_750, 7_333)),
        length_mm=long,
        width_mm=wide,
        height_mm=high,
        weight_class=kind,
        source="dws",
        **_place("HXA" if kind.startswith("hub") else "XA1"),
    )


def disordered(parcels: int, seed: int) -> Iterator[ParcelEvent]:
    """All parcels' events, most near their time, some hours late."""
    luck = random.Random(seed)
    events = [event for number in range(parcels) for event in parcel(number, luck)]
    late = {id(event): luck.choice((0, 0, 0, HOUR, 9 * HOUR, 40 * HOUR)) for event in events}
    yield from sorted(events, key=lambda event: event.time + luck.randrange(0, 2 * HOUR) + late[id(event)])


def spoiled(events: Iterable[Event], luck: random.Random) -> Iterator[bytes]:
    """Records that break a rule: nonsense made from some of these scans."""
    for event in events:
        if isinstance(event, Scan) and luck.random() < 0.05:
            wrongs: tuple[dict[str, object], ...] = (
                {"site": "MARS", "id": f"{event.id}x"},
                {"waybill": "??", "id": f"{event.id}x"},
                {"waybill": "YT1234567890", "id": "x" * 65},
                {"time": event.time + 1},
                {"time": event.time + 900 * HOUR, "id": f"{event.id}x"},
                {"operation": "99", "id": f"{event.id}x"},
            )
            yield msgspec.json.encode(msgspec.structs.replace(event, **luck.choice(wrongs)))
            yield msgspec.json.encode(event)[: luck.randrange(1, 60)]
