"""A book with a table of every kind and shape for the small network of `tests.audit.world`, and parcels for it."""

import random
from collections.abc import Iterable

import msgspec

from schemas.events import NetworkPublished, Order, ParcelEvent, TariffPublished
from schemas.identity import version_of
from tests.audit import world

LEVELS = "C1,customer,客户一,,,,A,,2026-01-06\nC1,customer,客户一,,,,B,2026-01-07,\n"

SETTINGS = """
name = "样样有"
holidays = "holidays.csv"

[weight]
difference_g = 500
difference_percent = 10
"""
TABLES: tuple[tuple[str, str], ...] = (
    (
        'fee = "waybill"\nshape = "flat"',
        "product,channel,price\n,,1.00\n特快,,1.25\n标快|特快,douyin|taobao,0.90\n",
    ),
    (
        'fee = "waybill"\nshape = "flat"\npriority = 2',
        "product,weekday,price\nEXP,1..3,1.11\n,6,0.80\n,1|2,0.95\nEXP,2,1.07\n",
    ),
    (
        'fee = "transit"\nname = "按重量"\nshape = "tier_whole"\nweight = "larger"\ndivisor = 6000\n'
        'weight_unit_kg = 0.5\nweight_rounding = "half_up"',
        "origin_province,destination_province,..1,1..3,3..,minimum\n,,4.00,3.1111,2.20,5.00\n上海,陕西|北京,3,2.5,2,\n",
    ),
    (
        'fee = "transit"\nname = "按体积"\nshape = "per_unit"\nmeasure = "volume"\nmoney_rounding = "up"',
        "destination_city,price,minimum,maximum\n,555.5555,1.00,60\n西安,250,,\n",
    ),
    (
        'fee = "transit"\nname = "按件"\nshape = "first_continued"\nweight = "actual"\ncontinued_unit_kg = "exact"\n'
        'each = "pieces"',
        "product,first_kg,first_price,continued_price\nEXP,1,3.00,1.0001\n",
    ),
    ('fee = "transit"\nname = "保底"\nshape = "shortfall"\nof = "payment"', "minimum\n8.00\n"),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "燃油"\nshape = "percent"',
        "zone,percent,maximum\n,5.5,\n远,7.25,1.50\n近|远,6,\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "超重"\nshape = "per_unit"\nweight = "actual"',
        "weight_kg,density,price\n2..5,,0.10\n5..,,0.30\n1..,..200,0.55\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "超长"\nshape = "flat"',
        "longest_cm,price\n25..50,1\n50..,2.5\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "体积段"\nshape = "slabs"\nmeasure = "volume"\nslab = 0.002\n'
        'slab_rounding = "down"',
        "price,first_price\n0.15,\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "保价"\nshape = "percent"\nof = "insured"',
        "insured,percent,minimum\n0..500,1,1\n500..,0.5555,3\n300|800,0.75,2\n1234.5678,0.6,\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "代收"\nshape = "percent"\nof = "cod"',
        "cod,percent\n0..,1.5\n",
    ),
    ('fee = "transit"\nkind = "surcharge"\nname = "分拨"\nshape = "flat"', "hub,price\nHSH,0.11\nHXA,0.13\n"),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "条件"\nshape = "flat"',
        "condition,price\npieces > 2 && 'HSH' in hubs && weight_g >= 1001,0.77\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "件数"\nshape = "graduated"\nmeasure = "pieces"',
        "promised_h,..1,1..3,3..\n1..48,0,0.5,0.25\n24|36,0,0.45,0.2\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "月包量"\nshape = "graduated"\nmeasure = "month_parcels"',
        "service,..10,10..\n,1,2\nupstairs,3,4\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "件数段"\nshape = "tier_flat"\nmeasure = "pieces"',
        "product,..1,1..3,3..\n,0,0.15,0.40\nEXP,0.01,0.10,0.30\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "包量"\nshape = "allowance"\nmeasure = "pieces"',
        "product,price,included,overage_price\n,0.05,2,0.07\nEXP,0.06,1,0.035\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "补差"\nshape = "shortfall"\nof = "total"',
        "minimum\n9.99\n",
    ),
    (
        'fee = "transit"\nkind = "discount"\nname = "等级"\nshape = "percent"\ngroup = "客户"',
        "customer_level,percent\nA,10\nB,3\n",
    ),
    (
        'fee = "transit"\nkind = "discount"\nname = "渠道"\nshape = "flat"\ngroup = "客户"',
        "channel,price\ndouyin,0.90\n",
    ),
    (
        'fee = "transit"\nkind = "discount"\nname = "促销"\nshape = "percent"\nof = "subtotal"',
        "date,percent\n2026-01-06,2\n2026-01-05..2026-01-08,1\n2026-01-07|2026-01-08,1.5\n",
    ),
    (
        'fee = "transit"\nkind = "discount"\nname = "退件"\nshape = "percent"\nof = "base"',
        "direction,percent\nreturn,90\n",
    ),
    ('fee = "transit"\nkind = "bounds"\nshape = "bounds"', "product,floor,cap\n,3,40\nEXP,,25.005\n"),
    (
        'fee = "delivery"\nshape = "first_continued"\nweight = "volumetric"\ndivisor = 8000\n'
        'continued_unit_kg = "0.5"\ncontinued_rounding = "up"',
        "destination_city,destination_province,first_kg,first_price,continued_price\n"
        ",,1,1.20,0.35\n西安,,1,1.10,0.3\n,陕西,2,1.35,0\n",
    ),
    (
        'fee = "delivery"\nkind = "surcharge"\nname = "节日"\nshape = "flat"\nlayout = "matrix"\ndown = "holiday"\n'
        'across = "product"',
        "节日,STD,EXP\n*,0.10,0.20\n小寒,0.30,\n",
    ),
    ('fee = "delivery"\nkind = "bounds"\nshape = "bounds"', "product,floor,cap\n,,1.50\nEXP,1.30,1.10\n"),
    (
        'fee = "waybill"\nkind = "surcharge"\nname = "线路"\nshape = "flat"',
        "line,price\n重,0.21\n经沪,0.12\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "高保价"\nshape = "flat"',
        "condition,price\ninsured > 5000000 || cod > 880000,0.21\n",
    ),
    (
        'fee = "handling"\nshape = "flat"\nlayout = "matrix"\ndown = "origin_province"\nacross = "product"',
        "始发省,STD,EXP\n上海,0.10,0.20\n陕西,0.30,0.25\n广东,0.15,0.35\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "附加服务"\nshape = "flat"',
        "service,condition,price\nupstairs,,0.41\n,size(services) == 1 && !('upstairs' in services),0.05\n",
    ),
    (
        'fee = "transit"\nkind = "surcharge"\nname = "夜间"\nshape = "flat"',
        "service,price\nevening|night,0.23\n",
    ),
    (
        'fee = "province_share"\nshape = "percent"\nof = "shared"\nmoney_rounding = "down"',
        "origin_province,product,zone,percent,maximum\n,,,5,\n上海,,,7.5,\n上海,EXP,,12.3456,2.00\n,,远,3.3333,\n",
    ),
    (
        'fee = "province_share"\nkind = "surcharge"\nname = "加成"\nshape = "percent"\nof = "shared"',
        "date,percent\n2026-01-06..,0.7777\n",
    ),
)
"""Settings and prices. What is alike in a list is told apart by one row in it at least."""

ZONES = """
[[zones]]
factor = "zone"
file = "zones.csv"
effective_from = 2025-01-01

[[zones]]
factor = "line"
file = "lines.csv"
effective_from = 2025-01-01
"""
LINE_ROWS = "weight_kg,hub,value\n2..,,重\n,HSH,经沪\n"
"""What a map names beside places, all prices by its lines depend on."""
ZONE_ROWS = "origin_province,destination_province,value\n上海,陕西,远\n上海,,近\n,广东,远\n"


def directory() -> NetworkPublished:
    """The small network, with a customer whose level changes."""
    usual = world.network()
    files = {**usual.files, "parties.csv": usual.files["parties.csv"] + LEVELS}
    return msgspec.structs.replace(usual, version=version_of(files), files=files)


def tariff(order: int | None = None) -> TariffPublished:
    """The book; with an `order` its tables stand in this one, and surcharges and discounts are taken in it."""
    settings, tables = SETTINGS, list(TABLES)
    if order is not None:
        random.Random(order).shuffle(tables)
        settings = 'adjustments = "as_listed"' + SETTINGS
    text = settings + "".join(
        f'[[weight.precedence]]\nclass = "{name}"\nadopt = "{rule}"\n' for name, rule in world.PRECEDENCE
    )
    files = {
        "holidays.csv": "date,name\n2026-01-05,小寒\n2026-01-07,休\n",
        "zones.csv": ZONE_ROWS,
        "lines.csv": LINE_ROWS,
    }
    for number, (told, rows) in enumerate(tables):
        text += f'[[table]]\nfile = "t{number}.csv"\neffective_from = 2025-01-01\n{told}\n'
        files[f"t{number}.csv"] = rows
    files["book.toml"] = text + ZONES
    return TariffPublished(id="book", time=world.START, version=version_of(files), name="样样有", files=files)


def with_terms(events: Iterable[ParcelEvent]) -> list[ParcelEvent]:
    """The same parcels, whose orders say more: each its own, whatever the order of events."""
    return [_with_terms(event) if isinstance(event, Order) else event for event in events]


def _with_terms(order: Order) -> Order:
    chance = random.Random(order.id)
    return msgspec.structs.replace(
        order,
        pieces=chance.choice((1, 1, 2, 5)),
        channel=chance.choice(("", "douyin", "jd")),
        promised_hours=chance.choice((0, 24, 72)),
        insured_e4=chance.choice((0, 0, 3_000_000, 12_345_600)),
        cod_e4=chance.choice((0, 885_000)),
        direction=chance.choice(("forward", "forward", "return")),
        services=chance.choice(world.SERVICES),
    )
