"""`waybook parcel-months`: how many parcels customers with packages sent in months that are over, told to the lanes.

Counted are the parcels that were picked up, whoever's they are by their newest orders. Only customers are counted that
a price in force names; where one names none, all that have virtual accounts.
"""

import tomllib
from collections.abc import Iterator
from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards import library
from dashboards.blocks import STORES, within
from dashboards.queries import rows
from deploy import months
from deploy.months import Came, Month, Span, spelled
from deploy.recall.complete import Complete
from flows.fees.current import FEES
from flows.fees.model import Due
from flows.governance.network import Network
from flows.rating.book import read_book
from flows.rating.factors import Words
from flows.rating.settings import FILE
from schemas.counted import counted
from schemas.events import MonthShipped
from schemas.settings import Settings

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
GROUP BY customer, month"""
EVERYONE = None
"""All customers, where a price names none."""


def run(settings: Settings, client: Client, by: str) -> list[str]:
    """Tell the lanes what they do not know yet; lines for people."""
    lanes = {"parcels": _of_parcels(settings), "stores": STORES[: settings.stay_lanes]}
    return months.run(settings, client, lanes, lambda books: due(settings, client, books, by), line)


def _of_parcels(settings: Settings) -> range:
    return range(settings.lanes)


def due(settings: Settings, client: Client, books: Complete, by: str) -> Iterator[MonthShipped]:
    """Words about months that are over and either untold or changed since."""
    lanes = (*_of_parcels(settings), *STORES[: settings.stay_lanes])
    over = months.span(settings, min(books.times[lane] for lane in lanes))
    blocks = {lane: books.blocks[lane] for lane in _of_parcels(settings)}
    for one in FEES.dues:
        if one.trigger == "parcel_month":
            yield from _words(client, one, blocks, over, by)


def _words(client: Client, due: Due, blocks: dict[int, int], over: Span, by: str) -> Iterator[MonthShipped]:
    def word(parcels: int, **of: Any) -> MonthShipped:
        return MonthShipped(parcels=parcels, due=due.name, blocks=spelled(blocks), by=by, **of)

    network = library.newest_network(client)
    customers = _customers(client, network, due)
    before = {
        (customer, month): told
        for (customer, month), told in months.told(client, due.name, "parcels").items()
        if over.since <= month < over.until and (customers is EVERYONE or customer in customers)
    }
    none = {month: Came(0, said.outlet, nothing=True) for month, (_, said) in before.items()}
    sent = {**none, **_sent(client, blocks, over, customers)}
    kept = {month: came for month, came in sent.items() if network.may_store(month[0])}
    return months.words(kept, before, over.reached, word)


def _sent(
    client: Client, blocks: dict[int, int], over: Span, customers: set[str] | None
) -> dict[Month, Came]:
    """How many parcels, and the first outlet that they were sent from."""
    if customers is not EVERYONE and not customers:
        return {}
    whose = "whose != ''" if customers is EVERYONE else "whose IN {customers:Array(String)}"
    inner = whose.replace("whose", "toString(customer)")
    head, _, tail = SHIPPED.replace("$within", within(blocks)).rpartition("$whose")
    found = rows(
        client,
        head.replace("$whose", inner) + whose + tail,
        since=over.since,
        until=over.until,
        customers=sorted(customers or ()),
    )
    return {
        (row["customer"], row["month"]): Came(int(row["parcels"]), row["outlet"], nothing=False)
        for row in found
    }


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
