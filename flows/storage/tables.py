"""A block's output → the columns of its tables, and their bytes."""

from collections.abc import Sequence
from typing import Any

from flows.fees.model import Fees
from flows.governance.network import Network
from flows.journal.post import Booked
from flows.lifecycle import tables as lifecycle
from flows.lifecycle.directory import blocks_of
from flows.rating.tariffs import Tariffs
from flows.storage.output import Accepted, Output, StayWait
from flows.storage.record import KINDS, place_of
from schemas.events import (
    Haul,
    MonthShipped,
    MonthStored,
    StayClosed,
    StayMeasured,
    StayMoved,
    StayOpened,
    StayReduced,
    each_once,
)
from schemas.times import day_of
from sinks import columns
from sinks.columns import Made
from sinks.encode import Encoded


class Tables:
    """Makes a lane's blocks into rows; the parcel flow's lanes write the documents."""

    def __init__(self, fees: Fees) -> None:
        self._charges = lifecycle.Tables(fees, writes_documents=False)

    @property
    def booked(self) -> Booked:
        """What the newest block booked."""
        return self._charges.booked

    def make(self, output: Output, seq: int, tariffs: Tariffs, network: Network) -> list[Encoded]:
        """All tables of a block that have rows, in order of their names."""
        made = self._charges.columns(output.booked, tariffs, network)
        made |= {"stay_event": _events([row for row in output.events if type(row.event) in _KIND])}
        made |= {"haul": _hauls([row for row in output.events if isinstance(row.event, Haul)])}
        made |= {"stay_month": _months([row for row in output.events if isinstance(row.event, _MONTHS)])}
        made |= {"waiting": _waits(output.waits)}
        return lifecycle.encoded(made, seq)


_KIND: dict[type[Any], str] = dict(
    zip((StayOpened, StayMeasured, StayMoved, StayClosed, StayReduced), KINDS, strict=True)
)


_MONTHS = (MonthStored, MonthShipped)


class _Of:
    """Fields of accepted events as columns; of an event that has no such field a default."""

    def __init__(self, rows: Sequence[Accepted]) -> None:
        self.rows = rows
        self.events = [row.event for row in rows]

    def __call__(self, name: str, default: Any = "") -> list[Any]:
        return [getattr(event, name, default) for event in self.events]

    def measured(self, name: str, kind: str) -> Made:
        """What may not be measured, -1 then."""
        found = self(name, None)
        return columns.numbers(columns.ints([-1 if value is None else value for value in found]), kind)

    def goods(self) -> dict[str, Made]:
        """How many, how large, how heavy."""
        return {
            "pieces": columns.numbers(columns.ints([value or 0 for value in self("pieces", 0)]), "uint32"),
            "pallets": self.measured("pallets", "int32"),
            "volume_cm3": self.measured("volume_cm3", "int64"),
            "weight_g": self.measured("weight_g", "int64"),
        }

    def record(self) -> dict[str, Made]:
        """Where the events' records are on Kafka."""
        return {
            "partition": columns.numbers(columns.ints([row.partition for row in self.rows]), "uint16"),
            "offset": columns.numbers(columns.ints([row.offset for row in self.rows]), "uint64"),
        }


def _hauls(rows: Sequence[Accepted]) -> dict[str, Made] | None:
    if not rows:
        return None
    of = _Of(rows)
    return {
        "event_id": columns.texts(of("id")),
        "haul": columns.texts(of("haul")),
        "service": columns.spelled(of("service")),
        "status": columns.spelled(["cancelled" if gone else "done" for gone in of("cancelled")]),
        "event_time": columns.times(columns.ints(of("time"))),
        "business_date": columns.dates(columns.ints(list(map(day_of, of("day"))))),
        "site": columns.spelled(of("site")),
        "outlet": columns.spelled([row.outlet for row in rows]),
        "destination": columns.spelled(of("destination")),
        "customer": columns.texts(of("customer")),
        "billing": columns.spelled(of("billing")),
        "temperature": columns.spelled(of("temperature")),
        "vehicle": columns.spelled(of("vehicle")),
        "plate": columns.texts(of("plate")),
        "goods_of": columns.texts(of("goods_of")),
        "services": columns.spelled(["|".join(each_once(some)) for some in of("services")]),
        **of.goods(),
        "insured": columns.money(columns.ints(of("insured_e4"))),
        "source": columns.spelled(of("source")),
        **of.record(),
    }


def _months(rows: Sequence[Accepted]) -> dict[str, Made] | None:
    if not rows:
        return None
    of = _Of(rows)
    return {
        "event_id": columns.texts(of("id")),
        "name": columns.texts([place_of(row.event)[1] for row in rows]),
        "customer": columns.texts(of("customer")),
        "month": columns.dates(columns.ints(list(map(day_of, of("month"))))),
        "due": columns.spelled(of("due")),
        "outlet": columns.spelled(of("outlet")),
        "status": columns.spelled(["cancelled" if gone else "counted" for gone in of("cancelled")]),
        "counted_at": columns.times(columns.ints(of("time"))),
        "counted_by": columns.texts(of("by")),
        "amount": columns.money(columns.ints(of("amount_e4", 0))),
        "parcels": columns.numbers(columns.ints(of("parcels", 0)), "uint64"),
        "blocks": columns.spelled([blocks_of(blocks) for blocks in of("blocks")]),
        **of.record(),
    }


def _events(rows: Sequence[Accepted]) -> dict[str, Made] | None:
    if not rows:
        return None
    of = _Of(rows)
    events = of.events
    return {
        "event_id": columns.texts(of("id")),
        "kind": columns.spelled([_KIND[type(event)] for event in events]),
        "stay": columns.texts(of("stay")),
        "event_time": columns.times(columns.ints(of("time"))),
        "site": columns.spelled(of("site")),
        "outlet": columns.spelled([row.outlet for row in rows]),
        "customer": columns.texts(of("customer")),
        "billing": columns.spelled(of("billing")),
        "temperature": columns.spelled(of("temperature")),
        "zone": columns.spelled(of("zone")),
        "vehicle": columns.spelled(of("vehicle")),
        "plate": columns.texts(of("plate")),
        "pallet": columns.texts(of("pallet")),
        "lot": columns.texts(of("lot")),
        **of.goods(),
        "source": columns.spelled(of("source")),
        "device": columns.texts(of("device")),
        **of.record(),
    }


def _waits(rows: Sequence[StayWait]) -> dict[str, Made] | None:
    if not rows:
        return None
    return {
        "waybill": columns.texts([row.stay for row in rows]),
        "fee": columns.spelled([row.due for row in rows]),
        "part": columns.texts([""] * len(rows)),
        "reason": columns.spelled([row.reason for row in rows]),
        "since": columns.times(columns.ints([row.since for row in rows])),
        "outlet": columns.spelled([row.outlet for row in rows]),
    }
