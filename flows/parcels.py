"""The parcel flow: Kafka → charges → journal → ClickHouse, one process per lane.

python -m flows.parcels LANE        settings from the environment: see schemas.settings
"""

import sys
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.engine.lane import Lane
from flows.engine.source import Input
from flows.journal.rules import PostingRules, read_rules
from flows.lifecycle import counts
from flows.lifecycle.process import Lifecycle
from flows.lifecycle.tables import Tables
from schemas import topics
from schemas.settings import Settings, from_environment

CODE = "parcels-2"
"""Raise it with every change that makes other rows of the same input: stored plans of another are refused."""


def parcels(lane: Lane, lifecycle: Lifecycle, tables: Tables) -> Dataflow:
    """The dataflow."""

    def make(item: tuple[str, Any]) -> tuple[str, Any]:
        block, output = item[1]
        counts.count(lane.number, output, lifecycle.watch.open)
        seq = lane.number << 32 | block.n
        return "lane", (block, tables.make(output, seq, lifecycle.rules.tariffs, lifecycle.directory))

    flow = Dataflow("parcels")
    blocks = op.input("blocks", flow, lane.source())
    charged = op.stateful_batch("charge", blocks, lane.keeper)
    rows = op.map("rows", charged, make)
    op.output("store", rows, lane.sink())
    return flow


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


def posting_rules() -> PostingRules:
    """The posting rules and chart of accounts that this version books by."""
    data = Path(__file__).parent / "journal"
    return read_rules((data / "posting.toml").read_text("utf-8"), (data / "accounts.csv").read_text("utf-8"))


def main() -> None:
    """Run one lane until it is told to stop."""
    settings, number = from_environment(), int(sys.argv[1]) if len(sys.argv) > 1 else 0
    rules = posting_rules()
    lifecycle = Lifecycle(settings.horizon, settings.ahead)
    lane = Lane(number, settings, inputs(number, settings), lifecycle, f"{CODE} {rules.version}")
    lane.run(parcels(lane, lifecycle, Tables(rules, writes_documents=number == 0)))


if __name__ == "__main__":
    main()
