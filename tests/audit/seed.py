"""Books written by hand: the example that every finance person can follow, one correction, one wait.

YT100000001 pays 12.00; waybill 1.00, transit at 2.5 kg 5.25, delivery 1.20.
YT100000002 the same, but a hub's DWS later says 3.0 kg: transit 5.25 is taken back and 6.00 charged; someone
confirms it.
YT100000003 was picked up, and nobody has seen its order, nor its signature a day later.
OUT1 goes to P9 on the 7th; what the first six blocks left open goes over with it.
YT100000001 is claimed to be late: OUT2 pays a penalty of 5.00. YT100000002 is insured.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from xxhash import xxh3_128_digest

from schemas.identity import content_id, version_of
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
NETWORK = version_of(DIRECTORY)
SITE_COLUMNS = ("site", "name", "kind", "outlet", "city", "city_name", "province", "province_name")
ACCOUNTS = {
    **dict.fromkeys(
        ("1001", "1002", "1003", "1005", "1102", "1201", "1202", "2001", "2101", "2401", "2402"), "mutual"
    ),
    "2201": "clearing",
    **dict.fromkeys(
        ("1101", "1801", "2501", "4001", "4002", "4901", "5001", "5101", "5102", "6001", "6101"), "own"
    ),
    **dict.fromkeys(("6102", "6103", "6901"), "own"),
}
"""By number: the nature."""

RULE: Values = {
    "version": NETWORK,
    "rule": "signed",
    "label": "揽收后未签收",
    "operation": "10",
    "place": "any",
    "direction": "then",
    "others": "50",
    "hours": 24,
    "responsible": "scan",
}

ENTRIES = """
freight            payee D 1101 C 5101
waybill            payer D 6101 C 2101
waybill            payee D 1002 C 4002
transit            payer D 6102 C 2101
transit            payee D 1001 C 4001
delivery_collected payer D 6103 C 2101
delivery_collected payee D 1003 C 2201
delivery_paid      payer D 2201 C 2001
delivery_paid      payee D 1102 C 5102
late               payer D 6001 C 2101
late               payee D 1005 C 5001
"""
BEFORE = (T0 + SHANGHAI_OFFSET) // DAY - 1
"""The day before anything happens."""
DAY_OF_HANDOVER = (T0 + 2 * DAY + SHANGHAI_OFFSET) // DAY
CHANGE = {"change_id": "c1", "kind": "party_transferred", "outlet": "OUT1", "party": "P9", "reason": "sold"}
WRONG = {"outlet": "OUT2", "party": "OUT1", "first_day": DAY_OF_HANDOVER}
"""A merger that was announced and taken back."""
MOVE: Values = {
    "move_id": "m1",
    "outlet": "OUT1",
    "first_day": DAY_OF_HANDOVER,
    "former": "OUT1",
    "party": "P9",
    "business_date": DAY_OF_HANDOVER,
    "published_at": T0 + 2 * DAY,
    "published_by": "me",
    "blocks": "0:6",
}
BALANCES = (
    ("party", "1101", "CUSTOMER", 240_000),
    ("party", "2101", "HQ", -132_500),
    ("headquarters", "1001", "OUT1", 112_500),
    ("headquarters", "1002", "OUT1", 20_000),
)
"""Two parcels' freight; two waybill fees, 5.25 and 6.00 of transit."""
MOVED = """
1 82 HQ   1001 C 11.25 OUT1
2 82 HQ   1001 D 11.25 P9
3 82 HQ   1002 C  2.00 OUT1
4 82 HQ   1002 D  2.00 P9
5 80 OUT1 1101 C 24.00 CUSTOMER
6 80 OUT1 2501 D 24.00 P9
7 81 P9   1101 D 24.00 CUSTOMER
8 81 P9   2501 C 24.00 OUT1
9 80 OUT1 2101 D 13.25 HQ
a 80 OUT1 2501 C 13.25 P9
b 81 P9   2101 C 13.25 HQ
c 81 P9   2501 D 13.25 OUT1
"""
FEES = """
freight            freight  0 picked_up customer     origin       payment 0
waybill            waybill  1 picked_up origin       headquarters tariff  1
transit            transit  2 weighed   origin       headquarters tariff  1
delivery_collected delivery 3 signed    origin       headquarters tariff  1
delivery_paid      delivery 3 signed    headquarters destination  tariff  1
late               late     4 claimed   responsible  headquarters claim   0
"""
"""Fee, due, its place, trigger, payer, payee, source, required."""
PARTIES = {
    "freight": ("CUSTOMER", "OUT1"),
    "waybill": ("OUT1", "HQ"),
    "transit": ("OUT1", "HQ"),
    "delivery_collected": ("OUT1", "HQ"),
    "delivery_paid": ("HQ", "OUT2"),
    "late": ("OUT2", "HQ"),
}
PRICES: dict[str, Values] = {
    "waybill": {"price_table": "waybill.csv", "price_row": 2, "matched": "national", "first_price": 10_000},
    "transit": {"price_table": "transit.csv", "price_row": 2, "matched": "province", "first_price": 30_000},
    "delivery": {"price_table": "delivery.csv", "price_row": 2, "matched": "city", "first_price": 12_000},
}


COUNT = {
    "event_id": "count-1",
    "count_id": "count-1",
    "counted_at": T0,
    "month": DAY_OF_HANDOVER - 60,
    "through_day": DAY_OF_HANDOVER - 58,
    "part": 1,
    "parts": 1,
    "blocks": "0:0",
    "offset": 3,
}
"""A count of a month in which nobody had a parcel."""
LEFT = {
    "event_id": "left-1",
    "kind": "closed",
    "stay": "ST1",
    "event_time": T0,
    "site": "OUT1",
    "outlet": "OUT1",
    "pallets": -1,
    "volume_cm3": -1,
    "weight_g": -1,
}
"""Goods leave a store, and nobody said that they came; nothing is priced there."""
CANCELLED: Values = {
    "event_id": "haul-1",
    "haul": "H1",
    "service": "linehaul",
    "status": "cancelled",
    "event_time": T0,
    "business_date": (T0 + 8 * HOUR) // DAY,
    "site": "OUT1",
    "outlet": "OUT1",
    "customer": "C1",
    "pallets": -1,
    "volume_cm3": -1,
    "weight_g": -1,
}
"""A haul that did not take place."""
NO_MONTH: Values = {
    "event_id": "month-1",
    "name": "C1:2025-10",
    "customer": "C1",
    "month": (date(2025, 10, 1) - date(1970, 1, 1)).days,
    "due": "storage_month",
    "outlet": "OUT1",
    "status": "cancelled",
    "counted_at": T0,
}
"""A month in which nothing was stored after all."""


def write_accounts(writer: Writer) -> None:
    """Three blocks of the accounts flow: 2.00 posted against OUT1, 10.00 topped up, 3.00 held and released."""
    terms = [
        {
            "step": 1,
            "party": "OUT1",
            "kind": "credit",
            "credit_limit": 50_000,
            "low_balance": 0,
            "cause": "v1",
        },
        {"step": 2, "party": "OUT2", "kind": "prepaid", "low_balance": 10_000, "cause": "v1"},
    ]
    low = {"party": "OUT2", "kind": "low_balance", "status": "begun", "threshold": 10_000}
    price = {"version": "v1", "item": "M1", "name": "电子面单", "price": 8_000}
    writer.by_hand({"terms": terms, "notice": [low], "material": [price]}, {"waybook.control:0": 2})
    day = (T0 + SHANGHAI_OFFSET) // DAY
    about = {"party": "OUT1", "business_date": day, "time": T0, "counterparty": "HQ"}
    command = {"party": "OUT1", "actor": "me", "command_time": T0, "time": T0, "accepted": 1}
    charge = xxh3_128_digest(b"command|OUT1|c1")[:15] + b"\0"
    topped = about | {"step": 2, "kind": "top_up", "fee": "top_up", "command_id": "c1", "charge_id": charge}
    posted = about | {"step": 1, "kind": "posting", "fee": "waybill", "sender": 3}
    top_up = {"step": 2, "command_id": "c1", "command": "top_up", "body": '{"amount_e4":100000}'}
    hold = {
        "step": 3,
        "command_id": "h1",
        "command": "hold",
        "body": '{"amount_e4":30000,"purpose":"withdraw"}',
    }
    beyond = {"step": 4, "command_id": "c2", "command": "withdraw", "body": '{"amount_e4":60000}'}
    held = {"party": "OUT1", "hold": "h1", "purpose": "withdraw", "amount": 30_000, "time": T0}
    writer.by_hand(
        {
            "account_movement": [
                posted | {"account": "business", "amount": -20_000, "balance": -20_000},
                topped | {"account": "cash", "amount": 80_000, "balance": 80_000},
                topped | {"account": "business", "amount": 20_000},
            ],
            "answer": [
                command | top_up | {"amount": 100_000, "available": 130_000},
                command | hold | {"amount": 30_000, "available": 100_000},
                command | beyond | {"accepted": 0, "reason": "insufficient_balance", "available": 100_000},
            ],
            "hold": [held | {"step": 3, "status": "opened", "remains": 30_000, "command_id": "h1"}],
            "journal": list(_top_up(charge, 100_000)),
        },
        {"waybook.control:0": 2, "waybook.postings:0": 1, "waybook.commands:0": 3},
    )
    release = {"step": 1, "command_id": "r1", "command": "release", "body": '{"hold":"h1"}'}
    writer.by_hand(
        {
            "answer": [command | release | {"amount": 30_000, "available": 130_000}],
            "hold": [held | {"step": 1, "status": "released", "command_id": "r1"}],
        },
        {"waybook.commands:0": 4},
    )


CHANNELS = '[[channel]]\nname = "bank"\n[[channel.merchant]]\nnumber = "A"\ngroup = "north"\n'


def write_payments(writer: Writer) -> None:
    """Two blocks of the payments flow: a due in dollars is paid over; what it cannot use is asked about.

    When it was in yuan it was to be deducted from an account.
    """
    document, group = "FR-1", "north"
    key = "bank/A/payment/1"
    at = {"group": group, "event_time": T0, "currency": "USD"}
    paid = at | {"payment": key, "channel": "bank", "merchant": "A", "number": "1", "kind": "payment"}
    match = xxh3_128_digest(b"match|north|bank/A/payment/1|FR-1|0+")[:15] + b"\0"
    asked = content_id("ex", group, "amount_over", key)
    said = content_id("os", group, document, "1", "over_paid", "10000", "10000", "0", "10000", key)
    day = (T0 + SHANGHAI_OFFSET) // DAY
    told = {"group": group, "time": T0, "amount": 10_000}
    deduction = told | {
        "deduction": content_id("ded", group, document, "1", str(T0)),
        "document": document,
        "party": "C-1",
        "event_time": T0,
    }
    moved = {"direction": "in", "state": "success", "amount": 20_000, "currency": "USD", "event_time": T0}
    notified = {
        "channel": "bank",
        "group": group,
        "topic": "waybook.notifications.bank",
        "received": T0,
        "payments": 1,
    } | moved
    bill = {"group": group, "channel": "bank", "merchant": "A", "sort": "trade", "day": day}
    subject = f"bank/A/trade/{date(1970, 1, 1) + timedelta(day)}"
    refused = content_id("ex", group, "bill_refused", subject)
    writer.by_hand(
        {
            "receivable": [
                at
                | {
                    "event_id": "e1",
                    "status": "told",
                    "document": document,
                    "kind": "order",
                    "direction": "in",
                }
                | {"party": "C-1", "amount": 10_000, "partial": 1}
            ],
            "notification": [notified | {"notification_id": "n1", "payment": key, "sealed": bytes(32)}],
            "payment": [paid | moved | {"fee_told": 1, "settled": day, "cause": "n1"}],
            "bill": [bill | {"bill": "b1", "status": "refused", "reason": "bill_total_wrong"}],
            "bill_line": [bill | moved | {"bill": "b2", "part": 1, "payment": key, "kind": "payment"}],
            "payment_match": [
                at
                | {"match_id": match, "what": "match", "payment": key, "document": document, "party": "C-1"}
                | {"amount": 10_000, "rule": "order_number", "business_date": day, "time": T0}
            ],
            "payment_exception": [
                told
                | {
                    "exception_id": asked,
                    "since": T0,
                    "status": "opened",
                    "kind": "amount_over",
                    "subject": key,
                },
                told
                | {"exception_id": refused, "amount": 0, "since": T0, "status": "opened"}
                | {"kind": "bill_refused", "subject": subject},
            ],
            "order_status": [
                {"status_id": said, "group": group, "document": document, "serial": 1, "status": "over_paid"}
                | {
                    "due": 10_000,
                    "paid": 10_000,
                    "overpaid": 10_000,
                    "payments": key,
                    "event_time": T0,
                    "time": T0,
                }
            ],
            "payment_decision": [
                {
                    "event_id": "k1",
                    "group": group,
                    "event_time": T0,
                    "decision": "ignore",
                }
                | {"by": "li", "exception_id": asked, "shares": "[]", "until": T0 + DAY}
            ],
            "decision_state": [
                {"event_id": "k1", "group": group, "state": "in_force", "cause": "k1", "time": T0}
            ],
            "close": [
                {"close_id": "c1", "what": "reopen", "status": "refused", "group": group, "channel": "bank"}
                | {
                    "merchant": "A",
                    "by": "li",
                    "of": "c0",
                    "reason": "more",
                    "lacking": 1,
                    "lacks": "[]",
                    "items": "[]",
                }
            ],
            "deduction": [{"status": status} | deduction for status in ("asked", "dropped")],
            "payment_rules": [
                {"version": "v1", "published_at": T0, "file": "channels.toml", "content": CHANNELS}
            ],
        },
        dict.fromkeys(
            (
                *("waybook.receivables:0", "waybook.notifications.bank:0", "waybook.bills:0"),
                "waybook.payment-decisions:0",
            ),
            1,
        ),
    )
    writer.by_hand(
        {
            "notification": [
                notified | {"notification_id": "n2", "payment": key, "sealed": bytes(33), "offset": 1}
            ]
        },
        {"waybook.notifications.bank:0": 2},
    )


def _top_up(charge: bytes, amount: int) -> Iterator[Values]:
    legs = (("OUT1", "1201", "D"), ("OUT1", "1801", "C"), ("HQ", "1801", "D"), ("HQ", "2401", "C"))
    for number, (book, account, side) in enumerate(legs, 1):
        yield {
            "row_id": charge[:15] + bytes([number]),
            "entry_id": charge[:15] + (b"\x80" if book == "OUT1" else b"\x81"),
            "charge_id": charge,
            "book": book,
            "account": account,
            "side": side,
            "amount": amount,
            "counterparty": "HQ" if book == "OUT1" else "OUT1",
            "fee": "top_up",
            "event_time": T0,
            "business_date": (T0 + SHANGHAI_OFFSET) // DAY,
            "rules_version": "test",
        }


def write(writer: Writer) -> None:
    """Ten blocks; every table has rows in a sealed one, and the newest block has rows of its own."""
    one, two, three = "YT100000001", "YT100000002", "YT100000003"
    documents = {
        "tariff_book": list(_book()),
        "network_directory": list(_directory()),
        "site": list(_sites()),
        "product": list(_products()),
        "account": list(_accounts()),
        "area": [
            {"version": NETWORK, "county": county, "county_name": county, "city": "310100", "outlet": outlet}
            for county, outlet in (("310104", "OUT1"), ("310115", ""))
        ],
        "party": [{"version": NETWORK, "party": "P9", "kind": "outlet", "first_day": 0, "last_day": 65_535}],
        "operator": [
            CHANGE | {"first_day": DAY_OF_HANDOVER, "published_at": T0, "published_by": "me", "offset": 2},
            *(
                WRONG | {"change_id": name, "kind": kind, "published_at": T0, "offset": 3}
                for name, kind in (("c2", "parties_merged"), ("c3", "handover_withdrawn"))
            ),
        ],
        "fee": list(_fees()),
        "posting_rule": list(_posting_rules()),
        "chain_rule": [RULE],
        "volume": [COUNT],
        "cost": [{"event_id": "withdrawn-1", "cost_id": "cost-1", "status": "withdrawn", "event_time": T0}],
        "stay_event": [LEFT],
        "haul": [CANCELLED],
        "stay_month": [NO_MONTH],
    }
    writer.by_hand(documents, {"waybook.control:0": 4})
    writer.by_hand(
        {"event": [order(one, 0), order(two, 1)], "order_terms": [terms(two)]}, {"waybook.orders:0": 2}
    )
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
    late = claim(one, 2, T0 + HOUR)
    penalty = charge(one, "late", 50_000, T0 + HOUR, cause=late["event_id"], part=late["event_id"])
    writer.upto |= {"waybook.orders:0": 3}
    details = {name: late[name] for name in ("event_id", "waybill", "event_time")} | {
        "claim": late["event_id"],
        "status": "claimed",
        "kind": "late",
        "responsible": "OUT2",
        "amount": 50_000,
        "evidence": "p/late.jpg",
    }
    _charged(writer, 5, [better, late], [*corrected, penalty], adopted_weight=[replaced], claim=[details])
    waits = [{"waybill": three, "fee": "waybill", "reason": "no_order", "since": T0}]
    moved = {
        "balance_moved": [
            MOVE | {"book": book, "account": account, "counterparty": other, "amount": units}
            for book, account, other, units in BALANCES
        ],
        "journal": list(_moved()),
    }
    breach = {
        "waybill": three,
        "rule": "signed",
        "status": "open",
        "outlet": "OUT1",
        "site": "OUT1",
        "operation": "10",
        "since": T0,
        "due": T0 + DAY,
        "age_ms": DAY + HOUR,
    }
    events = [scan(three, "10", 5, T0)]
    closed = {
        "event_id": "closed",
        "status": "closed",
        "through": BEFORE,
        "event_time": T0,
        "published_by": "li",
    }
    writer.by_hand(
        {
            "event": events,
            "waiting": waits,
            "chain_breach": [breach],
            "books_close": [closed],
            **moved,
        },
        {"waybook.control:0": 5, "waybook.devices:0": 6},
    )
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
    strange = order(one, 3) | {
        "origin_city": "440100",
        "origin_county": "310115",
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
    unserved = anomaly | {"kind": "area_unserved", "expected": "", "found": "310115"}
    unknown = [
        {
            "kind": "service_unknown",
            "waybill": two,
            "event_id": f"{two}-order",
            "event_time": T0 - HOUR,
            "found": service,
        }
        for service in ("evening", "upstairs")
    ]
    writer.by_hand(
        {
            "dead_letter": [letter | {"raw": "{"}],
            "event": [strange],
            "anomaly": [anomaly, unserved, *unknown],
            "weight_decision": [decision(two)],
            "weight_case": [settled(two)],
            "recall": [
                {"waybill": two, "cause": "decision-1", "status": "assessed", "event_time": T0 + 3 * HOUR}
            ],
        },
        {"waybook.devices:0": 7, "waybook.orders:0": 4},
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


def terms(waybill: str) -> Values:
    """What the order of OUT1 says besides."""
    kept = {"pieces": 1, "direction": "forward", "insured": 10_000_000, "services": "evening|upstairs"}
    return {"event_id": f"{waybill}-order", "waybill": waybill} | kept


def claim(waybill: str, offset: int, time: int) -> Values:
    """The event of a claim."""
    return {
        "event_id": f"{waybill}-late",
        "kind": "claim",
        "waybill": waybill,
        "event_time": time,
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


def decision(waybill: str) -> Values:
    """Someone confirms the hub's DWS."""
    return {
        "event_id": "decision-1",
        "waybill": waybill,
        "event_time": T0 + 3 * HOUR,
        "decision": "confirm",
        "weight_event": f"{waybill}-hub_dws",
        "decided_by": "accountant",
        "reason": "photo",
        "offset": 3,
    }


def settled(waybill: str) -> Values:
    """The case that this decision leaves behind."""
    return {
        "waybill": waybill,
        "status": "decided",
        "weight_event": f"{waybill}-hub_dws",
        "weight_class": "hub_dws",
        "weight_g": 3_000,
        "event_time": T0 + 2 * HOUR,
        "site": "HUB1",
        "other_event": f"{waybill}-hub_scale",
        "other_class": "hub_scale",
        "other_g": 2_500,
        "other_time": T0 + HOUR,
        "other_site": "HUB1",
        "other_outlet": "HQ",
        "difference_g": 500,
        "difference_percent": 10,
        "on_difference": "charge",
        "decision": "decision-1",
        "cause": "decision-1",
    }


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
    part: str = "",
) -> Values:
    """A charge of OUT1's parcel, or (`back`) the reversal of one."""
    payer, payee = PARTIES[fee]
    operation = "50" if fee.startswith("delivery") else "10"
    made: Values = {
        "charge_id": charge_id(waybill, f"{fee}/{part}" if part else fee, revision, time, back),
        "revision": revision,
        "reverses": charge_id(waybill, fee, revision, time) if back else bytes(16),
        "waybill": waybill,
        "fee": fee,
        "part": part,
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


def charge_id(waybill: str, fee: str, revision: int, time: int, back: bool = False) -> bytes:
    """The hash of waybill, fee, revision and time, its low byte (the last as it is stored) cleared."""
    name = f"{waybill}|{fee}|{revision}|{time}" + ("|r" if back else "")
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
            kept = ("charge_id", "amount", "waybill", "fee", "product", "event_time", "business_date")
            yield {
                "row_id": charged["charge_id"][:15] + bytes([number]),
                "entry_id": charged["charge_id"][:15] + (b"\x80" if of == "payer" else b"\x81"),
                "book": book,
                "account": account,
                "side": side,
                "counterparty": other,
                "route": "310000-110000",
                "cause": TRIGGERS[fee] if charged["reverses"] == bytes(16) else "reversed",
                "rules_version": "r1",
                **{name: charged[name] for name in kept},
            }


def _moved() -> Iterator[Values]:
    """The journal rows of the move."""
    name = xxh3_128_digest(b"balance_moved|m1")[:15]
    for line in MOVED.strip().splitlines():
        number, entry, book, account, side, amount, other = line.split()
        yield {
            "row_id": name + bytes([int(number, 16)]),
            "entry_id": name + bytes([int(entry, 16)]),
            "charge_id": name + b"\0",
            "book": book,
            "account": account,
            "side": side,
            "amount": int(amount.replace(".", "")) * 100,
            "counterparty": other,
            "fee": "balance_moved",
            "event_time": T0 + 2 * DAY,
            "business_date": DAY_OF_HANDOVER,
            "rules_version": "r1",
        }


def _book() -> Iterator[Values]:
    for file, content in sorted(FILES.items()):
        yield {
            "version": VERSION,
            "name": "hand",
            "published_at": T0,
            "file": file,
            "content": content,
            "event_id": "t1",
            "status": "published",
            "offset": 1,
        }


def _directory() -> Iterator[Values]:
    for file, content in DIRECTORY.items():
        yield {"version": NETWORK, "published_at": T0, "file": file, "content": content}


def _sites() -> Iterator[Values]:
    for row in SITES:
        yield {"version": NETWORK, **dict(zip(SITE_COLUMNS, row, strict=True))}


def _products() -> Iterator[Values]:
    yield {"version": NETWORK, "product": "STD", "name": "标快"}


def _accounts() -> Iterator[Values]:
    for account, nature in ACCOUNTS.items():
        yield {
            "version": "r1",
            "account": account,
            "name": account,
            "class": "asset",
            "normal_side": "D",
            "nature": nature,
        }


def _fees() -> Iterator[Values]:
    for line in FEES.strip().splitlines():
        fee, due, place, trigger, payer, payee, source, required = line.split()
        yield {
            "version": "r1",
            "fee": fee,
            "due": due,
            "place": int(place),
            "trigger": trigger,
            "payer": payer,
            "payee": payee,
            "source": source,
            "price": due if source == "tariff" else "",
            "required": int(required),
        }


TRIGGERS = {line.split()[0]: line.split()[3] for line in FEES.strip().splitlines()}


def _posting_rules() -> Iterator[Values]:
    numbers: dict[str, int] = {}
    for line in ENTRIES.strip().splitlines():
        fee, of, *pairs = line.split()
        for side, account in zip(pairs[::2], pairs[1::2], strict=True):
            numbers[fee] = numbers.get(fee, 0) + 1
            yield {
                "version": "r1",
                "fee": fee,
                "leg": numbers[fee],
                "book": of,
                "account": account,
                "side": side,
            }
