"""`waybook store-months`: what customers' stays came to in months that are over, told to the lanes for minimums.

A month is over when every storage lane has complete blocks of later data time: then all its days are charged. The
same books give the same word: its name is a hash of what it says. What is corrected afterwards is told again, for as
long as the lanes remember the month.
"""

from collections.abc import Iterator
from datetime import date

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.blocks import STORES, within
from dashboards.words import yuan_of
from deploy.recall.complete import Complete, complete
from flows.fees.current import FEES
from flows.fees.model import Due
from schemas import topics
from schemas.events import MonthStored
from schemas.identity import content_id
from schemas.settings import Settings
from schemas.times import business_day, date_of
from sinks.kafka import sending

_AS_OF = "reverses = toFixedString('', 16)"
SUMS = """
SELECT toString(payer) AS customer, toStartOfMonth(business_date) AS month, min(toString(origin)) AS outlet,
       toInt64(sum(reinterpretAsInt64(amount))) AS units, countIf($as_of) = countIf(NOT $as_of) AS nothing
FROM charge WHERE $within AND fee IN {fees:Array(String)}
    AND business_date >= {since:Date} AND business_date < {until:Date}
GROUP BY customer, month ORDER BY month, customer""".replace("$as_of", _AS_OF)
TOLD = """
SELECT customer, month, argMax((toUnixTimestamp64Milli(counted_at), reinterpretAsInt64(amount), toString(outlet),
                                status = 'cancelled'), (counted_at, event_id)) AS newest
FROM stay_month WHERE due = {due:String} GROUP BY customer, month"""


def run(settings: Settings, client: Client, by: str) -> list[str]:
    """Tell the lanes what they do not know yet; lines for people."""
    records = sending(settings)
    books = complete(client, settings)
    if lacking := books.lacking(_lanes(settings), "stores"):
        return lacking
    events = list(due(settings, client, books, by))
    for event in events:
        records.produce(topics.STAYS.name, event.customer, msgspec.json.encode(event))
    records.flush()
    return [line(event) for event in events] or ["nothing is to be told"]


def _lanes(settings: Settings) -> range:
    return STORES[: settings.stay_lanes]


def due(settings: Settings, client: Client, books: Complete, by: str) -> Iterator[MonthStored]:
    """Words about months that are over and either untold or changed since."""
    reached = min(books.times[lane] for lane in _lanes(settings))
    blocks = {lane: n for lane, n in books.blocks.items() if lane in STORES}
    since = date_of(business_day(reached - settings.oldest) + 1).replace(day=1)
    until = date_of(business_day(reached)).replace(day=1)
    for one in FEES.dues:
        if one.trigger == "stay_month":
            yield from _words(client, one, blocks, (since, until), reached, by)


def _words(
    client: Client, due: Due, blocks: dict[int, int], months: tuple[date, date], reached: int, by: str
) -> Iterator[MonthStored]:
    told = {
        (customer, month): newest
        for customer, month, newest in client.query(TOLD, parameters={"due": due.name}).result_rows
    }
    fees = next(one.fees for one in FEES.dues if one.name == due.month_of)
    sums = client.query(
        SUMS.replace("$within", within(blocks)),
        parameters={"fees": list(fees), "since": months[0], "until": months[1]},
    )
    for customer, month, outlet, units, nothing in sums.result_rows:
        at, *said = told.get((customer, month), (0, 0, "", 1))
        if said[2] if nothing else said == [units, outlet, 0]:
            continue
        word = MonthStored(
            id="month",
            time=max(reached, at + 1),
            customer=customer,
            month=month,
            due=due.name,
            outlet=outlet,
            amount_e4=units,
            cancelled=bool(nothing),
            blocks={str(lane): n for lane, n in blocks.items()},
            by=by,
        )
        yield msgspec.structs.replace(word, id=content_id("month", msgspec.json.encode(word)))


def line(event: MonthStored) -> str:
    """A word for people: what the month came to; what it lacks of its least the lane says, which has the prices."""
    what = (
        "nothing was stored, no minimum is owed"
        if event.cancelled
        else f"came to {yuan_of(event.amount_e4)} yuan"
    )
    return f"{event.month:%Y-%m} {event.customer}: {what}"
