"""What stays, hauls and months in stores come to by other books: asked of the lane's own `Assessor`, as it was told.

Only rows of sealed blocks are read: so what was said and what was charged belong together, and days that have passed
for the lane are those that it charged.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from clickhouse_connect.driver.client import Client

from dashboards.blocks import LANE, STORES, sealed, within
from dashboards.queries import rows
from deploy.rerating.compare import Rated, beside
from deploy.rerating.read import LAST, NO_CHARGE, Days, Sample, Where
from deploy.rerating.words import COUNTED, KINDS, PAGE, STAYS, Kind, record, told
from flows.fees.model import OF_STORES, Fees
from flows.lifecycle.output import Output
from flows.rating.rerate import Charges, Coded, Ints
from flows.storage.assess import Assessor
from flows.storage.record import Booked, Said, Stay, last_day
from schemas.limits import AHEAD
from schemas.times import DAY, SHANGHAI_OFFSET, business_day, date_of, day_of

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
_STAYED = """
SELECT stay AS name, argMaxIf(customer, (event_time, event_id), kind = 'opened') AS of_whom
FROM stay_event WHERE $sealed GROUP BY stay
HAVING countIf(kind = 'opened') > 0 AND toUnixTimestamp64Milli(min(event_time)) < {until:Int64} AND (
    toUnixTimestamp64Milli(max(event_time)) >= {since:Int64}
    OR maxIf(event_time, kind = 'closed') < minIf(event_time, kind = 'opened'))"""
_HAULED = "SELECT DISTINCT haul AS name, haul AS of_whom FROM haul WHERE $sealed AND $days"
_COUNTED = """
SELECT DISTINCT name, of_whom FROM (SELECT seq, name, customer AS of_whom, month AS business_date FROM stay_month)
WHERE $sealed AND $days"""
NAMES = dict(zip(KINDS, (_STAYED, _HAULED, _COUNTED), strict=True))
"""Those that may be charged on some days, and by what they are parted: a customer's stays and months are together."""
A_PART = "cityHash64(of_whom) % {parts:UInt32} = {part:UInt32}"


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


Months = dict[tuple[str, str, int], Month]
"""By customer, the due that is charged for the month, and its last day."""


def otherwise(months: Months) -> Callable[[Said], Said]:
    """What would have been said of these months."""

    def instead(one: Said) -> Said:
        month = months.get((one.customer, one.due, one.day))
        if month is None:
            return one
        cancelled = one.cancelled or not month.charged
        return msgspec.structs.replace(one, amount=one.amount + month.difference, cancelled=cancelled)

    return instead


def assessed(assessor: Assessor, stay: Stay, passed: int) -> dict[tuple[str, str], Booked]:
    """What a record comes to when this business day has passed, by due and part; only of days after `stay.until`."""
    assessor.today = passed + 1
    assessor.go_on(stay)
    assessor.output = Output()  # what it would write is in the record
    found = {}
    for key, booked in stay.booked.items():
        due, _, part = key.partition("/")
        found[due, part] = booked
    return found


def in_months(days: Days) -> Days:
    """From the month of the first to the end of the month of the last."""
    first, last = days.first, days.last
    if first is not None:
        first = day_of(date_of(min(max(first, 0), LAST)).replace(day=1))
    return Days(first, None if last is None else min(LAST, last_day(date_of(min(max(last, 0), LAST)))))


def of_stores(client: Client) -> dict[int, int]:
    """By storage lane, its newest sealed block."""
    return {lane: n for lane, n in sealed(client).items() if lane in STORES}


class Stores:
    """Rates what stores charged up to some blocks. `where`: which charges are asked for; `lanes`: by storage lane the
    last block that is looked at."""

    def __init__(self, client: Client, where: Where, assessor: Assessor, lanes: Mapping[int, int]) -> None:
        self._client, self._where, self._assessor = client, where, assessor
        self._sealed = within(lanes)
        spans = {kind: where.span(self._fees(*kind.triggers)) for kind in KINDS}
        self._kinds = (
            [kind for kind in KINDS if spans[kind] or (kind is STAYS and spans[COUNTED])] if lanes else []
        )
        self._days = in_months(where.span(self._fees(*OF_STORES)) or Days())
        self._passed = self._days_passed() if self._kinds else {}

    def part(self, part: int, parts: int) -> Iterator[Rated]:
        """One of `parts` of what was charged and of what would be, by customer: a page at a time."""
        months: Months = {}
        for kind in self._kinds:
            for found in self._pages(kind, months, A_PART, part=part, parts=parts):
                _add(months, found, self._assessor.fees)
                yield _rated(
                    {what: one for what, one in found.items() if self._where.holds(what.fee, what.day)}
                )

    def months_of(self, customer: str) -> Months:
        """What a customer's months come to otherwise."""
        months: Months = {}
        for found in self._pages(STAYS, months, "of_whom = {customer:String}", customer=customer):
            _add(months, found, self._assessor.fees)
        return months

    def _days_passed(self) -> dict[int, int]:
        asked = self._ask(PASSED, fees=self._fees("stay_day"))
        return {int(row["lane"]): int(row["day"]) for row in asked}

    def _fees(self, *triggers: str) -> list[str]:
        return [fee for due in self._assessor.fees.dues if due.trigger in triggers for fee in due.fees]

    def _pages(
        self, kind: Kind, months: Months, mine: str, **parameters: object
    ) -> Iterator[dict[What, Amounts]]:
        first, last = self._days.first or 0, LAST if self._days.last is None else self._days.last
        names = self._ask(
            f"SELECT name FROM ({NAMES[kind].replace('$days', self._days.sql)}) WHERE {mine} ORDER BY name",
            since=first * DAY - SHANGHAI_OFFSET,
            until=(last + 1) * DAY - SHANGHAI_OFFSET,
            **parameters,
        )
        for start in range(0, len(names), PAGE):
            yield self._compared(kind, [row["name"] for row in names[start : start + PAGE]], months)

    def _ask(self, sql: str, **parameters: object) -> list[dict[str, Any]]:
        return rows(self._client, sql.replace("$sealed", self._sealed), **parameters)

    def _compared(self, kind: Kind, names: Sequence[str], months: Months) -> dict[What, Amounts]:
        """What these were charged in all these months, and what they would be."""
        dues = {due.name: due for due in self._assessor.fees.dues if due.trigger in kind.triggers}
        found: dict[What, Amounts] = {}
        for row in self._charges(kind, names):
            amounts = found.setdefault(What(**{name: row[name] for name in What._fields}), Amounts())
            amounts.before = (amounts.before or 0) + row["amount"]
        for name, words in told(self._client, kind, names, self._sealed).items():
            stay = record(kind, words, otherwise(months))
            passed = self._passed.get(words[0]["seq"] >> LANE, 0)
            for (due, part), booked in assessed(self._assessor, stay, passed).items():
                if self._days.holds(day := business_day(booked.time)):
                    for fee in dues[due].fees:
                        found.setdefault(_what(name, fee, part, day, booked), Amounts()).after = booked.amount
        return found

    def _charges(self, kind: Kind, names: Sequence[str]) -> list[dict[str, Any]]:
        where = f"$sealed AND {self._days.sql} AND fee IN {{fees:Array(String)}} AND waybill IN {{names:Array(String)}}"
        return self._ask(CHARGED.replace("$where", where), fees=self._fees(*kind.triggers), names=list(names))


def _what(name: str, fee: str, part: str, day: int, booked: Booked) -> What:
    return What(name, fee, part, day, booked.payer, booked.outlet, booked.destination or booked.outlet)


def _add(months: Months, found: Mapping[What, Amounts], fees: Fees) -> None:
    """Count what months look at."""
    dues = {due.name: due for due in fees.dues}
    looking = {fee: due.name for due in fees.dues if due.month_of for fee in dues[due.month_of].fees}
    for what, one in found.items():
        if what.fee in looking:
            month = months.setdefault((what.payer, looking[what.fee], last_day(date_of(what.day))), Month())
            month.difference += (one.after or 0) - (one.before or 0)
            month.charged |= one.after is not None


def _rated(found: Mapping[What, Amounts]) -> Rated:
    """The same in columns. What would have no price any more counts as such; what is new was nothing before."""
    amounts = found.values()
    before, after = (ints([one.before or 0 for one in amounts]), ints([one.after or 0 for one in amounts]))
    sample = sample_of(list(found), before, ints([1] * len(found)))
    return beside(sample, after, np.array([one.after is None for one in amounts], np.bool_))


def sample_of(
    whats: Sequence[What], amounts: Ints, signs: Ints, seqs: Ints | None = None, known: Ints | None = None
) -> Sample:
    """Charges of stores in columns; the customer is who pays."""
    nothing = np.zeros(len(whats), np.int64)
    payers = _coded([what.payer for what in whats])
    charges = Charges(
        _coded([what.fee for what in whats]),
        nothing + 1,
        amounts,
        ints([what.day for what in whats]),
        _coded([what.origin for what in whats]),
        _coded([what.destination for what in whats]),
        Coded(nothing, [""]),
        {},
    )
    keys = _coded([what[:3] for what in whats]).codes
    return Sample(
        charges,
        signs,
        payers,
        payers,
        nothing if seqs is None else seqs,
        nothing if known is None else known,
        keys,
        nothing,
    )


def ints(values: Sequence[int]) -> Ints:
    """A column of numbers."""
    return np.array(values, np.int64)


def _coded(values: Sequence[Any]) -> Coded:
    codes: dict[Any, int] = {}
    return Coded(ints([codes.setdefault(value, len(codes)) for value in values]), list(codes))
