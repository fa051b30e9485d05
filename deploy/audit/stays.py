"""Goods in stores priced again: each business day, the entry and the exit, from the raw events and the books.

Written apart from the flow. A stay's days are walked one by one; a day costs what the stay would cost with it less
what it would cost without it, by the goods and the prices of that day. What a lane still has is charged by the newest
rules; what has left the store may have left the lane, too, and is then charged by the rules of some moment after its
last event.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from deploy.audit.eras import Era
from deploy.audit.postings import STAYS, Due
from deploy.audit.pricing import Parcel
from deploy.audit.report import Check, Findings
from deploy.audit.rows import Row as PriceRow
from deploy.audit.store import LANE, shard_of
from deploy.audit.stored import E4, EPOCH, NO_MEASURE, NO_PRICE, Bill, Books, Key, Owed, Row, Stored
from deploy.audit.tariffs import Price

HOUR, DAY, EAST_8 = 3_600_000, 86_400_000, 8 * 3_600_000
ENTRY, DAILY, EXIT = STAYS
CHANGES = ("measured", "reduced", "moved")
"""Events that say what is there, or where."""
NO_OPENING = "no_opening"

_EVENTS = f"""
    SELECT stay AS name, seq, line, event_id, toString(kind) AS kind, toUnixTimestamp64Milli(event_time) AS time,
           toString(outlet) AS outlet, customer, toString(billing) AS billing, toString(temperature) AS temperature,
           toString(zone) AS zone, toString(vehicle) AS vehicle, pieces, pallets, volume_cm3, weight_g
    FROM $stay_event WHERE {shard_of("stay")} ORDER BY name, event_time, event_id"""
_PASSED = f"""
    SELECT bitShiftRight(seq, {LANE}) AS lane, max(part) AS newest FROM $charge
    WHERE part != '' AND fee IN (SELECT fee FROM $fee WHERE trigger = '{DAILY}')
        AND waybill NOT IN (SELECT stay FROM $stay_event WHERE kind = 'closed')
    GROUP BY lane"""


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


class Stays(Stored):
    """Walks through all stays; posts what they owe into `journal`, the sums of which are checked elsewhere."""

    TRIGGERS = STAYS
    WORDS = "events"
    TOLD = (("stay_event", _EVENTS),)
    ENDS = "toString(origin)"

    def __init__(self, books: Books) -> None:
        super().__init__(books)
        self._passed = {row["lane"]: date.fromisoformat(row["newest"]) for row in books.store.rows(_PASSED)}
        """By lane: the newest day that goods which are still there were charged for."""
        self.charges = Findings("recomputed_stays", "在库批次逐日仓储费与装卸费由原始事件独立重算")
        self.snapshots = Findings("recomputed_stay_prices", "在库批次的计费步骤独立重算")
        self.waits = Findings("recomputed_stay_waiting", "在库批次的待计费原因独立重算")

    def checks(self) -> Iterator[Check]:
        """Their outcome."""
        yield self.charges.check("charges of stays")
        yield self.snapshots.check("prices of stays")
        yield self.waits.check("stays")

    def _today(self, lane: int, events: Sequence[Row]) -> int:
        """The business day that has not passed, as far as it can be known."""
        if self._data_time is not None:
            return (self._data_time + EAST_8) // DAY
        newest = self._passed.get(lane)
        return (newest - EPOCH).days + 1 if newest is not None else (events[0]["time"] + EAST_8) // DAY

    def _goes_on(self, events: Sequence[Row]) -> bool:
        """Goods that have not left are still in their lane."""
        return all(event["kind"] != "closed" for event in events)

    def _bill(self, era: Era, events: Sequence[Row], today: int) -> Bill:
        """What a stay owes by the rules of an era. Events are in order of time and id."""
        bill = Bill()
        opened = [event for event in events if event["kind"] == "opened"]
        live = [due for due in self._dues.values() if due.live(era.priced)]
        if not opened:
            bill.waits = {due.name: NO_OPENING for due in live if due.required}
            return bill
        began, counts = opened[0]["time"], opened[-1]
        bill.opening = counts["event_id"]
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
                brought = _brought(events, counts, began, left, walk[0])
                self._owe(bill, era, due, "", brought, counts["vehicle"])
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
        customer, outlet = day.opening["customer"], day.opening["outlet"]
        grams = max(0, day.goods.weight_g)
        bill.owed[due.name, part] = Owed(
            int(amount * E4), day.day, customer, (outlet,), bill.opening, grams, row, price, before
        )

    def _explained(self, stay: str, key: Key, events: list[Row], charge: Row) -> None:
        self.snapshots.seen += 1
        for wrong in self._unexplained(key, events, charge):
            self.snapshots.add(f"{stay} {key}: {wrong}")


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


def _brought(events: Sequence[Row], opening: Row, began: int, left: Row | None, first: StayDay) -> StayDay:
    """The first day with all that came in, also what left again on it."""
    evening = (first.day + 1) * DAY - EAST_8 - 1
    until = evening if left is None else min(evening, left["time"])
    said = [event for event in events if event["kind"] in CHANGES and event["time"] <= until]
    going = [at for at, event in enumerate(said) if event["kind"] == "reduced" and event["time"] >= began]
    return first._replace(goods=_goods_after(said[: going[0]], opening, began)) if going else first


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
