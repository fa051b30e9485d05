"""Charges out of ClickHouse, each with the facts that its price may depend on.

Two ways to take the facts. *In force*: a parcel's newest order and its newest adopted weight, by which a lane would
assess it now. *As charged*: those by which the charge was made: its order, its weight, else what was adopted by the
end of its block; a reversal has those of the charge that it takes back. Both ways the customer's parcels in the month
are those that its lane knew when it rated the charge last: a later count changes no charge by itself.
"""

import datetime as dt
import io
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from dashboards.blocks import BLOCK, within
from deploy.rerating.volumes import Counts, counts_of
from flows.fees.current import FEES
from flows.fees.model import OF_STORES
from flows.lifecycle.parcel import Weighed
from flows.rating.facts import Terms
from flows.rating.rerate import Charges, Coded, Ints
from schemas.times import date_of, day_of

LAST = day_of(dt.date(2149, 6, 6))
"""The last day that ClickHouse's `Date` has."""
NO_CHARGE = "toFixedString('', 16)"
_OF_STAYS = ", ".join(f"'{fee}'" for due in FEES.dues if due.trigger in OF_STORES for fee in due.fees)
OF_PARCELS, OF_STORES_ALONE = f"fee NOT IN ({_OF_STAYS})", f"fee IN ({_OF_STAYS})"
"""What stores charge depends on days there and months, which are not read here but by `deploy.rerating.stores`."""
SETTINGS: dict[str, Any] = {
    "output_format_arrow_low_cardinality_as_dictionary": 1,
    "output_format_arrow_string_as_string": 1,
}


class Sample(msgspec.Struct, frozen=True):
    """Charges in columns, with what they are compared by. `signs`: 1 for a charge, -1 for a reversal."""

    charges: Charges
    signs: Ints
    payers: Coded
    customers: Coded
    seqs: Ints
    """The block in which a row stands."""
    known: Ints
    """The block in which the charge was made: a reversal's is that of the charge that it takes back."""
    keys: Ints
    """What was charged, by hash: waybill, fee and part."""
    uncounted: Ints
    """1 where no count said how many parcels the customer had had in the month; 0 where no price asks, too."""

    def take(self, rows: Ints) -> "Sample":
        """Some rows."""
        return Sample(
            self.charges.take(rows),
            self.signs[rows],
            self.payers.take(rows),
            self.customers.take(rows),
            self.seqs[rows],
            self.known[rows],
            self.keys[rows],
            self.uncounted[rows],
        )


class Days(msgspec.Struct, frozen=True):
    """Business dates, both inclusive; None: without an end."""

    first: int | None = None
    last: int | None = None

    @property
    def sql(self) -> str:
        """The condition on a charge."""
        ends = ((">=", self.first), ("<=", self.last))
        days = [
            f"business_date {sign} '{date_of(min(max(day, 0), LAST))}'"
            for sign, day in ends
            if day is not None
        ]
        return " AND ".join(days) or "true"

    def holds(self, day: int) -> bool:
        """Whether a day is one of them."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


class Where(msgspec.Struct, frozen=True):
    """A condition on charges: cases of fees (none: of any fee) and days. Without a case there is no such charge."""

    cases: tuple[tuple[tuple[str, ...], Days], ...]

    @property
    def sql(self) -> str:
        """The same for the store."""
        return f"({' OR '.join(_case(fees, days) for fees, days in self.cases) or 'false'})"

    def holds(self, fee: str, day: int) -> bool:
        """Whether it holds for a charge."""
        return any((not fees or fee in fees) and days.holds(day) for fees, days in self.cases)

    def of(self, fees: Sequence[str], on: str) -> "Where":
        """The same condition as on these fees, on another one."""
        return Where(tuple(((on,), days) for named, days in self.cases if not named or {*named} & {*fees}))

    def span(self, fees: Container[str]) -> Days | None:
        """The days from the first to the last on which it may hold for some fees; None: it never does."""
        own = [days for named, days in self.cases if not named or any(fee in fees for fee in named)]
        if not own:
            return None
        firsts, lasts = [days.first for days in own], [days.last for days in own]
        return Days(
            None if None in firsts else min(day for day in firsts if day is not None),
            None if None in lasts else max(day for day in lasts if day is not None),
        )


def _case(fees: Sequence[str], days: Days) -> str:
    names = ", ".join(f"'{fee}'" for fee in fees)
    return f"fee IN ({names}) AND {days.sql}" if fees else days.sql


def on(days: Days) -> Where:
    """Charges of any fee on some days."""
    return Where((((), days),))


EVERYTHING = on(Days())


def in_force(where: str) -> str:
    """Charges of parcels that are in force, of those that a condition on fee and business date names."""
    where = f"{OF_PARCELS} AND ({where})"
    return f"""
SELECT seq, seq AS known, line, toInt8(1) AS sign, waybill, fee, part, payer, amount, business_date, origin,
       destination, product, book_version != '' AS tariff, order_event, weight_event
FROM charge WHERE {where} AND reverses = {NO_CHARGE}
  AND charge_id NOT IN (SELECT reverses FROM charge WHERE {where} AND reverses != {NO_CHARGE})"""


def _in_blocks(blocks: Mapping[int, tuple[int, int]], of: str) -> str:
    """The condition on charges and reversals for those of blocks, by lane: the first and the last."""
    last, after = (
        {lane: n for lane, (_, n) in blocks.items()},
        {lane: n - 1 for lane, (n, _) in blocks.items()},
    )
    return f"{of} AND {within(last, after)}"


def of_blocks(blocks: Mapping[int, tuple[int, int]], of: str = OF_PARCELS) -> str:
    """Charges and reversals in blocks, by lane: the first and the last. `of`: a condition on their fees."""
    where = _in_blocks(blocks, of)
    reversals = f"FROM charge WHERE {where} AND reverses != {NO_CHARGE}"
    return f"""
SELECT seq, seq AS known, line, toInt8(1) AS sign, waybill, fee, part, payer, amount, business_date, origin,
       destination, product, book_version != '' AS tariff, order_event, weight_event
FROM charge WHERE {where} AND reverses = {NO_CHARGE}
UNION ALL
SELECT r.seq, o.known, r.line, toInt8(-1), r.waybill, r.fee, r.part, r.payer, -r.amount, r.business_date, r.origin,
       r.destination, r.product, o.tariff, o.order_event, o.weight_event
FROM charge AS r LEFT JOIN (
    SELECT charge_id, seq AS known, book_version != '' AS tariff, order_event, weight_event
    FROM charge
    WHERE charge_id IN (SELECT reverses {reversals}) AND waybill IN (SELECT waybill {reversals})
      AND reverses = {NO_CHARGE}
    ORDER BY seq DESC, line DESC LIMIT 1 BY charge_id
) AS o ON o.charge_id = r.reverses
WHERE {where} AND r.reverses != {NO_CHARGE}"""


class Share(NamedTuple):
    """A share of another due: the fees that are charged for it, one that is charged for the other, who pays it."""

    fees: tuple[str, ...]
    of: str
    payer: str


def unshared(share: Share, where: str, of: str) -> str:
    """Charges in force that are not shared, as shares of nothing. `where`: a condition on shares, `of`: on these."""
    return f"""
SELECT seq, known, line, sign, waybill, arrayJoin({list(share.fees)}) AS fee, '' AS part, '{share.payer}' AS payer,
       amount * 0 AS amount, business_date, origin, destination, product, toUInt8(1) AS tariff, order_event,
       weight_event
FROM ({in_force(of)}) WHERE waybill NOT IN (SELECT waybill FROM ({in_force(where)}))"""


class Reader:
    """Reads samples. `facts`: what prices may depend on (`flows.rating.dependence.FIELDS`); `hubs`: codes of hubs;
    `anew`: lanes will rate all charges in force again, by the counts of the month that there are now."""

    def __init__(
        self, client: Client, facts: Iterable[str], hubs: Iterable[str] = (), *, anew: bool = False
    ) -> None:
        self._client, self._anew = client, anew
        self._facts = frozenset(facts)
        self._hubs = sorted(hubs)
        self._counts = counts_of(client) if "month_parcels" in self._facts else None

    def in_force(self, where: Where, part: int = 0, parts: int = 1) -> Sample:
        """One of `parts` of the parcels' charges in force, by waybill."""
        mine = f"cityHash64(waybill) % {parts} = {part}"
        return self._now(in_force(f"{where.sql} AND {mine}" if parts > 1 else where.sql), where, mine, parts)

    def unshared(self, share: Share, where: Where, part: int = 0, parts: int = 1) -> Sample:
        """Shares that are not charged, as charges of nothing: of one of `parts` of the parcels, on days on which the
        condition holds for them."""
        mine = f"cityHash64(waybill) % {parts} = {part}"
        shares, of = where.of(share.fees, share.fees[0]), where.of(share.fees, share.of)
        source = unshared(share, f"{shares.sql} AND {mine}", f"{of.sql} AND {mine}")
        return self._now(source, of, mine, parts)

    def _now(self, source: str, where: Where, mine: str, parts: int) -> Sample:
        """Charges with the facts in force. `where`: that they meet."""
        of_these = (
            mine
            if parts > 1 or where == EVERYTHING
            else f"waybill IN (SELECT waybill FROM charge WHERE {where.sql})"
        )
        weight = f"""
LEFT JOIN (SELECT waybill, argMax((event_id, weight_g, volume_cm3, seq), (seq, line)) AS newest
           FROM adopted_weight WHERE {of_these} GROUP BY waybill) AS w ON w.waybill = c.waybill"""
        return self._newest(source, weight, of_these)

    def reweighed(self, weights: Mapping[str, Weighed]) -> Sample:
        """Charges in force of these parcels, as if these were their newest weights."""
        columns = zip(*((one.id, one.weight_g, one.volume_cm3) for one in weights.values()), strict=True)
        told = dict(
            zip(("waybills", "events", "grams", "volumes"), (list(weights), *map(list, columns)), strict=True)
        )
        source = in_force("waybill IN {waybills:Array(String)}")
        return self._newest(source, _TOLD, "waybill IN {waybills:Array(String)}", told)

    def _newest(
        self, source: str, weight: str, of_these: str, told: Mapping[str, Sequence[Any]] | None = None
    ) -> Sample:
        order = f"""
LEFT JOIN (SELECT waybill, argMax((event_id, customer, payment, seq), (event_time, event_id)) AS newest
           FROM event WHERE kind = 'order' AND {of_these} GROUP BY waybill) AS o ON o.waybill = c.waybill"""
        if "month_parcels" in self._facts:
            order += _RECALLED.format(of_these=of_these)
        looked = _TO_COME if self._anew else _LOOKED
        return self._sample(source, order, weight, of_these, "w.newest", "true", looked, "", told)

    def as_charged(self, blocks: Mapping[int, tuple[int, int]]) -> Sample:
        """All charges and reversals of blocks, by lane: the first and the last; in order of the blocks' rows."""
        source = of_blocks(blocks)
        of_these = f"waybill IN (SELECT waybill FROM charge WHERE {_in_blocks(blocks, OF_PARCELS)})"
        order = f"""
LEFT JOIN (SELECT waybill, event_id AS id, any((event_id, customer, payment)) AS newest
           FROM event WHERE kind = 'order' AND {of_these} GROUP BY waybill, event_id) AS o
       ON o.waybill = c.waybill AND o.id = c.order_event"""
        weight = f"""
LEFT JOIN (SELECT waybill, event_id AS id, any((event_id, weight_g, volume_cm3)) AS newest
           FROM adopted_weight WHERE {of_these} GROUP BY waybill, event_id) AS u
       ON u.waybill = c.waybill AND u.id = c.weight_event
ASOF LEFT JOIN (SELECT waybill, seq, argMax((event_id, weight_g, volume_cm3), line) AS newest
           FROM adopted_weight WHERE {of_these} GROUP BY waybill, seq) AS v
       ON v.waybill = c.waybill AND v.seq <= c.known"""
        newest = "if(u.id != '', u.newest, v.newest)"
        return self._sample(
            source, order, weight, of_these, newest, "pass.1 <= c.known", "c.known", "ORDER BY seq, c.line"
        )

    def _sample(
        self,
        source: str,
        order: str,
        weight: str,
        of_these: str,
        newest: str,
        passed: str,
        looked: str,
        order_by: str,
        told: Mapping[str, Sequence[Any]] | None = None,
    ) -> Sample:
        """`newest`: the weight's event, grams and cm³; `passed`: whether a hub's scan counts, or a weight that somebody
        corrects; `looked`: in which block a charge was rated last."""
        facts = self._facts
        columns, joins = ["o.newest.2 AS customer"], [order]
        if "payment" in facts:
            columns.append("toInt64(o.newest.3 * 10000) AS payment")
        if "terms" in facts:
            columns.append("t.terms AS terms")
            joins.append(_TERMS.format(of_these=of_these))
        if facts & {"weight_g", "volume_cm3", "longest_mm", "month_parcels"}:
            columns.append(f"{newest}.2 AS weight_g, {newest}.3 AS volume_cm3")
            joins.append(weight)
        if "longest_mm" in facts:
            came = passed.replace("pass.1", "m.came")
            columns.append(f"if(d.corrected = '' OR {came}, m.longest_mm, 0) AS longest_mm")
            joins.append(_LONGEST.format(of_these=of_these, weight_event=f"{newest}.1"))
        if "month_parcels" in facts:
            columns.append(f"{looked} AS looked")
        if "hubs" in facts:
            columns.append(_PASSED.format(passed=passed))
            joins.append(_HUBS.format(of_these=of_these, hubs=self._hubs or [""]))
        sql = f"""
SELECT c.seq AS seq, c.known AS known, c.sign AS sign, c.fee AS fee, c.payer AS payer,
       toInt64(c.amount * 10000) AS amount, toInt32(c.business_date) AS day, c.origin AS origin,
       c.destination AS destination, c.product AS product, c.tariff AS tariff,
       reinterpretAsInt64(cityHash64(c.waybill, c.fee, c.part)) AS key, {", ".join(columns)}
FROM ({source}) AS c {"".join(joins)} {order_by}"""
        return _made(self._arrow(sql, told), facts, self._counts)

    def _arrow(self, sql: str, told: Mapping[str, Sequence[Any]] | None) -> pa.Table:
        raw = self._client.raw_query(sql, dict(told or {}), settings=SETTINGS, fmt="ArrowStream")
        with pa.ipc.open_stream(io.BytesIO(raw)) as stream:
            return stream.read_all().unify_dictionaries().combine_chunks()


_TOLD = """
LEFT JOIN (SELECT waybill, (event, g, cm3, toUInt64(0)) AS newest
           FROM (SELECT {waybills:Array(String)} AS names, {events:Array(String)} AS ids,
                        {grams:Array(UInt32)} AS weights, {volumes:Array(UInt64)} AS sizes)
           ARRAY JOIN names AS waybill, ids AS event, weights AS g, sizes AS cm3) AS w ON w.waybill = c.waybill"""
_TERMS = """
LEFT JOIN (SELECT waybill, event_id, any(toJSONString((pieces, channel, billing,
                  if(direction = 'forward' AND related != '', 'redirect', toString(direction)),
                  toInt64(insured * 10000), toInt64(cod * 10000), promised_hours, services))) AS terms
           FROM order_terms WHERE {of_these} GROUP BY waybill, event_id) AS t
       ON t.waybill = c.waybill AND t.event_id = o.newest.1"""
_LONGEST = """
LEFT JOIN (SELECT waybill, event_id, any(weight_event) AS corrected FROM weight_decision
           WHERE decision = 'override' AND {of_these} GROUP BY waybill, event_id) AS d
       ON d.waybill = c.waybill AND d.event_id = {weight_event}
LEFT JOIN (SELECT waybill, event_id, any(greatest(length_mm, width_mm, height_mm)) AS longest_mm,
                  any(seq) AS came
           FROM event WHERE kind = 'weight' AND {of_these} GROUP BY waybill, event_id) AS m
       ON m.waybill = c.waybill AND m.event_id = if(d.corrected != '', d.corrected, {weight_event})"""
_HUBS = """
LEFT JOIN (SELECT waybill, groupArray((seq, toString(site))) AS passes
           FROM event WHERE kind = 'scan' AND site IN {hubs} AND {of_these} GROUP BY waybill) AS h
       ON h.waybill = c.waybill"""
_PASSED = """
    arrayStringConcat(arraySort(arrayDistinct(arrayMap(pass -> pass.2,
                      arrayFilter(pass -> {passed}, h.passes)))), '|') AS hubs"""


_RECALLED = """
LEFT JOIN (SELECT waybill, max(seq) AS seq FROM recall WHERE {of_these} GROUP BY waybill) AS r
       ON r.waybill = c.waybill"""
_LOOKED = "greatest(c.seq, o.newest.4, r.seq, if(c.weight_event != '', w.newest.4, 0))"
"""The last block in which the lane is sure to have rated a charge in force: by the newest order, by the newest weight
if it counts for the charge, or because the parcel was assessed again. What it came to there is what stands."""
_TO_COME = f"bitOr(c.seq, {BLOCK})"
"""Whichever block of the lane comes."""


def _made(found: pa.Table, facts: frozenset[str], counts: Counts | None) -> Sample:
    def whole(name: str) -> Ints:
        return np.asarray(found.column(name).to_numpy(), np.int64)

    def coded(name: str) -> Coded:
        array = found.column(name)
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        return Coded(
            array.indices.to_numpy(zero_copy_only=False).astype(np.int64), array.dictionary.to_pylist()
        )

    known: dict[str, Coded] = {name: coded(name) for name in _PLAIN if name in found.column_names}
    if "terms" in facts:
        known["terms"] = _read(coded("terms"), _terms)
    if "hubs" in facts:
        known["hubs"] = _read(coded("hubs"), lambda text: tuple(text.split("|")) if text else ())
    customers, days = known["customer"], whole("day")
    uncounted = np.zeros(len(days), np.int64)
    if counts is not None:
        known["month_parcels"], uncounted = counts.of(days, customers, whole("looked"))
    charges = Charges(
        coded("fee"),
        whole("tariff"),
        whole("amount"),
        days,
        coded("origin"),
        coded("destination"),
        coded("product"),
        {name: column for name, column in known.items() if name in facts},
    )
    return Sample(
        charges,
        whole("sign"),
        coded("payer"),
        customers,
        whole("seq"),
        whole("known"),
        whole("key"),
        uncounted,
    )


_PLAIN = ("customer", "payment", "weight_g", "volume_cm3", "longest_mm")


def _read(column: Coded, read: Any) -> Coded:
    return Coded(column.codes, [read(value) for value in column.values])


_told = msgspec.json.Decoder(tuple[int, str, str, str, int, int, int, str], strict=False)


def _terms(text: str) -> Terms | None:
    """The terms that a row of order_terms says; None: there is none."""
    if not text:
        return None
    pieces, channel, billing, direction, insured, cod, promised_h, services = _told.decode(text)
    return Terms(
        pieces=pieces,
        channel=channel,
        billing=billing,
        direction=direction,
        insured=insured,
        cod=cod,
        promised_h=promised_h,
        services=tuple(services.split("|")) if services else (),
    )
