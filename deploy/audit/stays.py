"""Goods in stores priced again: each business day, the entry and the exit, from the raw events and the books.

Written apart from the flow. A stay's days are walked one by one; a day costs what the stay would cost with it less
what it would cost without it, by the goods and the prices of that day. What a lane still has is charged by the newest
rules; what has left the store may have left the lane, too, and is then charged by the rules of some moment after its
last event.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from deploy.audit import postings
from deploy.audit.digest import place
from deploy.audit.eras import Era, Eras
from deploy.audit.postings import DUES_OF_STAYS, OF_STAYS, STAYS, Due, Postings
from deploy.audit.pricing import Parcel
from deploy.audit.report import Check, Findings
from deploy.audit.rows import Row as PriceRow
from deploy.audit.rules import AS_OF
from deploy.audit.steps import untrue
from deploy.audit.store import LANE, OF_SHARD, Store, shard_of
from deploy.audit.tariffs import Price
from schemas.parties import HQ
from schemas.settings import Settings

IN_A_SHARD = 200_000
"""Events of stays that are looked at together."""
HOUR, DAY, EAST_8 = 3_600_000, 86_400_000, 8 * 3_600_000
EPOCH = date(1970, 1, 1)
E4 = 10_000
ENTRY, DAILY, EXIT = STAYS
CHANGES = ("measured", "reduced", "moved")
"""Events that say what is there, or where."""
NO_OPENING, NO_PRICE, NO_MEASURE, ABANDONED = "no_opening", "no_price", "no_measure", "abandoned"


_EVENTS = f"""
    SELECT stay, seq, line, event_id, toString(kind) AS kind, toUnixTimestamp64Milli(event_time) AS time,
           toString(outlet) AS outlet, customer, toString(billing) AS billing, toString(temperature) AS temperature,
           toString(zone) AS zone, toString(vehicle) AS vehicle, pieces, pallets, volume_cm3, weight_g
    FROM $stay_event WHERE {shard_of("stay")} ORDER BY stay, event_time, event_id"""
_CHARGED = f"""
    SELECT waybill AS stay, toString(fee) AS fee, part, toString(payer) AS payer, toString(payee) AS payee,
           business_date AS day, sum(reinterpretAsInt64(amount)) AS net,
           countIf({AS_OF}) - countIf(NOT {AS_OF}) AS standing,
           argMaxIf((seq, toString(origin), toString(book_version), toString(price_table), price_row,
                     toString(rounding), toString(passed_over), order_event, steps), revision, {AS_OF}) AS snapshot
    FROM $charge WHERE {OF_SHARD} AND fee IN {OF_STAYS}
    GROUP BY stay, fee, part, payer, payee, day HAVING net != 0 OR standing != 0"""
_WAITING = f"""
    SELECT waybill AS stay, toString(fee) AS due, argMax(toString(reason), (seq, line)) AS why
    FROM $waiting WHERE {OF_SHARD} AND fee IN {DUES_OF_STAYS}
    GROUP BY stay, due HAVING why != ''"""
_PLACES = """
    SELECT DISTINCT site, toString(outlet) AS of FROM $stay_event
    WHERE (site, toString(outlet)) NOT IN (SELECT site, outlet FROM $site WHERE kind = 'outlet')"""
_PASSED = f"""
    SELECT bitShiftRight(seq, {LANE}) AS lane, max(part) AS newest FROM $charge
    WHERE part != '' AND fee IN (SELECT fee FROM $fee WHERE trigger = '{DAILY}')
        AND waybill NOT IN (SELECT stay FROM $stay_event WHERE kind = 'closed')
    GROUP BY lane"""

Row = dict[str, Any]
Key = tuple[str, str]
"""A fee or due, and the day that it is for."""


class Goods(NamedTuple):
    """What is stored, and where; -1: not measured."""

    pallets: int = -1
    volume_cm3: int = -1
    weight_g: int = -1
    zone: str = ""
    temperature: str = ""
    pieces: int = 0
    """0: not counted."""

    def told(self, event: Row) -> "Goods":
        """After an event, which may leave things as they are."""
        numbers = (self.pallets, self.volume_cm3, self.weight_g)
        said = (event["pallets"], event["volume_cm3"], event["weight_g"])
        pallets, volume, weight = (now if now >= 0 else was for now, was in zip(said, numbers, strict=True))
        zone, temperature = event["zone"] or self.zone, event["temperature"] or self.temperature
        return Goods(pallets, volume, weight, zone, temperature, event["pieces"] or self.pieces)


class Owed(NamedTuple):
    """What should be charged: amount in 0.0001 yuan, business day, and the prices behind it."""

    units: int
    day: int
    row: PriceRow
    price: Price
    before: Price | None


class Bill(msgspec.Struct):
    """All that a stay owes under some rules: what is charged and what waits."""

    customer: str = ""
    outlet: str = ""
    opening: str = ""
    owed: dict[Key, Owed] = {}
    waits: dict[str, str] = {}


class Stays:
    """Walks through all stays; posts what they owe into `journal`, the sums of which are checked elsewhere."""

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
        self._dues = {due.name: due for due in rules.dues if due.trigger in STAYS}
        self._due_of = {fee.name: due for due in self._dues.values() for fee in due.fees}
        self._fees = {fee.name: fee for due in self._dues.values() for fee in due.fees}
        self._oldest, self._ahead = limits.oldest, limits.ahead
        self._data_time = data_time
        self._passed = {row["lane"]: date.fromisoformat(row["newest"]) for row in store.rows(_PASSED)}
        """By lane: the newest day that goods which are still there were charged for."""
        self.charges = Findings("recomputed_stays", "在库批次逐日仓储费与装卸费由原始事件独立重算")
        self.snapshots = Findings("recomputed_stay_prices", "在库批次的计费步骤独立重算")
        self.waits = Findings("recomputed_stay_waiting", "在库批次的待计费原因独立重算")

    def checks(self) -> Iterator[Check]:
        """Their outcome."""
        yield self.charges.check("charges of stays")
        yield self.snapshots.check("prices of stays")
        yield self.waits.check("stays")

    def walk(self) -> None:
        """All stays."""
        for row in self._store.rows(_PLACES):
            self.charges.add(f"{row['site']} is no site of outlet {row['of']}")
        for shard, shards in self._store.shards("stay_event", IN_A_SHARD):
            events: dict[str, list[Row]] = defaultdict(list)
            charged: dict[str, dict[Key, list[Row]]] = defaultdict(lambda: defaultdict(list))
            waiting: dict[str, dict[str, str]] = defaultdict(dict)
            for row in self._store.rows(_EVENTS, shard=shard, shards=shards):
                events[row["stay"]].append(row)
            for row in self._store.rows(_CHARGED, shard=shard, shards=shards):
                charged[row["stay"]][row["fee"], row["part"]].append(row)
            for row in self._store.rows(_WAITING, shard=shard, shards=shards):
                waiting[row["stay"]][row["due"]] = row["why"]
            for stay in sorted(events.keys() | charged.keys() | waiting.keys()):
                self._stay(stay, events.get(stay, []), charged[stay], waiting[stay])

    def _stay(
        self, stay: str, events: list[Row], charged: dict[Key, list[Row]], waiting: dict[str, str]
    ) -> None:
        lanes = {event["seq"] >> LANE for event in events}
        if len(lanes) != 1:
            self.charges.add(f"{stay}: its events are in {len(lanes)} lanes")
            return
        (lane,) = lanes
        self.waits.seen += 1
        bill = self._bill_that_fits(lane, events, charged)
        wanted = {key: (bill.customer, HQ, owed.day, owed.units) for key, owed in self._by_fee(bill)}
        for key in sorted(wanted.keys() | charged.keys()):
            self.charges.seen += 1
            got = [(row["payer"], row["payee"], row["day"], row["net"]) for row in charged.get(key, ())]
            due = [wanted[key]] if key in wanted else []
            if got != due:
                self.charges.add(f"{stay} {key}: charged {got}, due {due}")
            elif due:
                for posted, units in self._fees[key[0]].posted(*due[0]):
                    self._journal[posted] += units
                self._explained(stay, key, events, charged[key][0])
        self._waits(stay, events, bill, waiting)

    def _bill_that_fits(self, lane: int, events: list[Row], charged: dict[Key, list[Row]]) -> Bill:
        """By the newest rules; of goods that have left, by those of some moment since, if these fit."""
        now = self._eras.now(lane)
        newest = self._bill(self._eras[now], events, self._today(lane, events))
        if all(event["kind"] != "closed" for event in events):
            return newest
        got = {key: [row["net"] for row in rows] for key, rows in charged.items()}
        bill = newest
        for number in range(now, self._eras.of(max(event["seq"] for event in events)) - 1, -1):
            bill = (
                self._bill(self._eras[number], events, self._today(lane, events)) if number < now else newest
            )
            if {key: [owed.units] for key, owed in self._by_fee(bill)} == got:
                return bill
        return newest

    def _today(self, lane: int, events: list[Row]) -> int:
        """The business day that has not passed, as far as it can be known."""
        if self._data_time is not None:
            return (self._data_time + EAST_8) // DAY
        newest = self._passed.get(lane)
        return (newest - EPOCH).days + 1 if newest is not None else (events[0]["time"] + EAST_8) // DAY

    def _by_fee(self, bill: Bill) -> Iterator[tuple[Key, Owed]]:
        """What is owed, by the fees that it is charged as."""
        for (due, part), owed in bill.owed.items():
            for fee in self._dues[due].fees:
                yield (fee.name, part), owed

    # What should be charged

    def _bill(self, era: Era, events: Sequence[Row], today: int) -> Bill:
        """What a stay owes by the rules of an era. Events are in order of time and id."""
        bill = Bill()
        opened = [event for event in events if event["kind"] == "opened"]
        live = [due for due in self._dues.values() if due.live(era.priced)]
        if not opened:
            bill.waits = {due.name: NO_OPENING for due in live if due.required}
            return bill
        began, counts = opened[0]["time"], opened[-1]
        bill.customer, bill.outlet, bill.opening = counts["customer"], counts["outlet"], counts["event_id"]
        left = next((e for e in events if e["kind"] == "closed" and e["time"] >= began), None)
        first = (began + EAST_8) // DAY
        last = today - 1 if left is None else (left["time"] + EAST_8) // DAY
        parts = [
            (event["time"] + EAST_8) // DAY
            for event in events
            if event["kind"] == "reduced" and (left is None or event["time"] <= left["time"])
        ]
        walk = list(_walk(events, counts, began, left, first, max(first, last, *parts)))
        for due in live:
            if due.trigger == ENTRY:
                self._owe(bill, era, due, "", walk[0], counts["vehicle"])
            elif due.trigger == EXIT:
                for event, day in _parts(events, counts, began, left, walk):
                    vehicle = event["vehicle"] or counts["vehicle"]
                    self._owe(bill, era, due, event["event_id"], day, vehicle)
                if left is not None:
                    self._owe(bill, era, due, "", walk[-1], left["vehicle"] or counts["vehicle"])
            elif due.trigger == DAILY:
                for day in walk:
                    if day.day <= last:
                        part = (EPOCH + timedelta(days=day.day)).isoformat()
                        self._owe(bill, era, due, part, day, counts["vehicle"])
        return bill

    def _owe(self, bill: Bill, era: Era, due: Due, part: str, day: "StayDay", vehicle: str) -> None:
        found = _price(era, due, day, day.number, day.hours, day.stored, vehicle)
        if found is None:
            if due.required:
                bill.waits.setdefault(due.name, NO_PRICE)
            return
        row, price = found
        if unmeasured(row, day.goods):
            bill.waits.setdefault(due.name, NO_MEASURE)
            return
        before: Price | None = None
        if due.trigger == DAILY and day.number > 1:
            earlier = _price(era, due, day, day.number - 1, day.hours_before, day.stored_before, vehicle)
            if earlier is None:
                bill.waits.setdefault(due.name, NO_PRICE)
                return
            before = earlier[1]
        amount = price.amount - (before.amount if before is not None else 0)
        bill.owed[due.name, part] = Owed(int(amount * E4), day.day, row, price, before)

    # What is compared

    def _explained(self, stay: str, key: Key, events: list[Row], charge: Row) -> None:
        """A charge's snapshot is that of its price by what was known when it was made: some events of its block."""
        self.snapshots.seen += 1
        seq = charge["snapshot"][0]
        moments = [(seq, -1), *((event["seq"], event["line"]) for event in events if event["seq"] == seq)]
        wrong: list[str] = []
        for moment in sorted(moments, reverse=True):
            known = [event for event in events if (event["seq"], event["line"]) <= moment]
            found = list(self._differences(key, known, charge))
            if not found:
                return
            wrong = wrong or found
        for one in wrong:
            self.snapshots.add(f"{stay} {key}: {one}")

    def _differences(self, key: Key, known: list[Row], charge: Row) -> Iterator[str]:
        """What a charge says of its price otherwise than these events do, under the rules of its block."""
        seq, outlet, *columns, order, steps = charge["snapshot"]
        bill = self._bill(self._eras[self._eras.of(seq)], known, charge["day"] + 1)
        one = bill.owed.get((self._due_of[key[0]].name, key[1]))
        if one is None or one.units != charge["net"]:
            yield f"nothing explains it by {place(seq)}"
            return
        row = one.row
        rounding = f"{row.settings.get('money_rounding', 'half_up')}_fen"
        wanted = [bill.outlet, row.book, row.file, row.number, rounding, one.price.passed_over, bill.opening]
        if [outlet, *columns, order] != wanted:
            yield f"explained by {[outlet, *columns, order]}, should be {wanted}"
        yield from _untrue(steps, one)

    def _waits(self, stay: str, events: list[Row], bill: Bill, waiting: dict[str, str]) -> None:
        wanted = bill.waits
        inside = bill.opening and all(event["kind"] != "closed" for event in events)
        newest = max((event["time"] for event in events), default=0)
        if ABANDONED in waiting.values() and not inside and wanted:
            now = self._data_time
            if now is not None and newest > now - self._oldest + self._ahead:
                self.waits.add(f"{stay}: given up too early")
            wanted = dict.fromkeys(wanted, ABANDONED)
        if waiting != wanted:
            self.waits.add(f"{stay}: waits for {waiting}, not {wanted}")


class StayDay(NamedTuple):
    """A day of a stay: what was there at its end, and for how long."""

    day: int
    number: int
    hours: int
    hours_before: int
    goods: Goods
    stored: tuple[int, int, int]
    stored_before: tuple[int, int, int]
    opening: Row


def _walk(
    events: Sequence[Row], opening: Row, began: int, left: Row | None, first: int, last: int
) -> Iterator[StayDay]:
    stored = (0, 0, 0)
    for day in range(first, last + 1):
        end = (day + 1) * DAY - EAST_8 - 1
        if left is not None and left["time"] < end:
            end = left["time"]
        goods = _goods(events, opening, began, end)
        before = stored
        pallets, volume, weight = (max(0, amount) for amount in goods[:3])
        stored = before[0] + pallets, before[1] + volume, before[2] + weight
        since = (day * DAY - EAST_8) - began
        yield StayDay(
            day,
            day - first + 1,
            max(1, _hours(end - began)),
            _hours(since) if day > first else 0,
            goods,
            stored,
            before,
            opening,
        )


def _hours(ms: int) -> int:
    """Hours begun."""
    return (ms + HOUR - 1) // HOUR


def _goods(events: Sequence[Row], opening: Row, began: int, moment: int) -> Goods:
    """What is there at a moment: what was said before the entry counts where the opening says nothing."""
    changes = [event for event in events if event["kind"] in CHANGES and event["time"] <= moment]
    return _goods_after(changes, opening, began)


def _goods_after(changes: Sequence[Row], opening: Row, began: int) -> Goods:
    """The same after these changes."""
    goods = Goods()
    for event in changes:
        if event["time"] < began:
            goods = goods.told(event)
    goods = goods.told(opening)
    for event in changes:
        if event["time"] >= began:
            goods = goods.told(event)
    return goods


def _parts(
    events: Sequence[Row], opening: Row, began: int, left: Row | None, walk: Sequence["StayDay"]
) -> Iterator[tuple[Row, "StayDay"]]:
    """What left before the exit, with what went of it in the place of the day's goods."""
    changes = [event for event in events if event["kind"] in CHANGES]
    for at, event in enumerate(changes):
        gone = event["time"] < began or (left is not None and event["time"] > left["time"])
        if event["kind"] != "reduced" or gone:
            continue
        before = _goods_after(changes[:at], opening, began)
        later = changes[at + 1 :]
        end = next((n for n, one in enumerate(later) if one["kind"] == "reduced"), len(later))
        pallets, volume, weight = (
            _went(getattr(before, name), [event, *later[:end]], name)
            for name in ("pallets", "volume_cm3", "weight_g")
        )
        pieces = max(0, before.pieces - event["pieces"]) if event["pieces"] else -1
        day = next(one for one in walk if one.day == (event["time"] + EAST_8) // DAY)
        goods = Goods(pallets, volume, weight, before.zone, before.temperature, pieces)
        yield event, day._replace(goods=goods, hours=max(1, _hours(event["time"] - began)))


def _went(there: int, told: Sequence[Row], name: str) -> int:
    """How much of it went, by the first that tells what is left; -1: nobody does."""
    still = next((one[name] for one in told if one[name] >= 0), -1)
    return max(0, there - still) if there >= 0 and still >= 0 else -1


def _price(
    era: Era, due: Due, day: StayDay, days: int, hours: int, stored: tuple[int, int, int], vehicle: str
) -> tuple[PriceRow, Price] | None:
    """What a stay of so many days would cost, by the goods, the place and the prices of a day."""
    goods, opening = day.goods, day.opening
    parcel = Parcel(
        origin=opening["outlet"],
        destination=opening["outlet"],
        customer=opening["customer"],
        billing=opening["billing"],
        pieces=max(0, goods.pieces),
        grams=max(0, goods.weight_g),
        cm3=max(0, goods.volume_cm3),
        pallets=max(0, goods.pallets),
        days=days,
        hours=hours,
        temperature=goods.temperature,
        area=goods.zone,
        vehicle=vehicle,
        stored=stored,
    )
    return era.prices.price(due.price, EPOCH + timedelta(days=day.day), parcel, steps=True)


def unmeasured(row: PriceRow, goods: Goods) -> bool:
    """Whether the row counts what is not known."""
    settings = row.settings
    counted = {settings.get("each", ""), settings.get("measure", "")}
    return bool(
        (counted & {"pallets", "pallet_days"} and goods.pallets < 0)
        or (counted & {"volume", "m3_days"} and goods.volume_cm3 < 0)
        or ((settings.get("weight") or "kg_days" in counted) and goods.weight_g < 0)
        or ("pieces" in counted and goods.pieces < 0)
    )


def _untrue(steps: str, owed: Owed) -> Iterator[str]:
    """What the steps say otherwise; a day's last step takes off what the days before come to."""
    if owed.before is not None:
        try:
            *rest, last = json.loads(steps)
            said = last["kind"], Decimal(last["amount"]), Decimal(last["total"])
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            yield f"its steps cannot be read: {error!r}"
            return
        wanted = "accrued", owed.before.amount, owed.price.amount - owed.before.amount
        if said != wanted:
            yield f"the last step says {said}, should be {wanted}"
        steps = json.dumps(rest)
    yield from untrue(steps, owed.price)
