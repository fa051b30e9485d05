"""What the trial calculator may be asked with: how each fact is called in a terminal, a table and a form, and what it
is taken as when nobody says it.
"""

import msgspec

from flows.rating.factors import DIRECTIONS
from flows.rating.names import in_chinese
from flows.rating.weights import MEASURES as WEIGHED

OF_DAYS = ("pallet_days", "m3_days", "kg_days")
OF_VOLUME = ("volume", "volume_cm3", "density", "volumetric", "larger", "m3_days")
ALWAYS = frozenset({"date"})
"""What every price looks at and may be left out."""
NONE, NOUGHT = ("无", "none"), ("0", "0")


class Field(msgspec.Struct, frozen=True):
    """A fact that may be asked with: its name (also of its option and column), its Chinese name, an example."""

    name: str
    zh: str
    example: str
    help: str
    counts: tuple[str, ...] = ()
    """For prices that look at one of these (`flows.rating.dependence.looked_at`); of a word the factor comes first."""
    unsaid: tuple[str, str] = NONE
    """What it is taken as when it is not said, in Chinese and in English."""


FIELDS = (
    Field("fee", "费用", "transit", "which fee; empty: those that it comes to owe"),
    Field("from", "始发网点", "SHC", "origin outlet, or the store, by code or name"),
    Field("to", "目的网点", "XAD", "destination outlet, by code or name; goods in a store have none"),
    Field("product", "产品", "STD", "product, by code or name", ("product",)),
    Field(
        "date",
        "日期",
        "2025-11-11",
        "business date; default: today",
        ("date",),
        ("{today}（今天）", "{today} (today)"),
    ),
    Field(
        "kg",
        "重量公斤",
        "2.5",
        "adopted weight in kg",
        ("weight", "weight_g", *WEIGHED, "density", "kg_days"),
        NOUGHT,
    ),
    Field(
        "cm",
        "长宽高厘米",
        "30x20x10",
        "length x width x height in cm",
        (*OF_VOLUME, "longest", "longest_mm"),
        ("未量", "not measured"),
    ),
    Field("m3", "体积立方米", "0.006", "volume in m³, instead of cm", OF_VOLUME, ("未量", "not measured")),
    Field("pieces", "件数", "1", "pieces", ("pieces",), ("1", "1")),
    Field("customer", "客户", "C1", "customer", ("customer", "customer_level")),
    Field("channel", "渠道", "taobao", "where it was ordered", ("channel",)),
    Field("billing", "计费方式", "weight", "the billing method that the customer agreed to", ("billing",)),
    Field(
        "direction",
        "方向",
        DIRECTIONS[0],
        f"one of {', '.join(DIRECTIONS)}",
        ("direction",),
        (in_chinese("direction", DIRECTIONS[0]), DIRECTIONS[0]),
    ),
    Field("insured", "保价金额", "1000", "insured value in yuan", ("insured",), NOUGHT),
    Field("cod", "代收货款", "200", "cash on delivery in yuan", ("cod",), NOUGHT),
    Field(
        "payment", "客户运费", "12", "what the customer pays for the transport, yuan", ("payment",), NOUGHT
    ),
    Field("hubs", "经过分拨", "SH-HUB|XA-HUB", "hubs passed, joined by |", ("hub", "hubs")),
    Field(
        "promised",
        "时效小时",
        "48",
        "hours within which delivery is promised",
        ("promised", "promised_h"),
        NOUGHT,
    ),
    Field(
        "services",
        "附加服务",
        "upstairs|address_change",
        "further services that were ordered, joined by |",
        ("service", "services"),
    ),
    Field(
        "month",
        "当月累计票数",
        "1200",
        "the customer's parcels in the month so far",
        ("month_parcels",),
        NOUGHT,
    ),
    Field(
        "billed", "当月累计金额", "8000", "what the fee came to in the month so far, yuan", ("month",), NOUGHT
    ),
    Field("shared", "所分费用", "5.25", "of a share: what is shared, yuan; default: what that comes to here"),
    Field("pallets", "板数", "4", "in a store: pallet places taken", ("pallets", "pallet_days"), NOUGHT),
    Field("days", "天数", "3", "in a store: days begun", ("days", *OF_DAYS), NOUGHT),
    Field("hours", "小时", "60", "in a store: hours begun", ("hours",), NOUGHT),
    Field("temperature", "温层", "frozen", "in a store: class of temperature", ("temperature",)),
    Field("area", "库区", "A1", "in a store: where", ("area",)),
    Field("vehicle", "车型", "4.2m", "class of vehicle that brings or fetches", ("vehicle",)),
)
BY_HEADING = {heading: field.name for field in FIELDS for heading in (field.name, field.zh)}
"""Fields by what a table's columns or a form may call them."""


def words_in(text: str) -> list[str]:
    """Words joined by |, in order, each once.

    >>> words_in("upstairs | evening|")
    ['evening', 'upstairs']
    """
    return sorted({word.strip() for word in text.split("|") if word.strip()})
