"""Costs of hubs and lines: their entries in headquarters' book, and their shares worked out again."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction

import msgspec

from deploy.audit.names import name_of
from deploy.audit.periods import Closes
from deploy.audit.postings import COST
from deploy.audit.report import Check, Findings
from deploy.audit.store import Row, Store, read_blocks, up_to
from schemas.parties import HQ

EXPENSE, PAYABLE = "6201", "2301"
_COSTS = """
    SELECT seq, event_id, cost_id, toString(status) AS status, toString(place) AS place, toString(to_place) AS to,
           business_date AS day, toString(carrier) AS carrier, toString(basis) AS basis,
           reinterpretAsInt64(amount) AS units FROM $cost ORDER BY seq, line"""
_POSTED = f"""
    SELECT hex(charge_id) AS charge, toString(book) AS book, account, toString(side) AS side,
           reinterpretAsInt64(amount) AS units, toString(counterparty) AS counterparty, business_date AS day
    FROM $journal WHERE fee = '{COST}'"""
_SHARES = """
    SELECT cost_id, version, toString(blocks) AS blocks, waybill, toString(route) AS line,
           sum(reinterpretAsInt64(amount)) AS units
    FROM $cost_share GROUP BY cost_id, version, blocks, waybill, line ORDER BY cost_id, version"""
"""One question, since shares may be written meanwhile."""
_SCANNED = """
    SELECT toString(site) AS place, count() AS n FROM $event WHERE kind = 'scan' AND ({known})
        AND toDate(event_time, 'Asia/Shanghai') = toDate({{day:Int32}}) GROUP BY place"""
_MOST = 200_000
"""Scans on a day of the hubs that are looked at together."""
_PASSED = """
    SELECT s.place AS place, s.waybill AS waybill, w.grams AS grams, w.cm3 AS cm3, greatest(t.pieces, 1) AS pieces,
           o.ends.1 AS origin, o.ends.2 AS destination, s.after AS after FROM (
        SELECT h.place AS place, h.waybill AS waybill,
               arrayDistinct(arrayMap(x -> x.2, arrayFilter(x -> x.1 >= arrayMin(h.here), e.all))) AS after
        FROM (SELECT waybill, toString(site) AS place, groupArray(event_time) AS here FROM $event
              WHERE kind = 'scan' AND ({known}) AND site IN {{places:Array(String)}}
                  AND toDate(event_time, 'Asia/Shanghai') = toDate({{day:Int32}}) GROUP BY waybill, place) AS h
        JOIN (SELECT waybill, groupArray((event_time, toString(site))) AS all FROM $event
              WHERE kind = 'scan' AND ({known}) AND waybill IN (
                  SELECT waybill FROM $event WHERE site IN {{places:Array(String)}}
                      AND toDate(event_time, 'Asia/Shanghai') = toDate({{day:Int32}}))
              GROUP BY waybill) AS e ON e.waybill = h.waybill
    ) AS s
    LEFT JOIN (SELECT waybill, argMax(weight_g, (seq, line)) AS grams, argMax(volume_cm3, (seq, line)) AS cm3
               FROM $adopted_weight WHERE {known} GROUP BY waybill) AS w ON w.waybill = s.waybill
    LEFT JOIN (SELECT o.waybill AS waybill, argMax(o.pieces, (e.event_time, o.event_id)) AS pieces
               FROM (SELECT * FROM $order_terms WHERE {known}) AS o
               JOIN (SELECT event_id, waybill, event_time FROM $event WHERE kind = 'order' AND ({known})) AS e
                   ON e.event_id = o.event_id AND e.waybill = o.waybill GROUP BY o.waybill) AS t
        ON t.waybill = s.waybill
    LEFT JOIN (SELECT waybill, argMax((toString(origin), toString(destination)), (event_time, event_id)) AS ends
               FROM $event WHERE kind = 'order' AND ({known}) GROUP BY waybill) AS o ON o.waybill = s.waybill"""
_PROVINCES = """
    SELECT outlet, argMax(toString(province), (seq, line)) AS province FROM $site WHERE {known} GROUP BY outlet"""
Shares = dict[tuple[str, str], int]
"""By waybill and line: its share."""


class Cost(msgspec.Struct, frozen=True):
    """A cost. Days since 1970-01-01, amounts in 0.0001 yuan."""

    place: str
    to: str
    day: int
    carrier: str
    basis: str
    units: int
    seq: int
    """The block that booked it."""


class Costs:
    """All costs that the books know."""

    def __init__(self, store: Store, closes: Closes) -> None:
        self._store, self._closes = store, closes
        self._costs: dict[str, Cost] = {}
        self._passed: dict[tuple[str, int, str], list[Row]] = {}
        self._directories: dict[str, dict[str, str]] = {}
        self._withdrawn: dict[str, int] = {}
        """Blocks in which costs were withdrawn."""
        for row in store.rows(_COSTS):
            if row["status"] == "withdrawn":
                self._withdrawn.setdefault(row["cost_id"], row["seq"])
            else:
                self._costs[row["event_id"]] = Cost(*(row[name] for name in Cost.__struct_fields__))

    def sums(self) -> Iterator[tuple[tuple[str, int, str], int]]:
        """What should stand in headquarters' book: (account, business day, carrier), debits less credits."""
        for name, cost in self._costs.items():
            for _, sign, day in self._booked(name, cost):
                yield (EXPENSE, day, cost.carrier), sign * cost.units
                yield (PAYABLE, day, cost.carrier), -sign * cost.units

    def _booked(self, name: str, cost: Cost) -> Iterator[tuple[str, int, int]]:
        """A cost's booking and, where it was withdrawn, that in red: suffix of the name, sign, day."""
        yield "", 1, self._closes.booked_on(cost.seq, cost.day)
        if name in self._withdrawn:
            block = max(cost.seq, self._withdrawn[name])
            yield "|r", -1, self._closes.booked_on(block, cost.day)

    def check_posted(self) -> Check:
        """Each cost has its two rows, each cost that was withdrawn two red ones, and there are no others."""
        found = Findings("costs_posted", "分拨与干线成本逐笔入账，撤销的红字冲回")
        wanted = Counter[tuple[object, ...]]()
        for name, cost in self._costs.items():
            for suffix, sign, day in self._booked(name, cost):
                charge = name_of(f"{COST}|{name}{suffix}")
                for account, side in ((EXPENSE, "D"), (PAYABLE, "C")):
                    wanted[charge, HQ, account, side, sign * cost.units, cost.carrier, day] += 1
        there = Counter(tuple(row.values()) for row in self._store.rows(_POSTED))
        found.seen = there.total()
        for one in ((wanted - there) + (there - wanted)).elements():
            found.add(f"{one} is missing, or not called for")
        return found.check("journal rows")

    def check_shares(self) -> Check:
        """Shares add up to their cost, and are those of the scans, weights and orders of the blocks that they name."""
        found = Findings("cost_shares", "成本分摊到票：合计等于成本，逐票独立重算")
        shares, newest = self._standing()
        for name in sorted(newest, key=lambda one: (newest[one], self._together(one))):
            found.seen += 1
            cost = self._costs.get(name)
            there = shares[name]
            if cost is None:
                found.add(f"{name}: shares of no cost")
            elif (total := sum(there.values())) not in (0, cost.units):
                found.add(f"{name}: shares come to {total}, the cost is {cost.units}")
            elif name in self._withdrawn and not there:
                continue
            elif there != (wanted := self._apportioned(cost, newest[name])):
                wrong = min(one for one, _ in there.items() ^ wanted.items())
                found.add(f"{name}: {wrong} bears {there.get(wrong)}, should bear {wanted.get(wrong)}")
        return found.check("costs apportioned")

    def _standing(self) -> tuple[dict[str, Shares], dict[str, str]]:
        """By cost its shares in force and the blocks that its newest version was made from, if they are known."""
        shares: dict[str, Shares] = defaultdict(Counter)
        newest: dict[str, str] = {}
        for row in self._store.rows(_SHARES):
            if self._store.reaches(read_blocks(row["blocks"])):
                name, newest[row["cost_id"]] = row["cost_id"], row["blocks"]
                shares[name][row["waybill"], row["line"]] += row["units"]
        return {name: {one: n for one, n in shares[name].items() if n} for name in newest}, newest

    def _apportioned(self, cost: Cost, blocks: str) -> Shares:
        """Each its exact part cut off, what is left over to those whose cut was largest."""
        known = up_to(read_blocks(blocks))
        rows = [row for row in self._there(cost, known) if not cost.to or cost.to in row["after"]]
        column = {"weight": "grams", "volume": "cm3", "piece": "pieces"}[cost.basis]
        quantities = {row["waybill"]: row[column] for row in rows}
        if not any(quantities.values()):
            quantities = {row["waybill"]: row["pieces"] for row in rows}
        whole = sum(quantities.values())
        exact = {waybill: Fraction(cost.units * n, whole) for waybill, n in quantities.items() if n}
        made = {waybill: int(part) for waybill, part in exact.items()}
        left = cost.units - sum(made.values()) if made else 0
        for waybill in sorted(exact, key=lambda one: (made[one] - exact[one], one))[:left]:
            made[waybill] += 1
        provinces = self._provinces(known)
        lines = {
            row["waybill"]: f"{provinces.get(row['origin'], '')}-{provinces.get(row['destination'], '')}"
            for row in rows
            if row["origin"]
        }
        return {(waybill, lines.get(waybill, "")): units for waybill, units in made.items() if units}

    def _together(self, name: str) -> tuple[int, str, str]:
        """Where a cost is looked at: with the others of its day and hub."""
        cost = self._costs.get(name)
        return (cost.day, cost.place, name) if cost is not None else (0, "", name)

    def _there(self, cost: Cost, known: str) -> list[Row]:
        """Parcels that were at a cost's hub on its day, and where they were seen after that."""
        about = known, cost.day, cost.place
        if about not in self._passed:
            self._passed = self._looked_at(known, cost.day, cost.place)
        return self._passed[about]

    def _looked_at(self, known: str, day: int, first: str) -> dict[tuple[str, int, str], list[Row]]:
        """The same for a hub and those after it that have costs on this day, as many as are not too much at once."""
        scans = {row["place"]: row["n"] for row in self._store.rows(_SCANNED.format(known=known), day=day)}
        places, left = [first], _MOST - scans.get(first, 0)
        for place in sorted(
            {cost.place for cost in self._costs.values() if cost.day == day and cost.place > first}
        ):
            left -= scans.get(place, 0)
            if left < 0:
                break
            places.append(place)
        made: dict[tuple[str, int, str], list[Row]] = {(known, day, place): [] for place in places}
        for row in self._store.rows(_PASSED.format(known=known), places=places, day=day):
            made[known, day, row["place"]].append(row)
        return made

    def _provinces(self, known: str) -> dict[str, str]:
        """By outlet, as far as these blocks tell."""
        if known not in self._directories:
            found = self._store.rows(_PROVINCES.format(known=known))
            self._directories[known] = {row["outlet"]: row["province"] for row in found}
        return self._directories[known]
