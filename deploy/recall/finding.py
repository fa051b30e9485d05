"""Which parcels have to come back from the books, and why: found by questions to ClickHouse, a page at a time."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.blocks import BLOCK, LANE, within
from dashboards.library import WITHDRAWN, files_of_version
from deploy.recall.complete import Complete
from deploy.rerating.read import Days
from deploy.rerating.work import newly_priced, of_touched
from flows.fees.current import FEES
from flows.fees.model import OF_STORES
from flows.governance.network import Network
from flows.rating.book import read_book
from flows.rating.model import Book
from flows.rating.touched import Spans, touched
from schemas.topics import CONTROL

PAGE = 2_000
"""Parcels that are brought back at once."""

_SIGNED = [fee for due in FEES.dues if due.trigger == "signed" and due.required for fee in due.fees]
_PRICES = {due.price for due in FEES.dues if due.trigger not in OF_STORES}
"""Of what parcels owe."""
_COUNTING = "('10', '50', '60', '70', '80')"
"""Operations by which something falls due, or does not any more."""
LATE = """
WITH finished AS (
    SELECT waybill, min(seq) AS ended FROM (
        SELECT waybill, seq FROM charge WHERE fee IN {signed:Array(String)} AND $complete
        UNION ALL SELECT waybill, seq FROM event WHERE operation IN ('70', '80') AND $complete
        UNION ALL SELECT waybill, seq FROM waiting WHERE reason = 'abandoned' AND $complete
    ) GROUP BY waybill
),
later AS (
    SELECT DISTINCT waybill FROM (
        SELECT waybill, seq FROM event WHERE $fresh AND (kind != 'scan' OR operation IN $counting)
        UNION ALL SELECT waybill, seq FROM weight_decision WHERE $fresh
    ) AS fact INNER JOIN finished USING (waybill) WHERE fact.seq > finished.ended
),
life AS (
    SELECT waybill, arraySort(groupArray((seq, toUnixTimestamp64Milli(event_time), event_id, counts))) AS facts FROM (
        SELECT waybill, seq, event_time, event_id, kind != 'scan' OR operation IN $counting AS counts FROM event
        WHERE waybill IN (SELECT waybill FROM later) AND $complete
        UNION ALL
        SELECT waybill, seq, event_time, event_id, 1 FROM weight_decision
        WHERE waybill IN (SELECT waybill FROM later) AND $complete
    ) GROUP BY waybill
),
again AS (
    SELECT waybill, max(seq) AS recalled FROM recall WHERE waybill IN (SELECT waybill FROM later) GROUP BY waybill
)
SELECT waybill, first.3 AS fact FROM (
    SELECT life.waybill AS waybill, facts[1].1 AS any_seq, ended, recalled,
           transform(bitShiftRight(any_seq, 32), {lanes:Array(UInt64)}, {limits:Array(UInt64)}, toUInt64(0)) AS until,
           transform(bitShiftRight(any_seq, 32), {lanes:Array(UInt64)}, {blocks:Array(UInt64)}, toUInt64(0)) AS settled,
           arrayMap(fact -> arrayMax(arrayMap(one -> if(one.1 < fact.1, one.2, 0), facts)), facts) AS before,
           arrayFirst((fact, newest) -> fact.4 = 1 AND fact.1 > greatest(ended, recalled) AND fact.1 <= settled
               AND newest > 0 AND newest < until AND fact.2 > newest, facts, before) AS first
    FROM life INNER JOIN finished USING (waybill) LEFT JOIN again USING (waybill)
) WHERE fact != '' AND waybill > {after:String} ORDER BY waybill LIMIT {page:UInt32}"""
"""Facts that came when the parcel was finished, so long after the one before that the lane may have forgotten it.

What begins a record is younger than all that was known of its former life, and all of that is older than the horizon.
A parcel that the lane still has is only assessed again, so this may find too many.
"""

PUBLICATIONS = """
SELECT seq, event_id, version, status FROM tariff_book
GROUP BY seq, event_id, version, status ORDER BY seq, min(line)"""
READ = """
SELECT lane, min(n) AS n FROM block
WHERE upto[indexOf(inputs, {control:String})] >= (
    SELECT upto[indexOf(inputs, {control:String})] FROM block WHERE lane = {of:UInt16} AND n = {block:UInt32})
GROUP BY lane"""
CHARGED = """
SELECT DISTINCT waybill FROM ($charged)
WHERE waybill > {after:String} AND waybill NOT IN (SELECT waybill FROM recall WHERE cause = {cause:String})
ORDER BY waybill LIMIT {page:UInt32}"""
TOO_OLD = """
SELECT waybill, min(dead_letter_id) AS letter FROM open_dead_letter
WHERE reason = 'time_too_old' AND waybill > {after:String} AND waybill IN (SELECT waybill FROM event WHERE $complete)
    AND (waybill, dead_letter_id) NOT IN (SELECT waybill, cause FROM recall)
GROUP BY waybill ORDER BY waybill LIMIT {page:UInt32}"""


class Publication(msgspec.Struct, frozen=True):
    """A publication or withdrawal, and the days whose prices it touched. `seq`: its block."""

    event_id: str
    seq: int
    versions: tuple[str, ...]
    prices: dict[str, Spans]
    new: tuple[str, ...]
    """Fees that nothing was charged for before."""


def publications(client: Client, network: Network) -> Iterator[Publication]:
    """All of them, in order, as far as they touched anything."""
    books: dict[str, Book] = {}
    standing: list[str] = []

    def read(versions: Sequence[str]) -> list[Book]:
        for version in versions:
            if version not in books:
                books[version] = read_book(files_of_version(client, version), network)
        return [books[version] for version in versions]

    events: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for seq, event_id, version, status in client.query(PUBLICATIONS).result_rows:
        events.setdefault((seq, event_id), []).append((version, status))
    for (seq, event_id), changes in events.items():
        before = list(standing)
        for version, status in changes:
            if status == WITHDRAWN:
                standing = [one for one in standing if one != version]
            else:
                standing.append(version)
        one, other = read(before), read(standing)
        prices = touched(one, other)
        if prices and before:
            yield Publication(
                event_id,
                seq,
                tuple(version for version, _ in changes),
                prices,
                tuple(fee for fee in newly_priced(one, other) if fee in prices),
            )


def late_facts(
    client: Client, complete: Complete, horizon: int, since: Mapping[int, int]
) -> Iterator[dict[str, str]]:
    """Pages of waybills with the late facts that they have to come back for.

    `since`: by lane, the last block that was looked at.
    """
    fresh = within(complete.before, since)
    sql = LATE.replace("$counting", _COUNTING).replace("$fresh", fresh).replace("$complete", complete.sql)
    yield from pages(client, sql, {"signed": _SIGNED, **limits_of(complete, horizon)})


def limits_of(complete: Complete, horizon: int) -> dict[str, Any]:
    """By lane: what is older may be forgotten, and the last block that is looked at; as parameters of a question."""
    lanes = sorted(complete.blocks)
    return {
        "lanes": lanes,
        "limits": [max(0, complete.times[lane] - horizon) for lane in lanes],
        "blocks": [lane << LANE | complete.before[lane] for lane in lanes],
    }


def charged_by(client: Client, complete: Complete, publication: Publication) -> Iterator[dict[str, str]]:
    """Pages of waybills that were charged by prices that a publication touched, before their lanes had read it."""
    charged = touched_by(client, complete, publication, _PRICES)
    yield from (
        dict.fromkeys(page, publication.event_id)
        for page in pages(client, CHARGED.replace("$charged", charged), {"cause": publication.event_id})
    )


def touched_by(
    client: Client,
    complete: Complete,
    publication: Publication,
    prices: Container[str],
    *,
    parcels: bool = True,
) -> str:
    """The question for parcels (or stays) that a publication touched before their lanes had read it: charged by its
    prices, or there on days for which it is the first to have a price, if it is one of `prices`."""
    table, name = ("event", "waybill") if parcels else ("stay_event", "stay")
    starts = _starts(client, publication.seq, complete)
    known = within({lane: min(n - 1, complete.before[lane]) for lane, n in starts.items()})
    by_price = of_touched(publication.prices, FEES, stores=not parcels, begun=True).sql
    charged = f"SELECT waybill FROM charge WHERE {by_price} AND {known}"
    for fee in publication.new:
        for first, last in publication.prices[fee] if fee in prices else ():
            days = Days(first, last).sql.replace("business_date", "toDate(event_time, 'Asia/Shanghai')")
            charged += f" UNION ALL SELECT {name} FROM {table} WHERE {days} AND {known}"
    return charged


def has_read(client: Client, event_id: str, complete: Complete) -> bool:
    """Whether every lane has read a publication, in a complete block."""
    sql = "SELECT min(seq) FROM tariff_book WHERE event_id = {event:String}"
    ((seq,),) = client.query(sql, parameters={"event": event_id}).result_rows
    starts = _starts(client, seq, complete) if seq else {}
    return bool(starts) and all(starts.get(lane, n + 1) <= n for lane, n in complete.before.items())


def _starts(client: Client, seq: int, complete: Complete) -> dict[int, int]:
    """By lane, the block by which it had read what is in this block of lane 0's."""
    asked = {"control": f"{CONTROL.name}:0", "of": seq >> LANE, "block": seq & BLOCK}
    rows = client.query(READ, parameters=asked).result_rows
    return {lane: n for lane, n in rows if lane in complete.blocks}


def too_old(client: Client, complete: Complete) -> Iterator[dict[str, str]]:
    """Pages of waybills with the open dead letters whose facts were too old for lanes that had forgotten the parcel."""
    yield from pages(client, TOO_OLD.replace("$complete", complete.sql), {})


def pages(client: Client, sql: str, parameters: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """A question's rows, a page at a time: the first column by the last one."""
    after = ""
    while True:
        rows = client.query(sql, parameters={**parameters, "after": after, "page": PAGE}).result_rows
        if not rows:
            return
        after = rows[-1][0]
        yield {row[0]: row[-1] for row in rows}
