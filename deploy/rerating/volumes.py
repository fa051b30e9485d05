"""Customers' parcels in the month so far, as a lane had them when it rated a charge: for prices that depend on them.

A later count changes no charge by itself (`flows.lifecycle.volumes`), so the newest one is not asked, but the one that
held in the block in which the lane looked at the charge last. The plan log says which counts it had read by then. A
publication has lanes look again: what that changes is told by the newest.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import numpy as np
from clickhouse_connect.driver.client import Client

from dashboards.blocks import BLOCK, LANE
from dashboards.queries import rows
from flows.lifecycle.volumes import Volumes
from flows.rating.rerate import Coded, Ints, distinct
from schemas.events import VolumesCounted
from schemas.times import date_of
from schemas.topics import CONTROL

COUNTS = """
SELECT offset, event_id AS id, toUnixTimestamp64Milli(counted_at) AS time, count_id AS count, month, through_day, part,
       parts, groupArrayIf((customer, parcels), customer != '') AS volumes
FROM volume GROUP BY offset, id, time, count, month, through_day, part, parts ORDER BY offset"""
READ = f"""
SELECT lane, upto[indexOf(inputs, '{CONTROL.name}:0')] AS beyond, min(n) AS first
FROM block GROUP BY lane, beyond ORDER BY lane, first"""


class Read(msgspec.Struct, frozen=True):
    """How far a lane had read what is published: from which block on before which offset."""

    firsts: Ints
    beyond: Ints


class Counts:
    """The counts that held in each block of each lane."""

    def __init__(self, counts: Iterable[tuple[int, VolumesCounted]], read: Mapping[int, Read]) -> None:
        """`counts`: with the offsets of their records, in order; `read`: by lane."""
        self._read = read
        taken, offsets = Volumes(), list[int]()
        self._held = [Volumes()]
        """What held before the first count, and after each."""
        for offset, count in counts:
            taken.take(count)
            offsets.append(offset)
            self._held.append(Volumes(dict(taken.days)))
        self._offsets = np.array(offsets, np.int64)

    def of(self, days: Ints, customers: Coded, looked: Ints) -> tuple[Coded, Ints]:
        """Each row's parcels in the month so far, and 1 where a customer has days before in it and no count says so.

        `looked`: the block (`seq`) in which a row was rated last.
        """
        held = self._held_in(looked)
        first, of = distinct([days, customers.codes, held])
        told = zip(days[first].tolist(), customers.codes[first].tolist(), held[first].tolist(), strict=True)
        parcels, lacking = [], []
        for day, who, n in told:
            customer = customers.values[who]
            so_many, count = self._held[n].of(customer, day)
            parcels.append(so_many)
            lacking.append(customer != "" and count == "" and date_of(day).day > 1)
        return Coded(of, parcels), np.array(lacking, np.int64)[of]

    def _held_in(self, looked: Ints) -> Ints:
        """How many records of counts the lanes had read with these blocks."""
        lanes, blocks = looked >> LANE, looked & BLOCK
        beyond = np.zeros(len(looked), np.int64)
        for lane in np.unique(lanes).tolist():
            mine, read = lanes == lane, self._read[lane]
            beyond[mine] = read.beyond[np.searchsorted(read.firsts, blocks[mine], "right") - 1]
        return np.searchsorted(self._offsets, beyond).astype(np.int64)


def counts_of(client: Client) -> Counts:
    """What the store has."""
    read: dict[int, list[tuple[int, int]]] = {}
    for row in rows(client, READ):
        read.setdefault(row["lane"], []).append((row["first"], row["beyond"]))
    return Counts(
        ((row["offset"], _count(row)) for row in rows(client, COUNTS)),
        {lane: Read(*np.array(of, np.int64).T) for lane, of in read.items()},
    )


def _count(row: Mapping[str, Any]) -> VolumesCounted:
    told = {name: row[name] for name in ("id", "time", "count", "month", "through_day", "part", "parts")}
    return VolumesCounted(**told, volumes=dict(row["volumes"]))
