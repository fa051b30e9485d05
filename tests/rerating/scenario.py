"""The parcels of `tests/scenarios/what_if_parcels.csv` in a lane's books, and changed books by their Chinese names."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from flows.engine.block import Receipt
from flows.engine.plans import PlanLog
from flows.rating.settings import FILE
from schemas.events import Event
from schemas.money import parse_yuan
from schemas.times import DAY, HOUR
from tests.dashboards.data import Written
from tests.lifecycle.world import BOOK, START, Book, network, order, scan, tariff, weight
from tests.rating.material import scenarios
from tests.rerating.world import table

PARCELS = "what_if_parcels.csv"
FIRST_DAY = dt.date(2025, 11, 11)
"""Shanghai's date of `START`."""

TRANSIT = "origin_province,destination_province,first_kg,first_price,continued_price\n"
WIDE = f"{TRANSIT},,1,8.00,6.00\n上海,陕西,1,3.00,1.50\n,浙江,1,2.00,0.50\n"
FILES: Mapping[str, str] = {
    **BOOK,
    "transit-2025.csv": WIDE,
    "delivery.csv": "price\n1.20\n",
    "insurance.csv": "percent,minimum\n0.5,1\n",
    "pickup.csv": "price\n0.80\n",
    FILE: BOOK[FILE]
    + table("insurance", "insurance", "percent", of='"insured"')
    + table("pickup_piece", "pickup"),
}
"""The book in force: every parcel is charged by it."""

DEARER = table("transit", "dearer", kind='"surcharge"', name='"加价"')
BOOKS: dict[str, Mapping[str, str]] = {
    "不变": {},
    "11日至13日上海到陕西中转费加0.10": {
        FILE: FILES[FILE] + DEARER,
        "dearer.csv": "origin_province,destination_province,date,price\n上海,陕西,2025-11-11..2025-11-13,0.10\n",
    },
    "面单费涨到1.10": {"waybill.csv": "price\n1.10\n"},
    "12日起面单费1.10": {
        FILE: FILES[FILE].replace(
            'file = "waybill.csv"\nshape = "flat"\neffective_from = 2025-01-01',
            'file = "waybill.csv"\nshape = "flat"\neffective_from = 2025-01-01\neffective_to = 2025-11-11\n'
            '[[table]]\nfee = "waybill"\nfile = "new.csv"\nshape = "flat"\neffective_from = 2025-11-12',
        ),
        "new.csv": "price\n1.10\n",
    },
    "保价费率0.6%": {"insurance.csv": "percent,minimum\n0.6,1\n"},
    "揽收计件费0.75": {"pickup.csv": "price\n0.75\n"},
    "C2中转费九折": {
        FILE: FILES[FILE]
        + table("transit", "agreed", "percent", kind='"discount"', name='"协议"', of='"base"'),
        "agreed.csv": "customer,percent\nC2,10\n",
    },
    "当月满千票面单九折": {
        FILE: FILES[FILE]
        + table("waybill", "month", "percent", kind='"discount"', name='"月票"', of='"base"'),
        "month.csv": "month_parcels,percent\n1000..,10\n",
    },
    "只有上海到陕西有中转价": {"transit-2025.csv": f"{TRANSIT}上海,陕西,1,3.00,1.50\n"},
    "上海始发的中转费分成5%": {
        FILE: FILES[FILE] + table("province_share", "share", "percent", of='"shared"'),
        "share.csv": "origin_province,percent\n上海,5\n",
    },
    "2026年的中转价另定": {"transit-2026.csv": "first_kg,first_price,continued_price\n1,99,99\n"},
}
"""By what changes: the files that are others."""


def changed(name: str) -> dict[str, str]:
    """A book's files."""
    return {**FILES, **BOOKS[name]}


def write(directory: Path, name: str) -> str:
    """The book as a directory of files."""
    directory.mkdir(parents=True, exist_ok=True)
    for file, text in changed(name).items():
        (directory / file).write_text(text, "utf-8")
    return str(directory)


class Parcels(Written):
    """The parcels' books in a store."""

    def __init__(self, client: Client) -> None:
        self.client, self.log, self.receipt = client, PlanLog(client, 0), Receipt()
        Book.__init__(self, (tariff(dict(FILES)),), directory=network())
        for row in scenarios(PARCELS):
            self.take(*events_of(row))
        self.tick(START + 5 * DAY)


def events_of(row: Mapping[str, str]) -> list[Event]:
    """A parcel's order, pick-up, weight and signature, all on its day."""
    number = row["运单尾号"]
    at = START + (dt.date.fromisoformat(row["日期"]) - FIRST_DAY).days * DAY
    own: dict[str, Any] = {"waybill": f"YT750000000000{number}"}
    return [
        order(
            at,
            id=f"order-{number}",
            origin=row["始发网点"],
            destination=row["目的网点"],
            customer=row["客户"],
            insured_e4=parse_yuan(row["保价"] or "0"),
            **own,
        ),
        scan("揽收", at + HOUR, id=f"up-{number}", courier=row["揽件员"], **own),
        weight("分拨DWS", int(Decimal(row["公斤"]) * 1000), at + 2 * HOUR, id=f"w-{number}", **own),
        scan("签收", at + 5 * HOUR, id=f"signed-{number}", **own),
    ]
