"""What the full default book costs the whole way: with Kafka, two lanes and the store on this machine.

    python -m tests.bench.full [--parcels N] [--rounds N] [--unit]

The simulated network's parcels as a backlog, or in its places the benchmark's work unit (`--unit`), by no more of the
book than the three fees of each parcel (and what goes with them), and by all of it; prints parcels a second and the
CPU seconds of the parts for 1,000 parcels. The two take turns in who goes first, because what runs second is slower;
at the end the means of all rounds are compared.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
from confluent_kafka import Producer

from schemas import topics
from schemas.times import DAY, HOUR
from tests.bench.__main__ import Place, backlog
from tests.bench.loop import IN_A_BLOCK, documents, simulated, simulated_places, workload
from tests.bench.workload import START, producer, tick

Told = Sequence[tuple[bool, bytes, int]]
LONG = 30 * DAY
"""A backlog's time runs ahead of the devices' events: orders are few and read at once, and their lives take days."""


class Keyed(msgspec.Struct):
    """What an event's key is made from."""

    waybill: str


def tell(out: Producer, documents: Sequence[bytes], told: Told) -> int:
    """Publish the documents, the events and their ticks; returns how many events there are."""
    for document in documents:
        out.produce(topics.CONTROL.name, document, partition=0)
    tick(out, START)
    for n, (is_order, value, time) in enumerate(told):
        if n % IN_A_BLOCK == 0:
            tick(out, time)
            out.flush()
        key = msgspec.json.decode(value, type=Keyed).waybill
        out.produce((topics.ORDERS if is_order else topics.DEVICES).name, value, key)
    tick(out, told[-1][2] + 25 * HOUR)
    out.flush()
    return len(told)


def measured(parcels: int, told: Told, *, three: bool) -> dict[str, Any]:
    """One run on a Kafka of its own."""
    with tempfile.TemporaryDirectory() as directory:
        place = Place(Path(directory), 2)
        try:
            published = documents(chains=False, full=True, three=three)
            records = tell(producer(place.kafka.address, 50), published, told)
            return backlog(place, parcels, records, "flows.parcels", horizon=LONG)
        finally:
            place.kafka.kill()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--unit", action="store_true")
    given = parser.parse_args()
    told = workload(given.parcels, simulated_places()) if given.unit else simulated(given.parcels)
    speeds: dict[bool, list[int]] = {True: [], False: []}
    for n in range(given.rounds):
        for three in (n % 2 == 0, n % 2 == 1):
            found = measured(given.parcels, told, three=three)
            speeds[three].append(found["parcels_per_second"])
            shown = {
                name: found[name] for name in ("parcels_per_second", "cpu_seconds_per_1000_parcels", "rows")
            }
            print("three fees" if three else "full book ", json.dumps(shown), flush=True)
    print(f"all of the book: {1 - fmean(speeds[False]) / fmean(speeds[True]):.1%} fewer parcels a second")


if __name__ == "__main__":
    main()
