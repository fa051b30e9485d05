"""What the loop over events costs by itself: no Kafka, no store, no Bytewax, one thread.

    python -m tests.bench.loop                     as the benchmark's documents are
    python -m tests.bench.loop --chains            with the simulated network's scan-chain rules

The workload of the benchmark in blocks, time passing as parcels are ordered; CPU seconds of `Lifecycle.process`
a thousand parcels, the least of several rounds, because other work on the machine only ever adds to it.
"""

import argparse
import gc
import time
from pathlib import Path

import msgspec

from flows.engine.block import Block, Records
from flows.lifecycle.process import Lifecycle
from schemas import topics
from schemas.events import NetworkPublished, TariffPublished, Tick
from schemas.identity import version_of
from schemas.limits import HORIZON
from schemas.times import HOUR
from sources.network import directory
from tests.bench.workload import START, Workload, network_files, tariff_files

IN_A_BLOCK = 10_000
CHAINS = "chains.toml"


def documents(*, chains: bool) -> list[bytes]:
    """The benchmark's directory and book."""
    network, book = network_files(), tariff_files()
    if chains:
        network[CHAINS] = Path(directory.__file__).with_name(CHAINS).read_text("utf-8")
    return [
        msgspec.json.encode(event)
        for event in (
            NetworkPublished(id="network", time=START, version=version_of(network), files=network),
            TariffPublished(id="tariff", time=START, version=version_of(book), name="b", files=book),
        )
    ]


def blocks(parcels: int, control: list[bytes]) -> list[Block]:
    """The workload in blocks, with a tick in each; an hour of data time is 20,000 parcels."""
    workload = Workload(parcels, gap=180)
    values: list[tuple[bool, bytes]] = [(order, value) for order, _, value in workload.events()]
    made = []
    for n, start in enumerate(range(0, len(values), IN_A_BLOCK)):
        some = values[start : start + IN_A_BLOCK]
        at = START + (start + IN_A_BLOCK) // 10 * 180 + 10 * HOUR
        tick = msgspec.json.encode(Tick(id=f"tick-{n}", time=at))
        inputs = [
            Records(topics.CONTROL.name, 0, list(control) if n == 0 else [], [0, 1] if n == 0 else []),
            Records(topics.TICKS.name, 0, [tick], [n]),
        ]
        for topic, wanted in ((topics.ORDERS, True), (topics.DEVICES, False)):
            records = [value for order, value in some if order is wanted]
            inputs.append(Records(topic.name, 0, records, list(range(start, start + len(records)))))
        made.append(Block(n + 1, inputs, len(some), START, [], 0.0))
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chains", action="store_true")
    given = parser.parse_args()
    work = blocks(given.parcels, documents(chains=given.chains))
    gc.disable()
    best = float("inf")
    for _ in range(given.rounds):
        lifecycle = Lifecycle(HORIZON)
        began = time.process_time()
        for block in work:
            lifecycle.process(block)
        best = min(best, time.process_time() - began)
        gc.collect()
    print(f"{best * 1e6 / given.parcels:.2f} CPU ms per 1,000 parcels, {given.parcels:,} parcels")


if __name__ == "__main__":
    main()
