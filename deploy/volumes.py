"""`waybook volumes`: count customers' parcels in the month through each completed business day, and publish it.

A day is complete when the newest sealed block of every lane that has events knows later ones. Each day is counted
once; parcels that come later are in the counts of later days, or in a new count of the same day when one is
asked for. The same books give the same count: its name is a hash of what it says, and lanes take a count once. What is
counted the control topic tells, and the books: a broker may have forgotten it, or a lane not heard it yet.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.blocks import sealed, within
from deploy.publish import published, send_control
from schemas.events import ControlEvent, VolumesCounted
from schemas.identity import content_id
from schemas.settings import Settings
from schemas.times import business_day, date_of

AT_ONCE = 20_000
"""Customers in one event: far below Kafka's limit for a message."""
REACHED = """
SELECT min(newest) FROM (
    SELECT max(toUnixTimestamp64Milli(event_time)) AS newest FROM event WHERE $sealed
    GROUP BY bitShiftRight(seq, 32))"""
PICKED = """
SELECT whose, day, count() AS parcels FROM (
    SELECT waybill, argMaxIf(toString(customer), (event_time, event_id), kind = 'order') AS whose,
           toDate(minIf(event_time, operation = '10'), 'Asia/Shanghai') AS day, countIf(operation = '10') AS picked
    FROM event
    WHERE $sealed AND waybill IN (
        SELECT waybill FROM event
        WHERE operation = '10' AND toDate(event_time, 'Asia/Shanghai') BETWEEN {first:Date} AND {last:Date})
    GROUP BY waybill HAVING whose != '' AND picked > 0
) WHERE day BETWEEN {first:Date} AND {last:Date} GROUP BY whose, day"""


COUNTED = """
SELECT through_day, max((toUnixTimestamp64Milli(counted_at), count_id)) AS newest
FROM volume GROUP BY through_day"""


class Count(msgspec.Struct, frozen=True):
    """A month through a day."""

    month: date
    through: date
    volumes: dict[str, int]
    """By customer, in order of their names."""


def run(settings: Settings, client: Client, by: str, *, again: bool = False) -> list[str]:
    """Publish the counts that are missing, or (`again`) that have changed; lines for people."""
    events = due(client, published(settings), by, again=again)
    send_control(settings, *events)
    told = {event.through_day: event for event in events}
    return [
        f"{event.month:%Y-%m} through {day}: {event.count} published" for day, event in sorted(told.items())
    ] or [_nothing(client)]


def _nothing(client: Client) -> str:
    """That nothing is counted, and through which day it is."""
    through = max((day for day, _ in client.query(COUNTED).result_rows), default=None)
    counted = f"it is counted through {through}" if through else "no day with a parcel is over"
    return f"nothing is to be counted: {counted}"


def due(
    client: Client, known: Sequence[ControlEvent], by: str, *, again: bool = False
) -> list[VolumesCounted]:
    """Counts of the completed days of the running month and the last one that nobody has published."""
    blocks = sealed(client)
    rows = within(blocks)
    reached = int(client.query(REACHED.replace("$sealed", rows)).result_rows[0][0] or 0)
    if not reached:
        return []
    told = [(one.through_day, (one.time, one.count)) for one in known if isinstance(one, VolumesCounted)]
    there: dict[date, tuple[int, str]] = {}
    for day, counted in (*client.query(COUNTED).result_rows, *told):
        there[day] = max(there.get(day, (0, "")), counted)
    events: list[VolumesCounted] = []
    for count in counts(client, rows, date_of(business_day(reached))):
        said = [f"{customer}={parcels}" for customer, parcels in count.volumes.items()]
        name = content_id("volumes", str(count.through), *said)
        newest = there.get(count.through)
        if newest is None or (again and newest[1] != name):
            events += _events(count, name, max(reached, newest[0] + 1 if newest else 0), blocks, by)
    return events


def counts(client: Client, rows: str, today: date) -> Iterator[Count]:
    """Of the last month and the running one, through each completed day from the first parcel's on.

    `rows`: the condition that a row counts.
    """
    this = today.replace(day=1)
    for month in ((this - timedelta(days=1)).replace(day=1), this):
        days = [day for day in _days(month) if day < today]
        if not days:
            continue
        of_day: dict[date, list[tuple[str, int]]] = defaultdict(list)
        between = {"first": days[0], "last": days[-1]}
        picked = client.query(PICKED.replace("$sealed", rows), parameters=between)
        for customer, day, parcels in picked.result_rows:
            of_day[day].append((customer, int(parcels)))
        sums: dict[str, int] = defaultdict(int)
        for day in days:
            for customer, parcels in of_day[day]:
                sums[customer] += parcels
            if sums:
                yield Count(month, day, dict(sorted(sums.items())))


def _days(month: date) -> Iterator[date]:
    day = month
    while day.month == month.month:
        yield day
        day += timedelta(days=1)


def _events(count: Count, name: str, at: int, blocks: dict[int, int], by: str) -> Iterator[VolumesCounted]:
    """The events of a count."""
    customers = list(count.volumes.items())
    pieces = [dict(customers[n : n + AT_ONCE]) for n in range(0, max(len(customers), 1), AT_ONCE)]
    for part, volumes in enumerate(pieces, 1):
        yield VolumesCounted(
            id=f"{name}-{part}",
            time=at,
            count=name,
            month=count.month,
            through_day=count.through,
            part=part,
            parts=len(pieces),
            volumes=volumes,
            blocks={str(lane): n for lane, n in blocks.items()},
            by=by,
        )
