"""`waybook store-months`: what customers' stays came to in months that are over, told to the lanes for minimums."""

from collections.abc import Iterator
from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards.blocks import STORES, within
from dashboards.queries import rows
from dashboards.words import yuan_of
from deploy import months
from deploy.months import Came, Month, Span, spelled
from deploy.recall.complete import Complete
from flows.fees.current import FEES
from flows.fees.model import Due
from schemas.events import MonthStored
from schemas.settings import Settings

_AS_OF = "reverses = toFixedString('', 16)"
SUMS = """
SELECT toString(payer) AS customer, toStartOfMonth(business_date) AS month, min(toString(origin)) AS outlet,
       toInt64(sum(reinterpretAsInt64(amount))) AS units, countIf($as_of) = countIf(NOT $as_of) AS nothing
FROM charge WHERE $within AND fee IN {fees:Array(String)}
    AND business_date >= {since:Date} AND business_date < {until:Date}
GROUP BY customer, month""".replace("$as_of", _AS_OF)


def run(settings: Settings, client: Client, by: str) -> list[str]:
    """Tell the lanes what they do not know yet; lines for people."""
    lanes = {"stores": _lanes(settings)}
    return months.run(settings, client, lanes, lambda books: due(settings, client, books, by), line)


def _lanes(settings: Settings) -> range:
    return STORES[: settings.stay_lanes]


def due(settings: Settings, client: Client, books: Complete, by: str) -> Iterator[MonthStored]:
    """Words about months that are over and either untold or changed since."""
    over = months.span(settings, min(books.times[lane] for lane in _lanes(settings)))
    blocks = {lane: n for lane, n in books.blocks.items() if lane in STORES}
    for one in FEES.dues:
        if one.trigger == "stay_month":
            yield from _words(client, one, blocks, over, by)


def _words(client: Client, due: Due, blocks: dict[int, int], over: Span, by: str) -> Iterator[MonthStored]:
    def word(units: int, **of: Any) -> MonthStored:
        return MonthStored(amount_e4=units, due=due.name, blocks=spelled(blocks), by=by, **of)

    before = months.told(client, due.name, "reinterpretAsInt64(amount)")
    return months.words(_sums(client, due, blocks, over), before, over.reached, word)


def _sums(client: Client, due: Due, blocks: dict[int, int], over: Span) -> dict[Month, Came]:
    fees = next(one.fees for one in FEES.dues if one.name == due.month_of)
    found = rows(
        client, SUMS.replace("$within", within(blocks)), fees=list(fees), since=over.since, until=over.until
    )
    return {
        (row["customer"], row["month"]): Came(row["units"], row["outlet"], bool(row["nothing"]))
        for row in found
    }


def line(event: MonthStored) -> str:
    """A word for people: what the month came to; what it lacks of its least the lane says, which has the prices."""
    what = (
        "nothing was stored, no minimum is owed"
        if event.cancelled
        else f"came to {yuan_of(event.amount_e4)} yuan"
    )
    return f"{event.month:%Y-%m} {event.customer}: {what}"
