"""The parcel flow: Kafka → charges → journal → ClickHouse, one process per lane.

python -m flows.parcels LANE        settings from the environment: see schemas.settings
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.engine.lane import Lane
from flows.engine.messages import Letter, parts_of
from flows.engine.source import Input
from flows.fees.current import FEES
from flows.fees.model import Fees
from flows.journal.positions import Positions, read_positions
from flows.journal.post import Booked
from flows.lifecycle import counts
from flows.lifecycle.process import Lifecycle
from flows.lifecycle.tables import Tables
from schemas import topics
from schemas.settings import Settings, from_environment
from schemas.shipped import shipped

SENDER = "parcels"
"""The name under which messages to other flows are sent."""
CODE = "parcels-18"
"""Raise it with every change that makes other rows of the same input: stored plans of another are refused."""


def parcels(lane: Lane, lifecycle: Lifecycle, tables: Tables, positions: Positions) -> Dataflow:
    """The dataflow."""

    def make(item: tuple[str, Any]) -> tuple[str, Any]:
        block, output = item[1]
        counts.count(lane.number, output, lifecycle.waits, lifecycle.watch.open)
        seq = lane.number << 32 | block.n
        rows = tables.make(output, seq, lifecycle.rules.tariffs, lifecycle.directory)
        return "lane", (block, rows, letters(lane.number, block.n, tables.booked, positions))

    flow = Dataflow("parcels")
    blocks = op.input("blocks", flow, lane.source())
    charged = op.stateful_batch("charge", blocks, lane.keeper)
    rows = op.map("rows", charged, make)
    op.output("store", rows, lane.sink())
    return flow


def letters(
    lane: int,
    block: int,
    booked: Booked | None,
    positions: Positions,
    sender: str = SENDER,
    more: Mapping[int, list[bytes]] = {},
) -> list[Letter]:
    """What a block tells the accounts flow: what it booked, then `more`, bodies by partition."""
    gains = positions.booked(booked) if booked is not None else None
    bodies = positions.of(gains, booked.parties) if booked is not None and gains is not None else {}
    for partition, added in more.items():
        bodies.setdefault(partition, []).extend(added)
    said = parts_of(sender, lane, block, bodies)
    return [Letter(topics.POSTINGS.name, "", message, partition) for partition, message in said]


def inputs(lane: int, settings: Settings) -> list[Input]:
    """What a lane reads, in the order in which a block is processed: rules and time before events."""
    mine = [p for p in range(settings.partitions) if p % settings.lanes == lane]
    return [
        Input(topics.CONTROL.name, 0, first=True, documents=True),
        Input(topics.TICKS.name, 0, first=True, leads=True),
        *(Input(topics.ORDERS.name, p, leads=True) for p in mine),
        *(Input(topics.DEVICES.name, p) for p in mine),
        *(Input(topics.DEAD_LETTERS.name, p) for p in mine),
    ]


def positions_of(fees: Fees, partitions: int) -> Positions:
    """What each fee changes between a party and headquarters."""
    counted = shipped(read_positions, Path(__file__).parent / "journal" / "positions.toml")
    return Positions(fees.rules, fees.names, counted.accounts, partitions)


def lifecycle_of(settings: Settings) -> Lifecycle:
    """A lane's parcels, before it has read anything."""
    return Lifecycle(
        settings.horizon,
        settings.ahead,
        oldest=settings.oldest,
        leap=settings.leap,
        partitions=settings.partitions,
    )


def main() -> None:
    """Run one lane until it is told to stop."""
    settings, number = from_environment(), int(sys.argv[1]) if len(sys.argv) > 1 else 0
    lifecycle = lifecycle_of(settings)
    lane = Lane(number, settings, inputs(number, settings), lifecycle, f"{CODE} {FEES.version}")
    tables, positions = Tables(FEES, writes_documents=number == 0), positions_of(FEES, settings.partitions)
    lane.run(parcels(lane, lifecycle, tables, positions))


if __name__ == "__main__":
    main()
