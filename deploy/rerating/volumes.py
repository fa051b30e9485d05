"""Customers' parcels in the month so far, as they were counted and published: for prices that depend on them."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from flows.rating.rerate import Coded, Ints, distinct
from schemas.times import date_of

COUNTS = """
SELECT toInt32(through_day) AS day, count_id, counted_at, groupArrayIf((customer, parcels), customer != '') AS volumes
FROM volume GROUP BY through_day, count_id, counted_at HAVING uniqExact(part) = any(parts)
ORDER BY through_day, counted_at, count_id"""


class Count(msgspec.Struct, frozen=True):
    """A complete count: through which business day, and parcels by customer."""

    day: int
    volumes: Mapping[str, int]


class Counts:
    """All counts that are complete."""

    def __init__(self, counts: Sequence[tuple[str, Count]]) -> None:
        self._named = {(name, count.day): count for name, count in counts}
        self._newest = {count.day: count for _, count in counts}
        """By day the one that was counted last."""

    def of(self, days: Ints, customers: Coded, named: Coded | None = None) -> Coded:
        """Each row's parcels in the month so far; `named`: the counts that charges name, "" for the newest."""
        names = named or Coded(np.zeros(len(days), np.int64), [""])
        first, of = distinct([days, customers.codes, names.codes])
        told = zip(
            days[first].tolist(), customers.codes[first].tolist(), names.codes[first].tolist(), strict=True
        )
        return Coded(
            of, [self._of(day, customers.values[who], names.values[name]) for day, who, name in told]
        )

    def _of(self, day: int, customer: str, name: str) -> int:
        month = day - date_of(day).day + 1
        for through in range(day - 1, month - 1, -1):
            found = self._named.get((name, through)) if name else self._newest.get(through)
            if found is not None:
                return found.volumes.get(customer, 0)
        return 0


def counts_of(client: Client) -> Counts:
    """What the store has."""
    return Counts(
        [(row["count_id"], Count(row["day"], dict(row["volumes"]))) for row in rows(client, COUNTS)]
    )
