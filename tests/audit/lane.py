"""A lane without Kafka: records in, cut into blocks, processed by the flow's own code, rows in the store."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from flows.engine.block import Block, Records
from flows.fees.current import FEES
from flows.fees.model import Fees
from flows.lifecycle.process import Lifecycle
from flows.lifecycle.tables import Tables
from schemas import topics
from schemas.events import (
    BalanceMoved,
    BooksClosed,
    BooksReopened,
    Claim,
    ClaimWithdrawn,
    CostIncurred,
    CostWithdrawn,
    DeadLetter,
    Event,
    HandoverWithdrawn,
    NetworkPart,
    NetworkPublished,
    Order,
    PartiesMerged,
    PartyTransferred,
    TariffPart,
    TariffPublished,
    TariffWithdrawn,
    Tick,
    VolumesCounted,
    WeightDecided,
)
from schemas.limits import HORIZON
from tests.audit.writer import Writer
from tests.engine.reviving import revived


class Record(NamedTuple):
    """What Kafka would hold."""

    topic: str
    partition: int
    value: bytes


def record(event: Event, partition: int = 0) -> Record:
    """An event on its topic."""
    topic = {
        Order: topics.ORDERS,
        Claim: topics.ORDERS,
        ClaimWithdrawn: topics.ORDERS,
        WeightDecided: topics.ORDERS,
        Tick: topics.TICKS,
        NetworkPublished: topics.CONTROL,
        NetworkPart: topics.CONTROL,
        TariffPublished: topics.CONTROL,
        TariffPart: topics.CONTROL,
        TariffWithdrawn: topics.CONTROL,
        PartyTransferred: topics.CONTROL,
        PartiesMerged: topics.CONTROL,
        HandoverWithdrawn: topics.CONTROL,
        BalanceMoved: topics.CONTROL,
        DeadLetter: topics.DEAD_LETTERS,
        VolumesCounted: topics.CONTROL,
        CostIncurred: topics.CONTROL,
        CostWithdrawn: topics.CONTROL,
        BooksClosed: topics.CONTROL,
        BooksReopened: topics.CONTROL,
    }.get(type(event), topics.DEVICES)
    return Record(topic.name, partition, msgspec.json.encode(event))


class Lane:
    """Processes records block by block."""

    def __init__(
        self,
        client: Client,
        number: int = 0,
        partitions: Sequence[int] = (0,),
        fees: Fees = FEES,
        horizon: int = HORIZON,
    ) -> None:
        self.writer = Writer(client, number)
        self._begin: Callable[[], tuple[Lifecycle, Tables]] = lambda: (
            Lifecycle(horizon, fees=fees),
            Tables(fees, writes_documents=number == 0),
        )
        self.lifecycle, self.tables = self._begin()
        self.inputs = [
            (topics.CONTROL.name, 0),
            (topics.TICKS.name, 0),
            *((topics.ORDERS.name, p) for p in partitions),
            *((topics.DEVICES.name, p) for p in partitions),
            *((topics.DEAD_LETTERS.name, p) for p in partitions),
        ]
        self.upto = {f"{topic}:{partition}": 0 for topic, partition in self.inputs}

    def block(self, records: Sequence[Record]) -> None:
        """One block with these records, inputs in their fixed order."""
        inputs = []
        for topic, partition in self.inputs:
            values = [one.value for one in records if one[:2] == (topic, partition)]
            name = f"{topic}:{partition}"
            offsets = list(range(self.upto[name], self.upto[name] + len(values)))
            inputs.append(Records(topic, partition, values, offsets))
            self.upto[name] += len(values)
        seq = self.writer.next_seq
        block = Block(seq & (1 << 32) - 1, inputs, len(records), 0, [], 0.0)
        output = self.lifecycle.process(block)
        rules = self.lifecycle.rules.tariffs
        self.writer.block(self.tables.make(output, seq, rules, self.lifecycle.directory), self.upto)

    def restart(self) -> None:
        """Go on in a new process, from what the recovery store would hold. Once: earlier segments are not kept."""
        ring, documents = self.lifecycle.ring, self.lifecycle.save_documents()
        fresh, self.tables = self._begin()
        self.lifecycle = revived(fresh, documents, [ring.segment(ring.epoch)])


@contextmanager
def held(lanes: Iterable[Lane]) -> Iterator[None]:
    """What lanes write meanwhile comes into the store at the end: `Writer.held`."""
    with ExitStack() as stack:
        for lane in lanes:
            stack.enter_context(lane.writer.held())
        yield
