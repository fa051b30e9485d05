"""Books written by hand: the example that every finance person can follow, one correction, one wait.

YT100000001 pays 12.00; waybill 1.00, transit at 2.5 kg 5.25, delivery 1.20.
YT100000002 the same, but a hub's DWS later says 3.0 kg: transit 5.25 is taken back and 6.00 charged.
YT100000003 was picked up, and nobody has seen its order.
"""

from collections.abc import Iterator
from typing import Any

from xxhash import xxh3_128_digest

from schemas.identity import version_of
from schemas.times import DAY, HOUR, SHANGHAI_OFFSET
from tests.audit.writer import Writer

Values = dict[str, Any]
T0 = 1_767_578_400_000
"""2026-01-05T02:00Z, ten in the morning in Shanghai."""

BOOK = """
name = "hand"
currency = "CNY"
[weight]
difference_g = 500
difference_percent = 10
[[weight.precedence]]
class = "hub_dws"
adopt = "at_once"
[[weight.precedence]]
class = "hub_scale"
adopt = "at_once"
[[weight.precedence]]
class = "outlet_scale"
adopt = "when_signed"
[[weight.precedence]]
class = "declared"
adopt = "after_signed"
hours = 24
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
weight = "actual"
continued_unit_kg = "exact"
continued_rounding = "up"
money_rounding = "half_up"
[[table]]
fee = "delivery"
file = "delivery.csv"
shape = "flat"
effective_from = 2025-01-01
"""
FILES = {
    "book.toml": BOOK,
    "waybill.csv": "price\n1.00\n",
    "transit.csv": "origin_province,destination_province,first_kg,first_price,continued_price\n"
    "上海市,北京,1,3.00,1.50\n",
    "delivery.csv": "destination_city,price\n110100,1.20\n",
}
VERSION = version_of(FILES)
SITES = (
    ("OUT1", "上海一部", "outlet", "OUT1", "310100", "上海市", "310000", "上海市"),
    ("OUT2", "北京二部", "outlet", "OUT2", "110100", "北京市", "110000", "北京市"),
    ("HUB1", "华东分拨", "hub", "HQ", "310100", "上海市", "310000", "上海市"),
)
DIRECTORY = {"products.csv": "product,name\nSTD,标快\n"}
"""As much of the directory's files as an auditor looks at."""
SITE_COLUMNS = ("site", "name", "kind", "outlet", "city", "city_name", "province", "province_name")
ACCOUNTS = (
    *("1001", "1002", "1003", "1101", "1102", "2001", "2101", "2201"),
    *("4001", "4002", "5001", "5002", "6001", "6002", "6003"),
)

ENTRIES = """
freight            payee D 1101 C 5001
waybill            payer D 6001 C 2101
waybill            payee D 1002 C 4002
transit            payer D 6002 C 2101
transit            payee D 1001 C 4001
delivery_collected payer D 6003 C 2101
delivery_collected payee D 1003 C 2201
delivery_paid      payer D 2201 C 2001
delivery_paid      payee D 1102 C 5002
"""
PARTIES = {
    "freight": ("CUSTOMER", "OUT1"),
    "waybill": ("OUT1", "HQ"),
    "transit": ("OUT1", "HQ"),
    "delivery_collected": ("OUT1", "HQ"),
    "delivery_paid": ("HQ", "OUT2"),
}
PRICES: dict[str, Values] = {
    "waybill": {"price_table": "waybill.csv", "price_row": 2, "matched": "national", "first_price": 10_000},
    "transit": {"price_table": "transit.csv", "price_row": 2, "matched": "province", "first_price": 30_000},
    "delivery": {"price_table": "delivery.csv", "price_row": 2, "matched": "city", "first_price": 12_000},
}


def write(writer: Writer) -> None:
    """Ten blocks; every table has rows in a sealed one, and the newest block has rows of its own."""
    one, two, three = "YT100000001", "YT100000002", "YT100000003"
    documents = {
        "tariff_book": list(_book()),
        "network_directory": list(_directory()),
        "site": list(_sites()),
        "account": list(_accounts()),
    }
    writer.by_hand(documents, {"waybook.control:0": 2})
    writer.by_hand({"event": [order(one, 0), order(two, 1)]}, {"waybook.orders:0": 2})
    picked = [charge(w, f, a, T0) for w in (one, two) for f, a in (("freight", 120_000), ("waybill", 10_000))]
    events = [scan(one, "10", 0, T0), scan(two, "10", 1, T0)]
    _charged(writer, 2, events, picked)
    adopted: list[Values] = []
    for place, waybill in enumerate((one, two)):
        weighing = weight(waybill, "hub_scale", 2_500, 2 + place, T0 + HOUR)
        adopted.append(adoption(weighing, "first"))
        transit = charge(waybill, "transit", 52_500, T0 + HOUR, weighing=weighing)
        _charged(writer, 3 + place, [weighing], [transit], adopted_weight=adopted[-1:])
    better = weight(two, "hub_dws", 3_000, 4, T0 + 2 * HOUR)
    corrected = [
        charge(two, "transit", -52_500, T0 + HOUR, back=True, cause=better["event_id"]),
        charge(two, "transit", 60_000, T0 + 2 * HOUR, revision=1, weighing=better),
    ]
    replaced = adoption(better, "better") | {"replaces": adopted[1]["event_id"]}
    _charged(writer, 5, [better], corrected, adopted_weight=[replaced])
    waits = [{"waybill": three, "fee": "waybill", "reason": "no_order", "since": T0}]
    writer.by_hand({"event": [scan(three, "10", 5, T0)], "waiting": waits}, {"waybook.devices:0": 6})
    letter = {
        "dead_letter_id": "dl-1",
        "status": "open",
        "reason": "not_json",
        "transport": "kafka",
        "topic": "waybook.devices",
        "offset": 6,
        "received": T0,
        "raw": b"{",
    }
    strange = order(one, 2) | {
        "origin_city": "440100",
        "event_id": "order-again",
        "event_time": T0 - 2 * HOUR,
    }
    anomaly = {
        "kind": "place_mismatch",
        "waybill": one,
        "event_id": "order-again",
        "event_time": T0 - 2 * HOUR,
        "site": "OUT1",
        "expected": "310100",
        "found": "440100",
    }
    writer.by_hand(
        {"dead_letter": [letter | {"raw": "{"}], "event": [strange], "anomaly": [anomaly]},
        {"waybook.devices:0": 7, "waybook.orders:0": 3},
    )
    for place, waybill in enumerate((one, two)):
        signed = [
            charge(waybill, fee, 12_000, T0 + 30 * HOUR) for fee in ("delivery_collected", "delivery_paid")
        ]
        _charged(writer, 8 + place, [scan(waybill, "50", 7 + place, T0 + 30 * HOUR)], signed)


def _charged(
    writer: Writer, upto: int, events: list[Values], charges: list[Values], **others: list[Values]
) -> None:
    journal = [leg for one in charges for leg in legs(one)]
    writer.by_hand(
        {"event": events, "charge": charges, "journal": journal, **others}, {"waybook.devices:0": upto}
    )


def order(waybill: str, offset: int) -> Values:
    """An order from OUT1 in Shanghai to OUT2 in Beijing."""
    return {
        "event_id": f"{waybill}-order",
        "kind": "order",
        "waybill": waybill,
        "event_time": T0 - HOUR,
        "weight_class": "declared",
        "weight_g": 2_000,
        "origin": "OUT1",
        "destination": "OUT2",
        "origin_city": "310100",
        "destination_city": "110100",
        "customer": "C1",
        "product": "STD",
        "payment": 120_000,
        "topic": "waybook.orders",
        "offset": offset,
    }


def _device(waybill: str, what: str, offset: int, time: int, site: str) -> Values:
    _, _, _, outlet, city, _, province, _ = next(row for row in SITES if row[0] == site)
    return {
        "event_id": f"{waybill}-{what}",
        "kind": "weight",
        "waybill": waybill,
        "event_time": time,
        "source": "pda",
        "site": site,
        "outlet": outlet,
        "city": city,
        "province": province,
        "device": "D1",
        "topic": "waybook.devices",
        "offset": offset,
    }


def scan(waybill: str, operation: str, offset: int, time: int) -> Values:
    """A scan: 10 at the origin, others at the destination."""
    found = _device(waybill, operation, offset, time, "OUT1" if operation == "10" else "OUT2")
    return found | {"kind": "scan", "operation": operation, "code": operation}


def weight(waybill: str, weight_class: str, grams: int, offset: int, time: int) -> Values:
    """A hub's weight."""
    sizes = {"length_mm": 300, "width_mm": 200, "height_mm": 100}
    found = _device(waybill, weight_class, offset, time, "HUB1")
    return found | {"weight_class": weight_class, "weight_g": grams, "photo": "p/1.jpg"} | sizes


def adoption(weighing: Values, why: str) -> Values:
    """That weight came into force."""
    names = ("waybill", "event_id", "weight_class", "weight_g", "event_time", "site")
    return {name: weighing[name] for name in names} | {"volume_cm3": 6_000, "why": why}


def charge(
    waybill: str,
    fee: str,
    amount: int,
    time: int,
    revision: int = 0,
    *,
    back: bool = False,
    weighing: Values | None = None,
    cause: str = "",
) -> Values:
    """A charge of OUT1's parcel, or (`back`) the reversal of one."""
    payer, payee = PARTIES[fee]
    operation = "50" if fee.startswith("delivery") else "10"
    made: Values = {
        "charge_id": charge_id(waybill, fee, revision, back),
        "revision": revision,
        "reverses": charge_id(waybill, fee, revision) if back else bytes(16),
        "waybill": waybill,
        "fee": fee,
        "payer": payer,
        "payee": payee,
        "amount": amount,
        "event_time": time,
        "business_date": (time + SHANGHAI_OFFSET) // DAY,
        "cause": cause or (weighing["event_id"] if weighing else f"{waybill}-{operation}"),
        "origin": "OUT1",
        "destination": "OUT2",
        "product": "STD",
        "order_event": "" if back else f"{waybill}-order",
    }
    priced = PRICES.get(fee.partition("_")[0])
    if priced is not None and not back:
        made |= priced | {"book_version": VERSION, "unit_g": 1, "rounding": "half_up_fen"}
    if weighing is not None:
        made |= {
            "weight_class": weighing["weight_class"],
            "weight_event": weighing["event_id"],
            "actual_g": weighing["weight_g"],
            "chargeable_g": weighing["weight_g"],
            "first_g": 1_000,
            "continued_g": weighing["weight_g"] - 1_000,
            "continued_price": 15_000,
        }
    return made


def charge_id(waybill: str, fee: str, revision: int, back: bool = False) -> bytes:
    """The hash of waybill, fee and revision, its low byte (the last as it is stored) cleared."""
    name = f"{waybill}|{fee}|{revision}" + ("|r" if back else "")
    return xxh3_128_digest(name.encode())[:15] + b"\0"


def legs(charged: Values) -> Iterator[Values]:
    """The journal rows of a charge."""
    number = 0
    for line in ENTRIES.strip().splitlines():
        fee, of, *pairs = line.split()
        if fee != charged["fee"]:
            continue
        book, other = (charged["payer"], charged["payee"])[:: 1 if of == "payer" else -1]
        for side, account in zip(pairs[::2], pairs[1::2], strict=True):
            number += 1
            kept = ("charge_id", "amount", "waybill", "fee", "event_time", "business_date")
            yield {
                "row_id": charged["charge_id"][:15] + bytes([number]),
                "entry_id": charged["charge_id"][:15] + (b"\x80" if of == "payer" else b"\x81"),
                "book": book,
                "account": account,
                "side": side,
                "counterparty": other,
                "rules_version": "r1",
                **{name: charged[name] for name in kept},
            }


def _book() -> Iterator[Values]:
    for file, content in sorted(FILES.items()):
        yield {
            "version": VERSION,
            "name": "hand",
            "published_at": T0,
            "file": file,
            "content": content,
            "status": "published",
        }


def _directory() -> Iterator[Values]:
    for file, content in DIRECTORY.items():
        yield {"version": version_of(DIRECTORY), "published_at": T0, "file": file, "content": content}


def _sites() -> Iterator[Values]:
    for row in SITES:
        yield {"version": "n1", **dict(zip(SITE_COLUMNS, row, strict=True))}


def _accounts() -> Iterator[Values]:
    for account in ACCOUNTS:
        yield {"version": "r1", "account": account, "name": account, "class": "asset", "normal_side": "D"}
