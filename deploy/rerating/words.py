"""What was said of stays, hauls and customers' months, out of ClickHouse: as the events that a lane accepted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from flows.fees.current import FEES
from flows.fees.model import OF_MONTHS, OF_STAYS
from flows.storage.record import Said, Stay, place_of, said
from schemas.events import (
    Haul,
    MonthShipped,
    MonthStored,
    MonthWord,
    StayClosed,
    StayEvent,
    StayMeasured,
    StayMoved,
    StayOpened,
    StayReduced,
    StoreEvent,
)
from schemas.times import date_of

PAGE = 2_000
"""Stays that are asked for at once."""
Row = Mapping[str, Any]
_GOODS = "pieces, pallets, volume_cm3, weight_g, toString(source) AS source"
STAY_EVENTS = f"""
SELECT stay AS name, seq, event_id, toString(kind) AS kind, toUnixTimestamp64Milli(event_time) AS ms,
       toString(site) AS site, toString(outlet) AS outlet, customer, toString(billing) AS billing,
       toString(temperature) AS temperature, toString(zone) AS zone, toString(vehicle) AS vehicle, plate, pallet, lot,
       {_GOODS}, device
FROM stay_event WHERE $where ORDER BY event_time, event_id"""
HAULS = f"""
SELECT haul AS name, seq, event_id, toString(service) AS service, status = 'cancelled' AS gone,
       toUnixTimestamp64Milli(event_time) AS ms, toInt32(business_date) AS of_day, toString(site) AS site,
       toString(outlet) AS outlet, toString(destination) AS destination, customer, toString(billing) AS billing,
       toString(temperature) AS temperature, toString(vehicle) AS vehicle, plate, goods_of,
       toString(services) AS further, {_GOODS}, reinterpretAsInt64(insured) AS insured_e4
FROM haul WHERE $where ORDER BY event_time, event_id"""
MONTHS = """
SELECT name, seq, event_id, customer, month, toString(due) AS due, toString(outlet) AS outlet,
       status = 'cancelled' AS gone, toUnixTimestamp64Milli(counted_at) AS ms, reinterpretAsInt64(amount) AS amount_e4,
       parcels, toString(blocks) AS counted
FROM stay_month WHERE $where ORDER BY counted_at, event_id"""

_KINDS: dict[str, type[StayEvent]] = {
    "opened": StayOpened,
    "measured": StayMeasured,
    "reduced": StayReduced,
    "moved": StayMoved,
    "closed": StayClosed,
}
_PACKAGES = {due.name for due in FEES.dues if due.trigger == "parcel_month"}
_MAY_LACK = ("pallets", "volume_cm3", "weight_g")


def stay_event(row: Row) -> StayEvent:
    """A row of `STAY_EVENTS`; what says nothing has its default."""
    kind = _KINDS[row["kind"]]
    fields = _fields(kind, row)
    if kind is StayReduced and not fields["pieces"]:
        fields["pieces"] = None
    return kind(**fields | {"stay": row["name"]})


def haul(row: Row) -> Haul:
    """A row of `HAULS`."""
    further = tuple(row["further"].split("|")) if row["further"] else ()
    own = {"haul": row["name"], "day": date_of(row["of_day"]), "cancelled": bool(row["gone"])}
    return Haul(**_fields(Haul, row) | own | {"services": further})


def month(row: Row) -> MonthWord:
    """A row of `MONTHS`."""
    kind = MonthShipped if row["due"] in _PACKAGES else MonthStored
    return kind(**_fields(kind, row) | {"cancelled": bool(row["gone"])})


def _fields(kind: Any, row: Row) -> dict[str, Any]:
    fields = {name: row[name] for name in kind.__struct_fields__ if name in row}
    lacking = {name: None for name in _MAY_LACK if fields.get(name, 0) < 0}
    return {**fields, **lacking, "id": row["event_id"], "time": row["ms"]}


class Kind(NamedTuple):
    """Something that stores charge for, and where the books have what was said of it."""

    triggers: tuple[str, ...]
    name: str
    """The column of their names."""
    words: str
    event: Callable[[Row], StoreEvent]


KINDS = STAYS, CARRIED, COUNTED = (
    Kind(OF_STAYS, "stay", STAY_EVENTS, stay_event),
    Kind(("hauled",), "haul", HAULS, haul),
    Kind(OF_MONTHS, "name", MONTHS, month),
)
"""Months last: they look at what the stays of the same customers come to."""


def told(client: Client, kind: Kind, names: Sequence[str], where: str) -> dict[str, list[Row]]:
    """What was said of some stays, hauls or months, by their names, in order."""
    sql = kind.words.replace("$where", f"{kind.name} IN {{names:Array(String)}} AND {where}")
    found: dict[str, list[Row]] = {}
    for start in range(0, len(names), PAGE):
        for row in rows(client, sql, names=list(names[start : start + PAGE])):
            found.setdefault(row["name"], []).append(row)
    return found


def _same(one: Said) -> Said:
    return one


def record(kind: Kind, words: Iterable[Row], otherwise: Callable[[Said], Said] = _same) -> Stay:
    """A lane's record of which this was said, and for which nothing is booked. There has to be a word.

    `otherwise`: what is taken to have been said instead.
    """
    stay = Stay("", 0, 0, said={}, booked={})
    for row in words:
        event = kind.event(row)
        stay.key, stay.name = place_of(event)
        stay.said[event.id] = otherwise(said(event, row["outlet"], b""))
    return stay
