"""What stays, hauls and months in stores come to by other books: asked of the lane's own `Assessor`, as it was told.

Only rows of sealed blocks are read: so what was said and what was charged belong together, and days that have passed
for the lane are those that it charged.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from deploy.blocks import LANE, sealed, within
from deploy.rerating.compare import Rated
from deploy.rerating.read import LAST, NO_CHARGE, Days, Sample, Where
from deploy.rerating.words import HAULS, MONTHS, STAY_EVENTS, Row, haul, month, stay_event
from flows.fees.model import OF_STAYS, OF_STORES, Due, Fees
from flows.lifecycle.output import Output
from flows.rating.rerate import Charges, Coded, Ints
from flows.storage.assess import Assessor
from flows.storage.record import Booked, Stay, last_day, place_of, said
from schemas.events import StoreEvent
from schemas.limits import AHEAD
from schemas.times import DAY, SHANGHAI_OFFSET, business_day, date_of, day_of

FIRST, LAST_LANE = 2000, 2999
"""Numbers of storage lanes."""
PAGE = 2_000
"""Stays that are in memory at once."""
CHARGED = f"""
SELECT waybill AS name, toString(fee) AS fee, part, toString(payer) AS payer, toString(origin) AS origin,
       toString(destination) AS destination, toInt32(business_date) AS day, reinterpretAsInt64(amount) AS amount
FROM charge WHERE $where AND reverses = {NO_CHARGE}
  AND charge_id NOT IN (SELECT reverses FROM charge WHERE $where AND reverses != {NO_CHARGE})"""
PASSED = f"""
SELECT lane, max(day) AS day FROM (
    SELECT bitShiftRight(seq, {LANE}) AS lane, toInt32(max(business_date)) AS day FROM charge
    WHERE $sealed AND fee IN {{fees:Array(String)}}
      AND (toUnixTimestamp64Milli(event_time) + 1 + {SHANGHAI_OFFSET}) % {DAY} = 0 GROUP BY lane
    UNION ALL
    SELECT bitShiftRight(seq, {LANE}) AS lane,
           toInt32(intDiv(toUnixTimestamp64Milli(max(event_time)) + {SHANGHAI_OFFSET - AHEAD}, {DAY}) - 1) AS day
    FROM stay_event WHERE $sealed GROUP BY lane
) GROUP BY lane"""
"""By lane, the last business day known to have passed: one was charged as a whole, or something was heard after it."""
STAYED = """
SELECT stay AS name FROM stay_event WHERE $sealed GROUP BY stay
HAVING countIf(kind = 'opened') > 0 AND toUnixTimestamp64Milli(min(event_time)) < {until:Int64} AND (
    toUnixTimestamp64Milli(max(event_time)) >= {since:Int64}
    OR maxIf(event_time, kind = 'closed') < minIf(event_time, kind = 'opened'))
  AND cityHash64(argMaxIf(customer, (event_time, event_id), kind = 'opened')) % {parts:UInt32} = {part:UInt32}
ORDER BY name"""
HAULED = """
SELECT DISTINCT haul AS name FROM haul WHERE $sealed AND $days AND cityHash64(haul) % {parts:UInt32} = {part:UInt32}
ORDER BY name"""
COUNTED = """
SELECT DISTINCT name FROM (SELECT seq, name, customer, month AS business_date FROM stay_month)
WHERE $sealed AND $days AND cityHash64(customer) % {parts:UInt32} = {part:UInt32} ORDER BY name"""


class _Kind(NamedTuple):
    """Something that stores charge for, and where the books have it."""

    triggers: tuple[str, ...]
    names: str
    """The question for those of a part that may be charged on some days."""
    name: str
    """The column of their names."""
    words: str
    """The question for what was said of them."""
    event: Callable[[Row], StoreEvent]


KINDS = (
    _Kind(OF_STAYS, STAYED, "stay", STAY_EVENTS, stay_event),
    _Kind(("hauled",), HAULED, "haul", HAULS, haul),
    _Kind(("stay_month",), COUNTED, "name", MONTHS, month),
)
"""Months last: they look at what the stays of the same customers come to."""


class Amounts(msgspec.Struct):
    """What was charged and what would be, money units; None: nothing."""

    before: int | None = None
    after: int | None = None


class What(NamedTuple):
    """What a charge is for, and whom it concerns."""

    name: str
    fee: str
    part: str
    day: int
    payer: str
    origin: str
    destination: str


class Month(msgspec.Struct):
    """What a due of a customer's stays comes to in a month otherwise."""

    difference: int = 0
    """Money units."""
    charged: bool = False
    """Whether anything would be charged."""


def in_months(days: Days) -> Days:
    """From the month of the first to the end of the month of the last."""
    first, last = days.first, days.last
    if first is not None:
        first = day_of(date_of(min(max(first, 0), LAST)).replace(day=1))
    return Days(first, None if last is None else min(LAST, last_day(date_of(min(max(last, 0), LAST)))))


class Stores:
    """Rates what stores charged, part by part. `where`: which charges are asked for."""

    def __init__(self, client: Client, where: Where, assessor: Assessor) -> None:
        self._client, self._where, self._assessor = client, where, assessor
        fees = assessor.fees
        span = where.span({fee for due in fees.dues if due.trigger in OF_STORES for fee in due.fees})
        lanes = {lane: n for lane, n in sealed(client).items() if FIRST <= lane <= LAST_LANE} if span else {}
        self._any, self._sealed = bool(lanes), within(lanes)
        self._days = in_months(span or Days())
        self._passed = self._days_passed() if lanes else {}

    def part(self, part: int, parts: int) -> Iterator[Rated]:
        """One of `parts` of what was charged and of what would be, by customer: a page at a time."""
        if not self._any:
            return
        months: dict[tuple[str, str, int], Month] = {}
        for kind in KINDS:
            names = self._names(kind, part, parts)
            for start in range(0, len(names), PAGE):
                found = self._compared(kind, names[start : start + PAGE], months)
                _add(months, found, self._assessor.fees)
                yield _rated(
                    {what: one for what, one in found.items() if self._where.holds(what.fee, what.day)}
                )

    def _days_passed(self) -> dict[int, int]:
        fees = [fee for due in self._assessor.fees.dues if due.trigger == "stay_day" for fee in due.fees]
        return {int(row["lane"]): int(row["day"]) for row in self._ask(PASSED, fees=fees)}

    def _names(self, kind: _Kind, part: int, parts: int) -> list[str]:
        first, last = self._days.first or 0, LAST if self._days.last is None else self._days.last
        found = self._ask(
            kind.names.replace("$days", self._days.sql),
            part=part,
            parts=parts,
            since=first * DAY - SHANGHAI_OFFSET,
            until=(last + 1) * DAY - SHANGHAI_OFFSET,
        )
        return [row["name"] for row in found]

    def _ask(self, sql: str, **parameters: object) -> list[dict[str, Any]]:
        return rows(self._client, sql.replace("$sealed", self._sealed), **parameters)

    def _compared(
        self, kind: _Kind, names: Sequence[str], months: Mapping[tuple[str, str, int], Month]
    ) -> dict[What, Amounts]:
        """What these were charged in all these months, and what they would be."""
        dues = [due for due in self._assessor.fees.dues if due.trigger in kind.triggers]
        found: dict[What, Amounts] = {}
        for row in self._charges(dues, names):
            what = What(**{name: row[name] for name in What._fields})
            amounts = found.setdefault(what, Amounts())
            amounts.before = (amounts.before or 0) + row["amount"]
        by_name = {due.name: due for due in dues}
        for stay, lane in self._said(kind, names, months):
            self._assessor.today = self._passed.get(lane, 0) + 1
            self._assessor.assess(stay)
            self._assessor.output = Output()  # what it would write is read from the record
            for key, booked in stay.booked.items():
                due, _, part = key.partition("/")
                if self._days.holds(day := business_day(booked.time)):
                    for fee in by_name[due].fees:
                        what = _what(stay.name, fee, part, day, booked)
                        found.setdefault(what, Amounts()).after = booked.amount
        return found

    def _charges(self, dues: Iterable[Due], names: Sequence[str]) -> list[dict[str, Any]]:
        where = f"$sealed AND {self._days.sql} AND fee IN {{fees:Array(String)}} AND waybill IN {{names:Array(String)}}"
        fees = [fee for due in dues for fee in due.fees]
        return self._ask(CHARGED.replace("$where", where), fees=fees, names=list(names))

    def _said(
        self, kind: _Kind, names: Sequence[str], months: Mapping[tuple[str, str, int], Month]
    ) -> Iterator[tuple[Stay, int]]:
        """Records with all that was said, and nothing booked; and the lane of each."""
        records: dict[str, tuple[Stay, int]] = {}
        where = f"{kind.name} IN {{names:Array(String)}} AND $sealed"
        for row in self._ask(kind.words.replace("$where", where), names=list(names)):
            event = kind.event(row)
            key, name = place_of(event)
            stay, _ = records.setdefault(
                key, (Stay(key, 0, 0, name=name, said={}, booked={}), row["seq"] >> LANE)
            )
            one = said(event, row["outlet"], b"")
            other = months.get((one.customer, one.due, one.day))
            if other is not None:
                one = msgspec.structs.replace(
                    one,
                    amount=one.amount + other.difference,
                    cancelled=one.cancelled or not other.charged,
                )
            stay.said[event.id] = one
        yield from records.values()


def _what(name: str, fee: str, part: str, day: int, booked: Booked) -> What:
    return What(name, fee, part, day, booked.payer, booked.outlet, booked.destination or booked.outlet)


def _add(months: dict[tuple[str, str, int], Month], found: Mapping[What, Amounts], fees: Fees) -> None:
    """Count what a month's due looks at: by customer, by that due's name and the month's last day."""
    looking = {
        fee: due.name
        for due in fees.dues
        if due.month_of
        for fee in next(one.fees for one in fees.dues if one.name == due.month_of)
    }
    for what, one in found.items():
        if what.fee in looking:
            month = months.setdefault((what.payer, looking[what.fee], last_day(date_of(what.day))), Month())
            month.difference += (one.after or 0) - (one.before or 0)
            month.charged |= one.after is not None


def _rated(found: Mapping[What, Amounts]) -> Rated:
    """The same in columns. What would have no price any more counts as such; what is new was nothing before."""
    whats, amounts = list(found), list(found.values())
    before, after = (_ints(one.before or 0 for one in amounts), _ints(one.after or 0 for one in amounts))
    nothing = np.zeros(len(whats), np.int64)
    payers = _coded(what.payer for what in whats)
    charges = Charges(
        _coded(what.fee for what in whats),
        nothing + 1,
        before,
        _ints(what.day for what in whats),
        _coded(what.origin for what in whats),
        _coded(what.destination for what in whats),
        Coded(nothing, [""]),
        {},
    )
    every = np.arange(len(whats))
    sample = Sample(charges, nothing + 1, payers, payers, nothing, nothing, every)
    unpriced = _ints(one.after is None for one in amounts)
    return Rated(sample, before, after, unpriced, after - before, every, every)


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, np.int64)


def _coded(values: Iterable[str]) -> Coded:
    codes: dict[str, int] = {}
    column = _ints(codes.setdefault(value, len(codes)) for value in values)
    return Coded(column, list(codes))
