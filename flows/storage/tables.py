"""A block's output → the columns of its tables, and their bytes."""

from collections.abc import Sequence
from typing import Any

from flows.fees.model import Fees
from flows.governance.network import Network
from flows.journal.post import Booked
from flows.lifecycle import tables as lifecycle
from flows.rating.tariffs import Tariffs
from flows.storage.output import Accepted, Output, StayWait
from flows.storage.record import KINDS
from schemas.events import StayClosed, StayMeasured, StayMoved, StayOpened
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
        made |= {"stay_event": _events(output.events), "waiting": _waits(output.waits)}
        return lifecycle.encoded(made, seq)


_KIND = dict(zip((StayOpened, StayMeasured, StayMoved, StayClosed), KINDS, strict=True))


def _events(rows: Sequence[Accepted]) -> dict[str, Made] | None:
    if not rows:
        return None
    events = [row.event for row in rows]

    def of(name: str, default: Any = "") -> list[Any]:
        return [getattr(event, name, default) for event in events]

    def measured(name: str, kind: str) -> Made:
        found = of(name, None)
        return columns.numbers(columns.ints([-1 if value is None else value for value in found]), kind)

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
        "pieces": columns.numbers(columns.ints(of("pieces", 0)), "uint32"),
        "pallets": measured("pallets", "int32"),
        "volume_cm3": measured("volume_cm3", "int64"),
        "weight_g": measured("weight_g", "int64"),
        "source": columns.spelled(of("source")),
        "device": columns.texts(of("device")),
        "partition": columns.numbers(columns.ints([row.partition for row in rows]), "uint16"),
        "offset": columns.numbers(columns.ints([row.offset for row in rows]), "uint64"),
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
