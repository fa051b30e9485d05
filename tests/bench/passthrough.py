"""The pass-through: the same engine, the same events in and as many rows out, but nothing is rated.

    python -m tests.bench.passthrough LANE

What remains is Kafka, decoding, columns, the plan log and the store: the ceiling for any rating.
"""

import sys
from typing import Any

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from msgspec.structs import astuple

from flows.engine.block import Block
from flows.engine.lane import Lane
from flows.engine.messages import Letter
from flows.engine.ring import Ring
from flows.fees.current import FEES
from flows.governance.network import Network
from flows.journal.post import ChargeColumns
from flows.lifecycle.accepted import Accepted, runs
from flows.lifecycle.charged import Charge, Charges
from flows.lifecycle.intake import DECODERS
from flows.lifecycle.output import Adoption, Output
from flows.lifecycle.parcel import Parcel
from flows.lifecycle.process import Lifecycle
from flows.lifecycle.tables import Tables
from flows.parcels import inputs
from schemas import topics
from schemas.settings import from_environment
from sinks.columns import Made
from sinks.encode import Encoded

ROW = Charge("YT7500000000000", 1, 0, False, 10_000, 0, "", "", "", "", "", "", 0, 0, 0, 0, None)

ADOPTED = Adoption("YT7500000000000", "w", "hub_dws", 1_000, 0, 0, "H00000", "", "first")


class PassThrough(Lifecycle):
    """Takes every event as accepted; two events are worth one charge, two weights one adoption."""

    def __init__(self, horizon: int) -> None:
        super().__init__(horizon)
        self.ring = Ring(Parcel, self.over)

    def process(self, block: Block) -> Output:
        """Decode, and nothing else."""
        accepted = Accepted(self.words)
        output = self.output = self.rules.output = Output(accepted, Charges(self.words, self.fees.names))
        kinds: dict[bytes, tuple[list[Any], list[int]]] = {
            b"o": (accepted.orders, accepted.order_offsets),
            b"s": (accepted.scans, accepted.scan_offsets),
            b"w": (accepted.weights, accepted.weight_offsets),
        }
        for records in block.inputs:
            if records.topic not in (topics.ORDERS.name, topics.DEVICES.name):
                self._others(records, block.newest)
                continue
            for run in runs(records):
                for raw, offset in zip(run.values, run.offsets, strict=True):
                    letter = raw[9:10]
                    kept, offsets = kinds[letter]
                    event = DECODERS[letter](raw)
                    kept.append(event if letter == b"o" else astuple(event))
                    offsets.append(offset)
                accepted.keep(records.topic, records.partition)
        rows = accepted.rows()
        for _ in range(sum(rows.values()) // 2):
            output.charges.append(ROW)
        output.charges.keep()
        output.adoptions = [ADOPTED] * (rows["weight"] // 2)
        return output


class PlainTables(Tables):
    """The same number of journal rows, by the same columns: 18 for every five charges."""

    def _charges(self, output: Output, network: Network) -> tuple[dict[str, Made], ChargeColumns]:
        made, columns = super()._charges(output, network)
        columns.fees = np.arange(len(output.charges), dtype=np.int32) % 5
        return made, columns


def main() -> None:
    """Run one lane until it is told to stop."""
    settings, number = from_environment(), int(sys.argv[1])
    work = PassThrough(settings.horizon)
    tables = PlainTables(FEES, writes_documents=number == 0)
    lane = Lane(number, settings, inputs(number, settings), work, "pass-through")

    def make(item: tuple[str, Any]) -> tuple[str, tuple[Block, list[Encoded], list[Letter]]]:
        block, output = item[1]
        network: Network = work.directory
        return "lane", (block, tables.make(output, number << 32 | block.n, work.rules.tariffs, network), [])

    flow = Dataflow("passthrough")
    blocks = op.input("blocks", flow, lane.source())
    passed = op.stateful_batch("pass", blocks, lane.keeper)
    op.output("store", op.map("rows", passed, make), lane.sink())
    lane.run(flow)


if __name__ == "__main__":
    main()
