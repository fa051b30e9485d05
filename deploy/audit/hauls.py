"""Hauls and customers' months priced again, from what was said of them and the books.

Written apart from the flow. Of what is said of a due the newest word counts. What a lane still has is charged by the
newest rules; older words are charged by the rules of some moment after the last of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from deploy.audit import postings
from deploy.audit.digest import place
from deploy.audit.eras import Era, Eras
from deploy.audit.postings import Due, Postings, words
from deploy.audit.pricing import Parcel
from deploy.audit.report import Check, Findings
from deploy.audit.rules import AS_OF
from deploy.audit.stays import ABANDONED, E4, EPOCH, NO_MEASURE, NO_PRICE, Bill, Goods, Key, Owed, unmeasured
from deploy.audit.steps import untrue
from deploy.audit.store import LANE, OF_SHARD, Store, read_blocks, shard_of, up_to
from schemas.parties import HQ
from schemas.settings import Settings

IN_A_SHARD = 200_000
"""Words that are looked at together."""
HAULED, MONTH = TRIGGERS = ("hauled", "stay_month")
_FEES = f"(SELECT DISTINCT toString(fee) FROM $fee WHERE trigger IN {words(TRIGGERS)})"
_DUES = f"(SELECT DISTINCT toString(due) FROM $fee WHERE trigger IN {words(TRIGGERS)})"

_HAULS = f"""
    SELECT haul AS name, seq, line, event_id, toUnixTimestamp64Milli(event_time) AS time, toString(service) AS due,
           toInt32(business_date) AS day, status = 'cancelled' AS cancelled, customer, toString(outlet) AS outlet,
           toString(destination) AS destination, toString(billing) AS billing, toString(temperature) AS temperature,
           toString(vehicle) AS vehicle, toString(services) AS services, pieces, pallets, volume_cm3, weight_g,
           reinterpretAsInt64(insured) AS insured, toInt64(0) AS units
    FROM $haul WHERE {shard_of("haul")} ORDER BY name, event_time, event_id"""
_MONTHS = f"""
    SELECT name, seq, line, event_id, toUnixTimestamp64Milli(counted_at) AS time, toString(due) AS due,
           toInt32(toLastDayOfMonth(month)) AS day, status = 'cancelled' AS cancelled, customer,
           toString(outlet) AS outlet, '' AS destination, '' AS billing, '' AS temperature, '' AS vehicle,
           '' AS services, 1 AS pieces, -1 AS pallets, -1 AS volume_cm3, -1 AS weight_g, toInt64(0) AS insured,
           reinterpretAsInt64(amount) AS units
    FROM $stay_month WHERE {shard_of("name")} ORDER BY name, counted_at, event_id"""
_CHARGED = f"""
    SELECT waybill AS name, toString(fee) AS fee, part, toString(payer) AS payer, toString(payee) AS payee,
           toInt32(business_date) AS day, sum(reinterpretAsInt64(amount)) AS net,
           argMaxIf((seq, toString(origin), toString(destination), toString(book_version), toString(price_table),
                     price_row, toString(rounding), toString(passed_over), order_event, steps), revision, {AS_OF})
               AS snapshot,
           countIf({AS_OF}) - countIf(NOT {AS_OF}) AS standing
    FROM $charge WHERE {OF_SHARD} AND fee IN {_FEES}
    GROUP BY name, fee, part, payer, payee, day HAVING net != 0 OR standing != 0"""
_WAITING = f"""
    SELECT waybill AS name, toString(fee) AS due, argMax(toString(reason), (seq, line)) AS why
    FROM $waiting WHERE {OF_SHARD} AND fee IN {_DUES}
    GROUP BY name, due HAVING why != ''"""
_PLACES = """
    SELECT DISTINCT site, toString(outlet) AS of FROM $haul
    WHERE (site, toString(outlet)) NOT IN (SELECT site, outlet FROM $site WHERE kind = 'outlet')"""
_COUNTED = """
    SELECT toString(blocks) AS blocks, toString(due) AS due, toString(month) AS month,
           groupArray((name, customer, status = 'cancelled', reinterpretAsInt64(amount))) AS said
    FROM $stay_month GROUP BY blocks, due, month"""
_TRUE = """
    SELECT toString(payer) AS customer, sum(reinterpretAsInt64(amount)) AS units,
           countIf({as_of}) = countIf(NOT {as_of}) AS nothing FROM $charge
    WHERE ({known}) AND fee IN {fees} AND toStartOfMonth(business_date) = {{month:Date}} GROUP BY customer"""

Row = dict[str, Any]


class Hauls:
    """Walks through all hauls and months; posts what they owe into `journal`, whose sums are checked elsewhere."""

    def __init__(
        self,
        store: Store,
        eras: Eras,
        rules: Postings,
        data_time: int | None,
        limits: Settings,
        journal: Counter[postings.Key],
    ) -> None:
        self._store, self._eras, self._journal = store, eras, journal
        self._all = {due.name: due for due in rules.dues}
        self._dues = {name: due for name, due in self._all.items() if due.trigger in TRIGGERS}
        self._due_of = {fee.name: due for due in self._dues.values() for fee in due.fees}
        self._fees = {fee.name: fee for due in self._dues.values() for fee in due.fees}
        self._data_time, self._oldest, self._ahead = data_time, limits.oldest, limits.ahead
        self.charges = Findings("recomputed_hauls", "运输费与仓储月保底由原始事件独立重算")
        self.waits = Findings("recomputed_haul_waiting", "运输与月保底的待计费原因独立重算")
        self.months = Findings("counted_months", "客户月仓储费合计由逐日费用独立汇总")

    def checks(self) -> Iterator[Check]:
        """Their outcome."""
        yield self.charges.check("charges of hauls and months")
        yield self.waits.check("hauls and months")
        yield self.months.check("words about months")

    def walk(self) -> None:
        """All of them."""
        for row in self._store.rows(_PLACES):
            self.charges.add(f"{row['site']} is no site of outlet {row['of']}")
        most = max(self._store.count(table) for table in ("haul", "stay_month"))
        shards = most // IN_A_SHARD + 1
        for shard in range(shards):
            told: dict[str, list[Row]] = defaultdict(list)
            charged: dict[str, dict[Key, list[Row]]] = defaultdict(lambda: defaultdict(list))
            waiting: dict[str, dict[str, str]] = defaultdict(dict)
            for sql in (_HAULS, _MONTHS):
                for row in self._store.rows(sql, shard=shard, shards=shards):
                    told[row["name"]].append(row)
            for row in self._store.rows(_CHARGED, shard=shard, shards=shards):
                charged[row["name"]][row["fee"], row["part"]].append(row)
            for row in self._store.rows(_WAITING, shard=shard, shards=shards):
                waiting[row["name"]][row["due"]] = row["why"]
            for name in sorted(told.keys() | charged.keys() | waiting.keys()):
                self._one(name, told.get(name, []), charged[name], waiting[name])
        self._months()

    def _one(
        self, name: str, told: list[Row], charged: dict[Key, list[Row]], waiting: dict[str, str]
    ) -> None:
        lanes = {row["seq"] >> LANE for row in told}
        if len(lanes) != 1:
            self.charges.add(f"{name}: its words are in {len(lanes)} lanes")
            return
        (lane,) = lanes
        bill = self._bill_that_fits(lane, told, charged)
        who = {row["due"]: row["customer"] for row in told}
        wanted = {
            (fee, part): (who[due], HQ, owed.day, owed.units) for fee, part, due, owed in self._by_fee(bill)
        }
        for key in sorted(wanted.keys() | charged.keys()):
            self.charges.seen += 1
            got = [(row["payer"], row["payee"], row["day"], row["net"]) for row in charged.get(key, ())]
            due = [wanted[key]] if key in wanted else []
            if got != due:
                self.charges.add(f"{name} {key}: charged {got}, due {due}")
            elif due:
                for posted, units in self._fees[key[0]].posted(*due[0]):
                    self._journal[posted] += units
                self._explained(name, key, told, charged[key][0])
        self._waits(name, told, bill, waiting)

    def _bill_that_fits(self, lane: int, told: list[Row], charged: dict[Key, list[Row]]) -> Bill:
        """By the newest rules, or by those of some moment since the last word, if these fit."""
        now = self._eras.now(lane)
        got = {key: [row["net"] for row in rows] for key, rows in charged.items()}
        newest = self._bill(self._eras[now], told)
        for number in range(now, self._eras.of(max(row["seq"] for row in told)) - 1, -1):
            bill = self._bill(self._eras[number], told) if number < now else newest
            if {(fee, part): [owed.units] for fee, part, _, owed in self._by_fee(bill)} == got:
                return bill
        return newest

    def _by_fee(self, bill: Bill) -> Iterator[tuple[str, str, str, Owed]]:
        for (due, part), owed in bill.owed.items():
            for fee in self._dues[due].fees:
                yield fee.name, part, due, owed

    def _bill(self, era: Era, told: Sequence[Row]) -> Bill:
        """What is owed by the rules of an era. Words are in order of time and id."""
        bill = Bill()
        for name, row in {row["due"]: row for row in told}.items():
            due = self._dues.get(name)
            if due is None or row["cancelled"] or not due.live(era.priced):
                continue
            found = era.prices.price(due.price, EPOCH + timedelta(days=row["day"]), _parcel(row), steps=True)
            if found is None:
                if due.required:
                    bill.waits[name] = NO_PRICE
            elif unmeasured(found[0], Goods(row["pallets"], row["volume_cm3"], row["weight_g"])):
                bill.waits[name] = NO_MEASURE
            else:
                part = (EPOCH + timedelta(days=row["day"])).isoformat()
                bill.owed[name, part] = Owed(int(found[1].amount * E4), row["day"], *found, None)
        return bill

    # What is compared

    def _explained(self, name: str, key: Key, told: list[Row], charge: Row) -> None:
        """A charge's snapshot is that of its price by what was known when it was made: some words of its block."""
        seq = charge["snapshot"][0]
        moments = [(seq, -1), *((row["seq"], row["line"]) for row in told if row["seq"] == seq)]
        wrong: list[str] = []
        for moment in sorted(moments, reverse=True):
            found = list(
                self._differences(key, [row for row in told if (row["seq"], row["line"]) <= moment], charge)
            )
            if not found:
                return
            wrong = wrong or found
        for one in wrong:
            self.charges.add(f"{name} {key}: {one}")

    def _differences(self, key: Key, known: list[Row], charge: Row) -> Iterator[str]:
        seq, *columns, steps = charge["snapshot"]
        bill = self._bill(self._eras[self._eras.of(seq)], known)
        due = self._due_of[key[0]].name
        one = bill.owed.get((due, key[1]))
        if one is None or one.units != charge["net"]:
            yield f"nothing explains it by {place(seq)}"
            return
        word = next(row for row in reversed(known) if row["due"] == due)
        ends = [word["outlet"], word["destination"] or word["outlet"]]
        rounding = f"{one.row.settings.get('money_rounding', 'half_up')}_fen"
        prices = [one.row.book, one.row.file, one.row.number, rounding, one.price.passed_over]
        wanted = [*ends, *prices, word["event_id"]]
        if columns != wanted:
            yield f"explained by {columns}, should be {wanted}"
        yield from untrue(steps, one.price)

    def _waits(self, name: str, told: list[Row], bill: Bill, waiting: dict[str, str]) -> None:
        self.waits.seen += 1
        wanted = bill.waits
        if ABANDONED in waiting.values() and wanted:
            newest, now = max(row["time"] for row in told), self._data_time
            if now is not None and newest > now - self._oldest + self._ahead:
                self.waits.add(f"{name}: given up too early")
            wanted = dict.fromkeys(wanted, ABANDONED)
        if waiting != wanted:
            self.waits.add(f"{name}: waits for {waiting}, not {wanted}")

    def _months(self) -> None:
        """Each count of a month is what the charges of its blocks come to."""
        for row in self._store.rows(_COUNTED):
            due = self._dues.get(row["due"])
            if due is None:
                if any(not cancelled for _, _, cancelled, _ in row["said"]):
                    self.months.add(f"{row['due']} is charged for no month")
                continue
            self.months.seen += len(row["said"])
            true = self._true(due, row)
            for name, customer, *said in row["said"]:
                charged = true.get(customer, (1, 0))
                if charged != tuple(said):
                    self.months.add(f"{name}: {said} was counted, and {charged} is charged")

    def _true(self, due: Due, row: Row) -> dict[str, tuple[int, int]]:
        """By customer: whether nothing is left of the due that is looked at, and what it came to."""
        fees = [fee.name for fee in self._all[due.share_of].fees]
        sql = _TRUE.format(known=up_to(read_blocks(row["blocks"])), fees=words(fees), as_of=AS_OF)
        return {
            one["customer"]: (one["nothing"], one["units"])
            for one in self._store.rows(sql, month=row["month"])
        }


def _parcel(row: Row) -> Parcel:
    """What prices look at."""
    return Parcel(
        origin=row["outlet"],
        destination=row["destination"] or row["outlet"],
        customer=row["customer"],
        billing=row["billing"],
        services=tuple(filter(None, row["services"].split("|"))),
        grams=max(0, row["weight_g"]),
        cm3=max(0, row["volume_cm3"]),
        pieces=row["pieces"],
        insured=Decimal(row["insured"]) / E4,
        pallets=max(0, row["pallets"]),
        month_amount=Decimal(row["units"]) / E4,
        temperature=row["temperature"],
        vehicle=row["vehicle"],
    )
