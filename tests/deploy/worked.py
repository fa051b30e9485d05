"""What a lane makes of two workloads by the full default book, block by block, for who compares two ways to run it.

    python -P -m tests.deploy.worked        JSON: the hot path's modules and their files, a digest of all that is made

The simulated network's parcels with many faults and busy people (late, wrong, repeated and conflicting messages, other
weights, returns, claims and decisions), a thinner book and a dearer one published meanwhile, the lane begun again on
the way from what it stores; and the benchmark's parcels in the same network.
"""

import hashlib
import importlib
import sys
from collections.abc import Iterator, Sequence

import msgspec

import setup
from flows.engine.block import Block, Records
from flows.fees.current import FEES
from flows.lifecycle.process import Lifecycle
from flows.lifecycle.tables import Tables
from flows.parcels import letters, positions_of
from schemas import topics
from schemas.events import NetworkPublished, TariffPublished, Tick
from schemas.identity import version_of
from schemas.times import DAY, MINUTE
from sources.network.desk import Desk
from sources.network.faults import Faults
from sources.network.files import read_tariff
from sources.network.life import live
from sources.network.script import Cue, Script
from sources.network.stage import START
from tests.bench.loop import DEFAULT, THREE, WORLD, blocks, documents, only, simulated_places, workload
from tests.engine.reviving import revived
from tests.simulation.playing import Record, network_of, records_of

PARCELS, BLOCKS, PARTITIONS = 500, 12, 8
OFTEN = Faults(**dict.fromkeys(Faults.__struct_fields__, 0.1))
BUSY = Desk(**dict.fromkeys(Desk.__struct_fields__, 0.2))
BOOK = read_tariff(DEFAULT)
DEARER = {**BOOK, "waybill.csv": BOOK["waybill.csv"].replace("1.", "2.")}


class Worked(msgspec.Struct):
    """Module → its file; and everything that was made, in order, as `block what digest`."""

    modules: dict[str, str]
    made: list[str]


class Work:
    """A lane without Kafka and the store."""

    def __init__(self) -> None:
        self.tables, self.positions = Tables(FEES, writes_documents=True), positions_of(FEES, PARTITIONS)
        self.lifecycle, self.segments = Lifecycle(40 * DAY), list[bytes]()

    def block(self, block: Block) -> Iterator[str]:
        """What a block leads to, the epoch of its own that it ends, and the documents as they are kept."""
        output, life = self.lifecycle.process(block), self.lifecycle
        for one in self.tables.make(output, block.n, life.rules.tariffs, life.directory):
            yield told(block, f"{one.table} {one.rows} {one.digest}", one.body)
        said = letters(0, block.n, self.tables.booked, self.positions)
        yield told(block, "letters", msgspec.msgpack.encode(said))
        self.segments.append(life.ring.segment(life.ring.epoch))
        yield told(block, "segment", self.segments[-1])
        yield told(block, "documents", life.save_documents())

    def begin_again(self) -> None:
        """In a new process, from what is stored."""
        documents = self.lifecycle.save_documents()
        self.lifecycle = revived(Lifecycle(40 * DAY), documents, self.segments)
        self.tables = Tables(FEES, writes_documents=True)


def told(block: Block, what: str, made: bytes | memoryview) -> str:
    """A line of what is made."""
    return f"{block.n} {what} {hashlib.sha256(made).hexdigest()}"


def cues() -> list[Cue]:
    """Messages of the simulated network in order of their sending."""
    script, made = Script(OFTEN, BUSY), list[Cue]()
    for number in range(PARCELS):
        made += script.perform(*live(WORLD, number, START + number * MINUTE, 1))[0]
    return sorted(made)


def published(n: int, files: dict[str, str]) -> bytes:
    """A book."""
    return msgspec.json.encode(
        TariffPublished(id=f"t{n}", time=START, version=version_of(files), name=f"t{n}", files=files)
    )


def network_blocks() -> list[Block]:
    """The simulated network's messages, and what is published beside them."""
    directory = NetworkPublished(id="n", time=START, version=version_of(WORLD.files), files=WORLD.files)
    control = {
        0: [msgspec.json.encode(directory), published(0, BOOK)],
        BLOCKS // 3: [published(1, only(THREE, BOOK))],
        BLOCKS // 2: [published(2, DEARER)],
    }
    sent = cues()
    records, size = records_of(sent, network_of(WORLD)), len(sent) // BLOCKS + 1
    made = []
    for n in range(BLOCKS):
        at = n * size
        tick = msgspec.json.encode(Tick(id=f"tick-{n}", time=sent[min(at + size, len(sent)) - 1].at))
        some = records[at : at + size]
        inputs = [
            Records(name, 0, values, list(range(at, at + len(values))))
            for name, values in (
                (topics.CONTROL.name, control.get(n, [])),
                (topics.TICKS.name, [tick]),
                (topics.ORDERS.name, of(some, topics.ORDERS.name)),
                (topics.DEVICES.name, of(some, topics.DEVICES.name)),
            )
        ]
        made.append(Block(n + 1, inputs, len(some), START, [], 0.0))
    return made


def of(records: Sequence[Record], name: str) -> list[bytes]:
    """What stands in a topic."""
    return [value for topic, value in records if topic == name]


def made() -> Iterator[str]:
    """All that both workloads lead to."""
    work = Work()
    for block in network_blocks():
        yield from work.block(block)
        if block.n == BLOCKS * 3 // 4:
            work.begin_again()
    work = Work()
    for block in blocks(workload(1_500, simulated_places()), documents(chains=True, full=True, three=False)):
        yield from work.block(block)


def main() -> None:
    """Work, and tell."""
    lines = list(made())
    modules = {name: importlib.import_module(name).__file__ or "" for name in setup.modules()}
    sys.stdout.buffer.write(msgspec.json.encode(Worked(modules, lines)))


if __name__ == "__main__":
    main()
