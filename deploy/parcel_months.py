"""`waybook parcel-months`: how many parcels customers with packages sent in months that are over, told to the lanes.

A month is over when every lane of parcels and of stores has complete blocks of later data time. Counted are the parcels
that were picked up in it, whoever's they are by their newest orders. The same books give the same word: its name is a
hash of what it says. What comes late is told again, for as long as the lanes remember the month. Only customers are
counted that a price in force names; where one names none, all that have virtual accounts.
"""

import tomllib
from collections.abc import Iterator
from datetime import date

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards import library
from dashboards.blocks import STORES, within
from dashboards.queries import rows
from deploy.recall.complete import Complete, complete
from flows.fees.current import FEES
from flows.fees.model import Due
from flows.governance.network import Network
from flows.rating.book import read_book
from flows.rating.factors import Words
from flows.rating.settings import FILE
from schemas import topics
from schemas.counted import counted
from schemas.events import MonthShipped
from schemas.identity import content_id
from schemas.settings import Settings
from schemas.times import business_day, date_of
from sinks.kafka import Records

SHIPPED = """
SELECT whose AS customer, toStartOfMonth(day) AS month, min(origin) AS outlet, count() AS parcels FROM (
    SELECT argMaxIf(toString(customer), (event_time, event_id), kind = 'order') AS whose,
           argMaxIf(toString(event.origin), (event_time, event_id), kind = 'order') AS origin,
           toDate(minIf(event_time, operation = '10'), 'Asia/Shanghai') AS day
    FROM event
    WHERE $within AND waybill IN (
        SELECT waybill FROM event WHERE $within AND operation = '10'
            AND toDate(event_time, 'Asia/Shanghai') >= {since:Date}
            AND toDate(event_time, 'Asia/Shanghai') < {until:Date})
        AND waybill IN (SELECT waybill FROM event WHERE $within AND kind = 'order' AND $whose)
    GROUP BY waybill
) AS parcel WHERE day >= {since:Date} AND day < {until:Date} AND $whose
GROUP BY customer, month ORDER BY month, customer"""
TOLD = """
SELECT customer, month, argMax((toUnixTimestamp64Milli(counted_at), parcels, toString(outlet),
                                status = 'cancelled'), (counted_at, event_id)) AS newest
FROM stay_month WHERE due = {due:String} GROUP BY customer, month ORDER BY month, customer"""
EVERYONE = None
"""All customers, where a price names none."""


def run(settings: Settings, client: Client, by: str) -> list[str]:
    """Tell the lanes what they do not know yet; lines for people."""
    books = complete(client, settings)
    for lanes, flow in ((_of_parcels(settings), "parcels"), (_of_stores(settings), "stores")):
        if lacking := books.lacking(lanes, flow):
            return lacking
    events = list(due(settings, client, books, by))
    records = Records(settings)
    for event in events:
        records.produce(topics.STAYS.name, event.customer, msgspec.json.encode(event))
    records.flush()
    return [line(event) for event in events] or ["nothing is to be told"]


def _of_parcels(settings: Settings) -> range:
    return range(settings.lanes)


def _of_stores(settings: Settings) -> range:
    return STORES[: settings.stay_lanes]


def due(settings: Settings, client: Client, books: Complete, by: str) -> Iterator[MonthShipped]:
    """Words about months that are over and either untold or changed since."""
    reached = min(books.times[lane] for lane in (*_of_parcels(settings), *_of_stores(settings)))
    blocks = {lane: books.blocks[lane] for lane in _of_parcels(settings)}
    since = date_of(business_day(reached - settings.oldest) + 1).replace(day=1)
    until = date_of(business_day(reached)).replace(day=1)
    for one in FEES.dues:
        if one.trigger == "parcel_month":
            yield from _words(client, one, blocks, (since, until), reached, by)


def _words(
    client: Client, due: Due, blocks: dict[int, int], months: tuple[date, date], reached: int, by: str
) -> Iterator[MonthShipped]:
    network = library.newest_network(client)
    customers = _customers(client, network, due)
    told = {
        (row["customer"], row["month"]): row["newest"]
        for row in rows(client, TOLD, due=due.name)
        if months[0] <= row["month"] < months[1] and (customers is EVERYONE or row["customer"] in customers)
    }
    sent = _sent(client, blocks, months, customers)
    for customer, month in sorted({*told, *sent}):
        at, *said = told.get((customer, month), (0, 0, "", 1))
        parcels, outlet = sent.get((customer, month), (0, ""))
        if not network.keeps_account(customer) or (said[2] if not parcels else said == [parcels, outlet, 0]):
            continue
        word = MonthShipped(
            id="month",
            time=max(reached, at + 1),
            customer=customer,
            month=month,
            due=due.name,
            outlet=outlet or said[1],
            parcels=parcels,
            cancelled=not parcels,
            blocks={str(lane): n for lane, n in blocks.items()},
            by=by,
        )
        yield msgspec.structs.replace(word, id=content_id("month", msgspec.json.encode(word)))


def _sent(
    client: Client, blocks: dict[int, int], months: tuple[date, date], customers: set[str] | None
) -> dict[tuple[str, date], tuple[int, str]]:
    """By customer and month: how many parcels, and the first outlet that they were sent from."""
    if customers is not EVERYONE and not customers:
        return {}
    whose = "whose != ''" if customers is EVERYONE else "whose IN {customers:Array(String)}"
    inner = whose.replace("whose", "toString(customer)")
    head, _, tail = SHIPPED.replace("$within", within(blocks)).rpartition("$whose")
    found = rows(
        client,
        head.replace("$whose", inner) + whose + tail,
        since=months[0],
        until=months[1],
        customers=sorted(customers or ()),
    )
    return {(row["customer"], row["month"]): (int(row["parcels"]), row["outlet"]) for row in found}


def _customers(client: Client, network: Network, due: Due) -> set[str] | None:
    """Customers that prices of a due in force name."""
    settings = {row["version"]: row["content"] for row in rows(client, library.SETTINGS, file=FILE)}
    named: set[str] = set()
    for version in library.versions_in_force(client):
        if not any(table["fee"] == due.price for table in tomllib.loads(settings[version])["table"]):
            continue
        book = read_book(library.files_of_version(client, version), network)
        for row in book.rows:
            if (row.table.fee, row.table.kind) != (due.price, "base"):
                continue
            words = [one for one in row.named if isinstance(one, Words) and one.factor == "customer"]
            if not words:
                return EVERYONE
            named.update(words[0].words)
    return named


def line(event: MonthShipped) -> str:
    """A word for people: how many parcels; what the package costs the lane says, which has the prices."""
    what = (
        "no parcel was picked up, no package is owed"
        if event.cancelled
        else counted(event.parcels, "parcel was picked up", "parcels were picked up")
    )
    return f"{event.month:%Y-%m} {event.customer}: {what}"
