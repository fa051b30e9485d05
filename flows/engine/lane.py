"""A lane: one single-worker Bytewax process that owns some partitions, their records and their plan log.

`Lane` puts the engine's parts together around a `Work`: what a dataflow does with a block. Lanes share
nothing but the tables; a lane is moved to another machine with its recovery store, or replays from Kafka.
"""

import gc
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import run_main

from flows.engine import crash, metrics, ring
from flows.engine.block import Block, Receipt
from flows.engine.inserter import Inserter
from flows.engine.log import capture, log
from flows.engine.messages import Letter
from flows.engine.plans import PlanLog
from flows.engine.recovery import recovery
from flows.engine.ring import Ring
from flows.engine.source import DOCUMENTS, Blocks, Cutter, Input, Position
from flows.engine.stop import Stop
from schemas import topics
from schemas.settings import Settings
from sinks.clickhouse import connect, create_tables, patiently
from sinks.encode import Encoded
from sinks.kafka import Records


class Work(Protocol):
    """What a dataflow does with its blocks. Deterministic given its state and the block."""

    ring: Ring[Any]

    def process(self, block: Block) -> Any:
        """What a block leads to."""

    def restored(self) -> None:
        """The ring is back: derive what is not stored."""

    def save_documents(self) -> bytes:
        """State that changes seldom (published books), stored only in epochs that change it."""

    def load_documents(self, saved: bytes) -> None:
        """Put that state back."""

    def ready(self, records: Sequence[bytes]) -> bool:
        """Whether the first block may be cut, given the records of the documents' inputs."""


class Lane:
    """Builds the source, the keeper of state and the sink of one lane."""

    def __init__(
        self, number: int, settings: Settings, inputs: Sequence[Input], work: Work, version: str
    ) -> None:
        self.number, self.settings, self.inputs, self.work = number, settings, inputs, work
        self.home = settings.home / f"lane{number}"
        capture()
        port = settings.metrics_port and settings.metrics_port + number
        metrics.serve(port, self.home, settings.metrics_host)
        metrics.STORE_AWAY.set(1)
        self._stop = Stop()
        say = lambda text: log("store", lane=number, waiting=text)  # noqa: E731
        self.client = patiently(lambda: connect(settings), say)
        if not settings.cluster:
            create_tables(self.client)
        metrics.STORE_AWAY.set(0)
        self.plans = PlanLog(self.client, number)
        self.inserter = Inserter(self.client, self.plans, version, lambda: Records(settings, linger_ms=0))

    def source(self) -> Blocks:
        """Blocks of the lane's inputs."""
        return Blocks(self._cutter)

    def _cutter(self, position: Position) -> Cutter:
        self.plans.load(position.n, position.upto)
        self.plans.refuse_others(i.name for i in self.inputs if topics.named(i.topic).partitioned)
        self.inserter.begin(position.upto)
        metrics.BLOCK_AGE.labels(str(self.number)).set(self.plans.written() or time.time())
        compiled = not ring.__file__.endswith(".py")
        log("start", lane=self.number, block=position.n, replay=len(self.plans.stored), compiled=compiled)
        return Cutter(
            lane=self.number,
            inputs=self.inputs,
            options={"bootstrap.servers": self.settings.kafka, **self.settings.kafka_options},
            position=position,
            plans=dict(self.plans.stored),
            planned=self.inserter.plan,
            ready=self.work.ready,
            stopping=lambda: self._stop.asked,
            period=lambda: max(self.settings.period, self.inserter.pace),
            budget=self.settings.budget,
            ring_size=self.work.ring.size,
            partitions=self.settings.partitions,
        )

    def keeper(self, resume: Any) -> "Keeper":
        """Bytewax' state logic for the key it is asked for."""
        return Keeper(self, resume)

    def sink(self) -> "Rows":
        """Where the rows of blocks go."""
        return Rows(self.inserter)

    def run(self, flow: Dataflow) -> None:
        """Run until SIGTERM or SIGINT, then finish the epoch, insert everything, commit and seal."""
        gc.disable()  # the hot path makes no cycles; restored records are frozen
        with recovery(self.home) as store:
            run_main(flow, epoch_interval=timedelta(seconds=self.settings.epoch), recovery_config=store)
        self.inserter.close()
        log("stopped", lane=self.number, block=self.inserter.receipt.n)


class Keeper(StatefulBatchLogic[Any, Any, Any]):
    """The lane's state under three kinds of keys.

    `work` takes blocks and stores nothing; the ring's numbers take an epoch's tick and store its segment;
    `documents` is touched by blocks with published documents, and stores them.
    """

    def __init__(self, lane: Lane, resume: Any) -> None:
        self.lane = lane
        self.epoch: int | None = None
        self.documents = False
        match resume:
            case (int(epoch), bytes(segment)):
                self.epoch = epoch
                lane.work.ring.found(segment)
            case bytes(saved):
                self.documents = True
                lane.work.load_documents(saved)

    def on_batch(self, values: list[Any]) -> tuple[list[Any], bool]:
        """Ticks of the ring and blocks."""
        work = self.lane.work
        self._restore()
        out = []
        for value in values:
            if isinstance(value, Block):
                out.append((value, work.process(value)))
                metrics.OPEN.labels(str(self.lane.number)).set(len(work.ring.records))
                metrics.DATA_TIME.labels(str(self.lane.number)).set(work.ring.now / 1000)
            elif value == DOCUMENTS:
                self.documents = True
            else:
                if value != work.ring.epoch:
                    raise RuntimeError(
                        f"lane {self.lane.number}: the source is in epoch {value}, the ring in {work.ring.epoch}: "
                        "delete the recovery store to replay from the beginning"
                    )
                self.epoch = value
        return out, False

    def snapshot(self) -> Any:
        """What the recovery store keeps of this key: also of a lane that was told to stop before anything came."""
        self._restore()
        if self.documents:
            return self.lane.work.save_documents()
        if self.epoch is None:
            return None
        ring = self.lane.work.ring
        packed = ring.segment(self.epoch)
        metrics.EPOCH_SECONDS.labels(str(self.lane.number)).observe(ring.seconds)
        metrics.EPOCH_AT.labels(str(self.lane.number)).set(time.time())
        return self.epoch, packed

    def _restore(self) -> None:
        """Put back what the recovery store had of all keys, once; it has handed out all of it by now."""
        if self.lane.work.ring.restore():
            self.lane.work.restored()


class Rows(FixedPartitionedSink[Any, Any]):
    """The lane's only sink partition: nothing of it is pending when an epoch is committed."""

    def __init__(self, inserter: Inserter) -> None:
        self.inserter = inserter

    def list_parts(self) -> list[str]:
        """The lane itself."""
        return ["lane"]

    def build_part(self, step_id: str, for_part: str, resume_state: Receipt | None) -> "RowsPartition":  # noqa: ARG002
        """Go on after the newest block that the recovery store knows."""
        self.inserter.start(resume_state or Receipt())
        return RowsPartition(self.inserter)


class RowsPartition(StatefulSinkPartition[Any, Any]):
    """Hands blocks to the inserter, and waits for it at the end of an epoch."""

    def __init__(self, inserter: Inserter) -> None:
        self.inserter = inserter

    def write_batch(self, items: list[tuple[Block, Sequence[Encoded], Sequence[Letter]]]) -> None:
        """Blocks in order: their rows, and what they send to other flows."""
        for block, made, letters in items:
            self.inserter.rows(block, made, letters)

    def snapshot(self) -> Receipt:
        """Everything of the epoch is in the store: remember what its newest block wrote."""
        self.inserter.drain()
        crash.point("before_commit")
        return self.inserter.receipt
