"""Parcels that were assessed again → the columns of their table: few rows, so plainness counts."""

from collections.abc import Sequence

from flows.lifecycle.output import Recall
from sinks import columns
from sinks.columns import Made


def recalls(rows: Sequence[Recall]) -> dict[str, Made] | None:
    """Table `recall`."""
    if not rows:
        return None
    return {
        "event_id": columns.texts([row.event_id for row in rows]),
        "waybill": columns.texts([row.waybill for row in rows]),
        "cause": columns.texts([row.cause for row in rows]),
        "status": columns.spelled([row.status for row in rows]),
        "event_time": columns.times(columns.ints([row.time for row in rows])),
        "reversed": columns.numbers(columns.ints([row.reversed for row in rows]), "uint32"),
        "charged": columns.numbers(columns.ints([row.charged for row in rows]), "uint32"),
        "partition": columns.numbers(columns.ints([row.partition for row in rows]), "uint16"),
        "offset": columns.numbers(columns.ints([row.offset for row in rows]), "uint64"),
    }
