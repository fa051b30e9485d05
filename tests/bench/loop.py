"""What the loop over events costs by itself: no Kafka, no store, no Bytewax, one thread.

    python -m tests.bench.loop                     as the benchmark's documents are
    python -m tests.bench.loop --chains            with the simulated network's scan-chain rules
    python -m tests.bench.loop --full              the simulated network's parcels by the full default book
    python -m tests.bench.loop --full --three      the same parcels by no more of it than the three fees of each parcel
    python -m tests.bench.loop --full --unit       the benchmark's work unit in the simulated network (also --three)

The workload of the benchmark in blocks, time passing as parcels are ordered; CPU seconds of `Lifecycle.process`
a thousand parcels, the least of several rounds, because other work on the machine only ever adds to it.
"""

import argparse
import gc
import re
import time
from collections.abc import Container, Mapping
from pathlib import Path

import msgspec

from flows.engine.block import Block, Records
from flows.lifecycle.process import Lifecycle
from schemas import topics
from schemas.events import NetworkPublished, Scan, TariffPublished, Tick, Weight
from schemas.identity import version_of
from schemas.limits import HORIZON
from schemas.times import HOUR
from sources.network import directory
from sources.network.files import read_tariff
from sources.network.life import Fact, lives, next_order
from sources.network.script import order_of
from tests.bench.workload import NUMBERED, START, Places, Workload, network_files, tariff_files

IN_A_BLOCK = 10_000
CHAINS, LEVELS = "chains.toml", "levels.csv"


BOOK, THREE = "book.toml", ("waybill", "transit", "delivery")
_FEE = re.compile(r'\[\[table\]\]\nfee = "(\w+)"')
DEFAULT = Path(__file__).parents[2] / "flows" / "rating" / "default"
WORLD = directory.build(600, 1)
AN_HOUR = 20_000
"""Parcels of the simulated network that are ordered in an hour, on the mean of a day."""


def documents(*, chains: bool, full: bool, three: bool) -> list[bytes]:
    """The benchmark's directory and book, or the simulated network's."""
    network, book = network_files(), tariff_files()
    if full:
        network = {name: text for name, text in WORLD.files.items() if name not in (CHAINS, LEVELS)}
        book = read_tariff(DEFAULT)
    if three:
        book = only(THREE, book)
    if chains:
        network[CHAINS] = Path(directory.__file__).with_name(CHAINS).read_text("utf-8")
    return [
        msgspec.json.encode(event)
        for event in (
            NetworkPublished(id="network", time=START, version=version_of(network), files=network),
            TariffPublished(id="tariff", time=START, version=version_of(book), name="b", files=book),
        )
    ]


def only(fees: Container[str], book: Mapping[str, str]) -> dict[str, str]:
    """A book without the tables of other fees."""
    parts = re.split(r"(?m)^(?=\[\[)", book[BOOK])
    kept = [part for part in parts if (fee := _FEE.match(part)) is None or fee[1] in fees]
    text = "".join(kept)
    return {BOOK: text} | {name: rows for name, rows in book.items() if f'"{name}"' in text}


def simulated_places() -> Places:
    """The simulated network's outlets and hubs, for the benchmark's parcels."""
    outlets, hubs = (
        [(s.code, s.city, s.province) for s in sites] for sites in (WORLD.outlets, WORLD.hubs.values())
    )
    return Places(outlets, hubs)


def workload(parcels: int, places: Places = NUMBERED) -> list[tuple[bool, bytes, int]]:
    """The benchmark's events in order of publication: whether an order, its bytes, what time it is then."""
    values = [(order, value) for order, _, value in Workload(parcels, gap=180, places=places).events()]
    return [(order, value, START + n // 10 * 180 + 10 * HOUR) for n, (order, value) in enumerate(values)]


def simulated(parcels: int) -> list[tuple[bool, bytes, int]]:
    """The same of the simulated network without faults: its customers, terms, couriers and returns."""
    made: list[tuple[int, bool, bytes]] = []
    created = START
    for number in range(parcels):
        for parcel, _ in lives(WORLD, number, created, 1):
            order = order_of(parcel)
            made.append((order.time, True, msgspec.json.encode(order)))
            made += [(fact.time, False, _event(fact, n)) for n, fact in enumerate(parcel.facts) if n]
        created = next_order(created, AN_HOUR)
    made.sort()
    return [(order, value, time + HOUR) for time, order, value in made]


def _event(fact: Fact, serial: int) -> bytes:
    """What a device says of a parcel's scan or weight, as the device flow writes it."""
    site = fact.site
    assert site is not None
    about = {
        "id": f"{fact.waybill}-{serial}",
        "time": fact.time,
        "waybill": fact.waybill,
        "site": site.code,
        "outlet": "HQ" if site.hub else site.code,
        "city": site.city,
        "province": site.province,
        "device": "PDA-000001",
    }
    if fact.kind == "scan":
        made = {"type": "scan", **about, "operation": fact.operation, "source": "pda", "code": fact.operation}
        return msgspec.json.encode(msgspec.convert({**made, "courier": fact.courier}, Scan))
    length, width, height = fact.sides_mm
    kind = "hub_dws" if site.hub else "outlet_scale"
    sides = {"length_mm": length, "width_mm": width, "height_mm": height}
    made = {"type": "weight", **about, "weight_g": fact.weight_g, "weight_class": kind, "source": "dws"}
    return msgspec.json.encode(msgspec.convert({**made, **sides}, Weight))


def blocks(values: list[tuple[bool, bytes, int]], control: list[bytes]) -> list[Block]:
    """Events in blocks, with a tick in each."""
    made = []
    for n, start in enumerate(range(0, len(values), IN_A_BLOCK)):
        some = values[start : start + IN_A_BLOCK]
        tick = msgspec.json.encode(Tick(id=f"tick-{n}", time=some[-1][2]))
        inputs = [
            Records(topics.CONTROL.name, 0, list(control) if n == 0 else [], [0, 1] if n == 0 else []),
            Records(topics.TICKS.name, 0, [tick], [n]),
        ]
        for topic, wanted in ((topics.ORDERS, True), (topics.DEVICES, False)):
            records = [value for order, value, _ in some if order is wanted]
            inputs.append(Records(topic.name, 0, records, list(range(start, start + len(records)))))
        made.append(Block(n + 1, inputs, len(some), START, [], 0.0))
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chains", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--three", action="store_true")
    parser.add_argument("--unit", action="store_true")
    given = parser.parse_args()
    if given.unit or not given.full:
        values = workload(given.parcels, simulated_places() if given.full else NUMBERED)
    else:
        values = simulated(given.parcels)
    work = blocks(values, documents(chains=given.chains, full=given.full, three=given.three))
    gc.disable()
    best = float("inf")
    for _ in range(given.rounds):
        lifecycle = Lifecycle(HORIZON)
        began, charges = time.process_time(), 0
        for block in work:
            charges += len(lifecycle.process(block).charges)
        best = min(best, time.process_time() - began)
        gc.collect()
    each = best * 1e6 / given.parcels, charges / given.parcels, best * 1e6 / charges
    print("{:.1f} CPU ms per 1,000 parcels of {:.2f} charges, {:.1f} per 1,000 charges".format(*each))


if __name__ == "__main__":
    main()
