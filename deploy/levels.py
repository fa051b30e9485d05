"""`waybook service-levels`: what each outlet's month came to, by the share of its parcels in time, as claims.

An outlet's parcels are those that it signed for in the month, and those that it was finally responsible for and nobody
signed for. A month is judged once, when no scan could close a breach of it any more: the rule's hours and the lanes'
horizon after its end. Rows of `service_level` go in first, with a token that is a hash of them, then each row's claim
is sent, whose id is a hash of what it says; so a run can be killed and repeated. Claims are charged by the parcel lanes
like any other, under a number of their own, and can be withdrawn.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.blocks import within
from dashboards.library import newest_network
from dashboards.queries import rows
from deploy.insert import insert_once
from deploy.recall.complete import Complete, complete
from flows.governance.levels import Step, is_reward, reached
from flows.governance.network import Network
from schemas import topics
from schemas.events import Claim
from schemas.identity import content_id
from schemas.money import parse_yuan, yuan
from schemas.settings import Settings
from schemas.times import DAY, HOUR, business_day, date_of, day_of, next_month
from sinks.kafka import sending

LAST_LANE = 999
"""Numbers of parcel lanes go from 0 to this one."""
MONTHS = 3
"""Months that are looked at."""
BY = "service-levels"
JUDGED = """
WITH signed AS (
    SELECT waybill, argMin(toString(outlet), (event_time, event_id)) AS whose,
           toDate(min(event_time), 'Asia/Shanghai') AS day
    FROM event WHERE $within AND kind = 'scan' AND operation IN ('50', '70', '80') AND waybill IN (
        SELECT waybill FROM event WHERE $within AND kind = 'scan' AND operation = '50'
            AND toDate(event_time, 'Asia/Shanghai') >= {month:Date}
            AND toDate(event_time, 'Asia/Shanghai') < {next:Date})
    GROUP BY waybill HAVING argMin(operation, (event_time, event_id)) = '50'
),
broken AS (
    SELECT waybill, argMax(toString(outlet), (seq, line)) AS whose, argMax(toString(status), (seq, line)) AS state,
           toDate(argMax(due, (seq, line)), 'Asia/Shanghai') AS day
    FROM chain_breach WHERE $within AND rule = {rule:String} GROUP BY waybill
)
SELECT outlet, count() AS parcels, countIf(late) AS late FROM (
    SELECT signed.whose AS outlet, (waybill, outlet) IN (SELECT waybill, whose FROM broken) AS late FROM signed
    WHERE day >= {month:Date} AND day < {next:Date}
    UNION ALL
    SELECT whose, true FROM broken
    WHERE state = 'final' AND day >= {month:Date} AND day < {next:Date} AND waybill NOT IN (
        SELECT waybill FROM event WHERE $within AND kind = 'scan' AND operation = '50'
            AND waybill IN (SELECT waybill FROM broken))
) WHERE outlet != '' GROUP BY outlet ORDER BY outlet"""
DONE = "SELECT DISTINCT month, toString(level) AS level FROM service_level"
UNSENT = """
SELECT outlet, month, level, due, toString(amount) AS amount, waybill, claim, parcels, late,
       toUnixTimestamp64Milli(counted_at) AS at FROM service_level
WHERE claim != '' AND claim NOT IN (SELECT event_id FROM event WHERE kind = 'claim') ORDER BY month, level, outlet"""
THERE = "SELECT count() AS n FROM service_level WHERE month = {month:Date} AND level = {level:String}"


def run(settings: Settings, client: Client, writer: Client, by: str) -> list[str]:
    """Judge the months that are over and not judged yet, and send what was not taken; lines for people.

    `client` sees all shards, `writer` writes to its own.
    """
    records = sending(settings)
    books = complete(client, settings)
    if lacking := books.lacking(range(settings.lanes), "parcels"):
        return lacking
    network = newest_network(client)
    lines: list[str] = []
    for level, month, made in judged(settings, client, books, network, by):
        _insert(writer, level, month, made)
        lines += [
            f"{month:%Y-%m} {level} {row['outlet']}: {row['late']} of {row['parcels']} late, "
            f"{row['due'] or '-'} {row['amount']}"
            for row in made
        ]
    for claim in unsent(client):
        records.produce(topics.ORDERS.name, claim.waybill, msgspec.json.encode(claim))
    records.flush()
    idle = (
        "no month is to be judged" if network.levels else "the newest directory has no levels.csv to judge by"
    )
    return lines or [idle]


def judged(
    settings: Settings, client: Client, books: Complete, network: Network, by: str
) -> Iterator[tuple[str, date, list[dict[str, Any]]]]:
    """Levels of months that are over: the rows of their outlets."""
    blocks = {lane: n for lane, n in books.blocks.items() if lane <= LAST_LANE}
    at = min(books.times[lane] for lane in blocks)
    done = {(str(row["month"]), row["level"]) for row in rows(client, DONE)}
    hours = {rule.name: rule.hours for rule in network.chains}
    for level, rule in sorted({(step.level, step.rule) for step in network.levels}):
        for month in _months(at - settings.horizon - hours[rule] * HOUR - DAY):
            steps = [one for one in network.levels if one.level == level and one.holds(month)]
            if steps and (str(month), level) not in done:
                yield level, month, list(_rows(client, blocks, steps, month, network.version, at, by))


def unsent(client: Client) -> Iterator[Claim]:
    """Claims of rows that no lane has taken yet."""
    for row in rows(client, UNSENT):
        whose = "beneficiary" if is_reward(row["due"]) else "responsible"
        yield Claim(
            id=row["claim"],
            time=row["at"],
            waybill=row["waybill"],
            kind=row["due"],
            amount_e4=parse_yuan(row["amount"]),
            evidence=evidence(row["level"], row["month"], row["outlet"], row["parcels"], row["late"]),
            by=BY,
            **{whose: row["outlet"]},
        )


def evidence(level: str, month: date, outlet: str, parcels: int, late: int) -> str:
    """What a claim refers to: a row of `service_level`."""
    return f"level:{level} {month:%Y-%m} {outlet}: {late}/{parcels} late"


def _months(moment: int) -> Iterator[date]:
    """The newest months that are over by a moment, oldest first."""
    month = date_of(business_day(moment)).replace(day=1)
    found = []
    for _ in range(MONTHS):
        month = (month - timedelta(days=1)).replace(day=1)
        found.append(month)
    yield from reversed(found)


def _rows(
    client: Client,
    blocks: Mapping[int, int],
    steps: Sequence[Step],
    month: date,
    version: str,
    at: int,
    by: str,
) -> Iterator[dict[str, Any]]:
    asked = {"rule": steps[0].rule, "month": month, "next": next_month(month)}
    named = " ".join(f"{lane}:{n}" for lane, n in sorted(blocks.items()))
    for found in rows(client, JUDGED.replace("$within", within(blocks)), **asked):
        parcels, late = int(found["parcels"]), int(found["late"])
        step = reached(steps, parcels, late)
        units = step.units(parcels, late) if step is not None and step.due else 0
        about = (steps[0].level, str(month), found["outlet"])
        yield {
            "month": str(month),
            "level": steps[0].level,
            "rule": steps[0].rule,
            "outlet": found["outlet"],
            "parcels": parcels,
            "late": late,
            "due": step.due if units and step is not None else "",
            "amount": yuan(units),
            "waybill": _number(month, *about),
            "claim": content_id("level", *about, version) if units else "",
            "directory": version,
            "blocks": named,
            "counted_at": f"{at // 1000}.{at % 1000:03d}",
            "counted_by": by,
        }


def _number(month: date, *about: str) -> str:
    """A number for the claims of an outlet's month, in the pattern of waybills; several may share one."""
    return f"SL{month:%Y%m}{int(content_id('', *about)[-15:], 16) % 10**9:09d}"


def _insert(writer: Client, level: str, month: date, made: Sequence[Mapping[str, Any]]) -> None:
    if not made:
        return
    body = b"\n".join(map(msgspec.json.encode, made))
    token = f"service_level-{day_of(month)}-{hashlib.sha256(level.encode() + body).hexdigest()}"
    if not insert_once(writer, "service_level", body, token, THERE, month=month, level=level):
        raise RuntimeError(f"level {level} of {month:%Y-%m} cannot be inserted")
