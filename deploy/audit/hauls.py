"""Hauls and customers' months priced again, from what was said of them and the books.

Written apart from the flow. Of what is said of a due the newest word counts. What a lane still has is charged by the
newest rules; older words are charged by the rules of some moment after the last of them.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from deploy.audit.eras import Era
from deploy.audit.postings import MONTHS, Due, words
from deploy.audit.pricing import Parcel
from deploy.audit.report import Check, Findings
from deploy.audit.rules import AS_OF
from deploy.audit.stays import Goods, unmeasured
from deploy.audit.store import read_blocks, shard_of, up_to
from deploy.audit.stored import E4, EPOCH, NO_MEASURE, NO_PRICE, Bill, Books, Owed, Row, Stored
from deploy.audit.volumes import parcels_of

_HAULS = f"""
    SELECT haul AS name, seq, line, event_id, toUnixTimestamp64Milli(event_time) AS time, toString(service) AS due,
           toInt32(business_date) AS day, status = 'cancelled' AS cancelled, customer, toString(outlet) AS outlet,
           toString(destination) AS destination, toString(billing) AS billing, toString(temperature) AS temperature,
           toString(vehicle) AS vehicle, toString(services) AS services, pieces, pallets, volume_cm3, weight_g,
           reinterpretAsInt64(insured) AS insured, toInt64(0) AS units,
           toUInt64(0) AS parcels
    FROM $haul WHERE {shard_of("haul")} ORDER BY name, event_time, event_id"""
_MONTHS = f"""
    SELECT name, seq, line, event_id, toUnixTimestamp64Milli(counted_at) AS time, toString(due) AS due,
           toInt32(toLastDayOfMonth(month)) AS day, status = 'cancelled' AS cancelled, customer,
           toString(outlet) AS outlet, '' AS destination, '' AS billing, '' AS temperature, '' AS vehicle,
           '' AS services, 1 AS pieces, -1 AS pallets, -1 AS volume_cm3, -1 AS weight_g, toInt64(0) AS insured,
           reinterpretAsInt64(amount) AS units, parcels
    FROM $stay_month WHERE {shard_of("name")} ORDER BY name, counted_at, event_id"""
_COUNTED = """
    SELECT toString(blocks) AS blocks, toString(due) AS due, toString(month) AS month,
           groupArray((name, customer, status = 'cancelled', reinterpretAsInt64(amount), parcels)) AS said
    FROM $stay_month GROUP BY blocks, due, month"""
_TRUE = """
    SELECT toString(payer) AS customer, sum(reinterpretAsInt64(amount)) AS units,
           countIf({as_of}) = countIf(NOT {as_of}) AS nothing FROM $charge
    WHERE ({known}) AND fee IN {fees} AND toStartOfMonth(business_date) = {{month:Date}} GROUP BY customer"""


class Hauls(Stored):
    """Walks through all hauls and months; posts what they owe into `journal`, whose sums are checked elsewhere."""

    TRIGGERS = ("hauled", *MONTHS)
    WORDS = "words"
    TOLD = (("haul", _HAULS), ("stay_month", _MONTHS))
    ENDS = "toString(origin), toString(destination)"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._all = {due.name: due for due in books.rules.dues}
        self.charges = Findings("recomputed_hauls", "运输费、仓储月保底与月套餐费由原始事件独立重算")
        self.waits = Findings("recomputed_haul_waiting", "运输、月保底与月套餐的待计费原因独立重算")
        self.months = Findings(
            "counted_months", "客户月仓储费合计由逐日费用独立汇总，月票数由揽收扫描与订单独立清点"
        )

    def checks(self) -> Iterator[Check]:
        """Their outcome."""
        yield self.charges.check("charges of hauls and months")
        yield self.waits.check("hauls and months")
        yield self.months.check("words about months")

    def walk(self) -> None:
        """All of them."""
        super().walk()
        self._months()

    def _bill(self, era: Era, told: Sequence[Row], _today: int) -> Bill:
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
                ends = (row["outlet"], row["destination"] or row["outlet"])
                facts = (int(found[1].amount * E4), row["day"], row["customer"], ends, row["event_id"])
                bill.owed[name, part] = Owed(*facts, max(0, row["weight_g"]), *found)
        return bill

    def _months(self) -> None:
        """Each count of a month is what the charges, or the parcels, of its blocks come to."""
        for row in self._store.rows(_COUNTED):
            due = self._dues.get(row["due"])
            if due is None:
                if any(not cancelled for _, _, cancelled, *_ in row["said"]):
                    self.months.add(f"{row['due']} is charged for no month")
                continue
            self.months.seen += len(row["said"])
            true = self._true(due, row)
            for name, customer, *said in row["said"]:
                found = true.get(customer, (1, 0, 0))
                if found != tuple(said):
                    self.months.add(f"{name}: {said} was counted, and {found} is true")

    def _true(self, due: Due, row: Row) -> dict[str, tuple[int, int, int]]:
        """By customer: whether nothing is left to look at, what that came to, and how many parcels there were."""
        if due.trigger == "parcel_month":
            return {customer: (0, 0, parcels) for customer, parcels in self._parcels(row).items()}
        fees = [fee.name for fee in self._all[due.share_of].fees]
        sql = _TRUE.format(known=up_to(read_blocks(row["blocks"])), fees=words(fees), as_of=AS_OF)
        return {
            one["customer"]: (one["nothing"], one["units"], 0)
            for one in self._store.rows(sql, month=row["month"])
        }

    def _parcels(self, row: Row) -> dict[str, int]:
        first = date.fromisoformat(row["month"])
        last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        ends = (first - EPOCH).days, (last - EPOCH).days
        return parcels_of(self._store, row["blocks"], *ends)


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
        month_parcels=row["parcels"],
        month_count=row["event_id"] if row["parcels"] else "",
        temperature=row["temperature"],
        vehicle=row["vehicle"],
    )
