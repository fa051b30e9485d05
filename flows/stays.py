"""The storage flow: Kafka → charges of goods in stores → journal → ClickHouse, one process per lane.

python -m flows.stays LANE        settings from the environment: see schemas.settings
"""

import sys
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.engine.lane import Lane
from flows.engine.source import Input
from flows.fees.current import FEES
from flows.journal.positions import Positions
from flows.parcels import letters, positions_of
from flows.storage import counts
from flows.storage.process import Storage
from flows.storage.tables import Tables
from schemas import topics
from schemas.settings import Settings, from_environment

FIRST = 2000
"""Number of the flow's first lane: the tables are shared with the other flows, whose lanes begin with 0 and 1000."""
SENDER = "stays"
"""The name under which messages to other flows are sent."""
CODE = "stays-14"
"""Raise it with every change that makes other rows of the same input: stored plans of another are refused."""


def stays(lane: Lane, storage: Storage, tables: Tables, positions: Positions) -> Dataflow:
    """The dataflow."""

    def make(item: tuple[str, Any]) -> tuple[str, Any]:
        block, output = item[1]
        counts.count(output)
        seq = lane.number << 32 | block.n
        rows = tables.make(output, seq, storage.rules.tariffs, storage.directory)
        return "lane", (block, rows, letters(lane.number, block.n, tables.booked, positions, SENDER))

    flow = Dataflow("stays")
    blocks = op.input("blocks", flow, lane.source())
    charged = op.stateful_batch("charge", blocks, lane.keeper)
    rows = op.map("rows", charged, make)
    op.output("store", rows, lane.sink())
    return flow


def inputs(lane: int, settings: Settings) -> list[Input]:
    """What a lane reads, in the order in which a block is processed: rules and time before events."""
    mine = [p for p in range(settings.partitions) if p % settings.stay_lanes == lane]
    return [
        Input(topics.CONTROL.name, 0, first=True, documents=True),
        Input(topics.TICKS.name, 0, first=True, leads=True),
        *(Input(topics.STAYS.name, p, leads=True) for p in mine),
        *(Input(topics.DEAD_LETTERS.name, p) for p in mine),
    ]


def storage_of(settings: Settings) -> Storage:
    """A lane's stays, before it has read anything."""
    return Storage(
        settings.horizon,
        FEES,
        settings.ahead,
        oldest=settings.oldest,
        leap=settings.leap,
        partitions=settings.partitions,
    )


def main() -> None:
    """Run one lane until it is told to stop."""
    settings, index = from_environment(), int(sys.argv[1]) if len(sys.argv) > 1 else 0
    storage = storage_of(settings)
    lane = Lane(FIRST + index, settings, inputs(index, settings), storage, f"{CODE} {FEES.version}")
    lane.run(stays(lane, storage, Tables(FEES), positions_of(FEES, settings.partitions)))


if __name__ == "__main__":
    main()
