"""`make bench`: how fast, how late, how big; with Kafka, the flow and the store on this machine.

    python -m tests.bench [--parcels N] [--lanes L] [--open N] [--only backlog,live,steady,open]

Prints a table and writes tests/bench/results.json. Nothing here passes or fails: RESULTS.md says what was seen.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.demo import latency, quantile
from schemas.settings import Settings, to_environment
from schemas.times import HOUR
from tests.bench.machine import cpu_seconds, resident_mib
from tests.bench.workload import START, Workload, create_topics, produce, producer, publish, tick
from tests.servers.install import ROOT
from tests.servers.kafka import Kafka
from tests.servers.process import Server
from tests.servers.store import Store

BUSIEST_DAY = 9_000
"""Parcels a second on China's busiest day, as a mean over 24 hours."""
PARTITIONS = 8


class Flow(Server):
    """A lane of the parcel flow, or of the pass-through."""

    def __init__(self, directory: Path, module: str, number: int, settings: Settings) -> None:
        super().__init__(directory)
        self.module, self.number, self.settings = module, number, settings

    def command(self) -> list[str]:
        """One lane."""
        return [sys.executable, "-m", self.module, str(self.number)]

    def environment(self) -> dict[str, str]:
        """Its settings."""
        return {**super().environment(), **to_environment(self.settings), "PYTHONPATH": str(ROOT)}

    def ready(self) -> bool:
        """Once it serves its metrics."""
        return self.port_file.exists()

    @property
    def port_file(self) -> Path:
        """Where its metrics are."""
        return self.settings.home / f"lane{self.number}" / "metrics.port"

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        url = f"http://127.0.0.1:{self.port_file.read_text()}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} "))
        )


class Place:
    """A Kafka with a workload, and stores and flows that come and go."""

    def __init__(self, directory: Path, lanes: int) -> None:
        self.directory, self.lanes = directory, lanes
        self.kafka = Kafka(directory / "kafka")
        self.kafka.start()
        create_topics(self.kafka.address, PARTITIONS)
        self.runs = 0

    @contextmanager
    def flows(self, module: str, **more: Any) -> Iterator[tuple[Store, list[Flow]]]:
        """A fresh store and fresh flows."""
        self.runs += 1
        home = self.directory / f"run{self.runs}"
        store = Store(home / "store")
        store.start()
        store.client()
        settings = Settings(
            kafka=self.kafka.address,
            clickhouse=store.url,
            home=home,
            partitions=PARTITIONS,
            lanes=self.lanes,
            **more,
        )
        flows = [Flow(home / f"log{n}", module, n, settings) for n in range(self.lanes)]
        for flow in flows:
            flow.start()
        try:
            yield store, flows
        finally:
            for flow in flows:
                flow.kill()
            store.kill()
            shutil.rmtree(home, ignore_errors=True)

    def pids(self, store: Store, flows: list[Flow]) -> dict[str, list[int]]:
        """Processes by what they are."""
        parts: dict[str, list[Server]] = {"flow": list(flows), "store": [store], "kafka": [self.kafka]}
        return {name: [s.process.pid for s in servers if s.process] for name, servers in parts.items()}


def until_read(flows: list[Flow], records: float) -> tuple[float, float]:
    """Seconds from the first tenth to the last record, and the share of records read in them."""
    began = at = 0.0
    while True:
        read = sum(flow.metric("waybook_block_records_total") for flow in flows)
        now = time.monotonic()
        if not began and read > records * 0.1:
            began, at = now, read
        if read >= records:
            return now - began, (read - at) / records
        time.sleep(0.1)
        if any(not flow.running for flow in flows):
            raise RuntimeError((flows[0].directory / "server.log").read_text()[-6000:])


def backlog(place: Place, parcels: int, records: float, module: str) -> dict[str, Any]:
    """As fast as it goes, over what already lies in Kafka."""
    with place.flows(module) as (store, flows):
        pids = place.pids(store, flows)
        used = {name: sum(map(cpu_seconds, ids)) for name, ids in pids.items()}
        seconds, share = until_read(flows, records)
        cpu = {
            name: round((sum(map(cpu_seconds, ids)) - used[name]) / parcels * 1000, 4)
            for name, ids in pids.items()
        }
        rows = (
            store.client()
            .query("SELECT (SELECT count() FROM journal), (SELECT count() FROM event)")
            .result_rows[0]
        )
        rate = parcels * share / seconds
        return {
            "parcels_per_second": round(rate),
            "events_per_second": round(rate * 10),
            "journal_rows_per_second": round(rate * 18),
            "busiest_day_ratio": round(rate / BUSIEST_DAY, 2),
            "cpu_seconds_per_1000_parcels": cpu,
            "resident_mib": {name: round(sum(map(resident_mib, ids))) for name, ids in pids.items()},
            "journal_rows": rows[0],
            "event_rows": rows[1],
        }


def live(place: Place, rate: int, seconds: int, first: int) -> dict[str, Any]:
    """Latency at a steady rate: produced as parcels move, read at once."""
    with place.flows("flows.parcels") as (store, flows):
        pids = place.pids(store, flows)
        workload = Workload(rate * seconds, first=first)
        memory: list[int] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(2):
                memory.append(round(sum(map(resident_mib, pids["flow"]))))

        threading.Thread(target=watch, daemon=True).start()
        used = {name: sum(map(cpu_seconds, ids)) for name, ids in pids.items()}
        warm: dict[float, float] = {}

        def warmed() -> None:
            warm.update(_latencies(flows))

        threading.Timer(5, warmed).start()
        produce(producer(place.kafka.address), workload, rate * 10)
        time.sleep(2)
        done.set()
        for flow in flows:
            if not flow.running:
                raise RuntimeError((flow.directory / "server.log").read_text()[-6000:])
        buckets = {bound: count - warm.get(bound, 0) for bound, count in _latencies(flows).items()}
        return {
            "parcels_per_second": rate,
            "p50_ms_at_most": quantile(buckets, 0.5),
            "p99_ms_at_most": quantile(buckets, 0.99),
            "flow_resident_mib_over_time": memory[:: max(1, len(memory) // 10)],
            "cpu_seconds_per_1000_parcels": {
                name: round((sum(map(cpu_seconds, ids)) - used[name]) / (rate * seconds) * 1000, 4)
                for name, ids in pids.items()
            },
        }


def steady(place: Place, rate: int, seconds: int) -> dict[str, Any]:
    """Memory when as many parcels leave the state as come: data time runs so that each stays for a while."""
    horizon = 30 * HOUR
    with place.flows("flows.parcels", epoch=0.15, horizon=horizon) as (_, flows):
        workload = Workload(rate * seconds, first=1, spread=2_000, gap=HOUR // rate)
        samples: list[tuple[int, int]] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(5):
                open_ = sum(flow.metric("waybook_open_parcels") for flow in flows)
                resident = sum(resident_mib(flow.process.pid) for flow in flows if flow.process)
                samples.append((round(open_), round(resident)))

        threading.Thread(target=watch, daemon=True).start()
        produce(producer(place.kafka.address), workload, rate * 10)
        done.set()
        return {"parcels_per_second": rate, "open_parcels_and_resident_mib_every_5_s": samples}


def _latencies(flows: list[Flow]) -> dict[float, float]:
    """Buckets of all flows' latency histograms."""
    buckets: dict[float, float] = {}
    for flow in flows:
        for bound, count in latency(flow.port_file).items():
            buckets[bound] = buckets.get(bound, 0) + count
    return buckets


def many_open(place: Place, parcels: int) -> dict[str, Any]:
    """A million parcels on the way: one order each; then what an epoch costs, and what memory it takes."""
    with place.flows("flows.parcels", epoch=1.0) as (store, flows):
        out = producer(place.kafka.address, 20)
        tick(out, START)
        workload = Workload(1, first=50_000_000)
        for number in range(parcels):
            workload.first = 50_000_000 + number
            _, key, value = workload.event(0, 0)
            while True:
                try:
                    out.produce("waybook.orders", value, key)
                    break
                except BufferError:
                    out.poll(0.05)
            if number % 10_000 == 0:
                out.poll(0)
        out.flush()
        while sum(flow.metric("waybook_open_parcels") for flow in flows) < parcels:
            time.sleep(0.5)
        before = [_epochs(flow) for flow in flows]
        produce(out, Workload(20_000, first=70_000_000), 10_000)
        after = [_epochs(flow) for flow in flows]
        spent = [(b[0] - a[0]) / max(1, b[1] - a[1]) for a, b in zip(before, after, strict=True)]
        return {
            "open_parcels": parcels,
            "epoch_snapshot_ms_mean": round(1000 * max(spent), 1),
            "flow_resident_mib": round(sum(map(resident_mib, place.pids(store, flows)["flow"]))),
        }


def _epochs(flow: Flow) -> tuple[float, float]:
    return flow.metric("waybook_epoch_snapshot_seconds_sum"), flow.metric(
        "waybook_epoch_snapshot_seconds_count"
    )


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="tests.bench")
    parser.add_argument("--parcels", type=int, default=200_000)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--open", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--only", default="backlog,live,steady,open")
    wanted = parser.parse_args()
    results: dict[str, Any] = {"cores": os.cpu_count(), "lanes": wanted.lanes, "parcels": wanted.parcels}
    with tempfile.TemporaryDirectory() as directory:
        place = Place(Path(directory), wanted.lanes)
        out = producer(place.kafka.address, 50)
        publish(out)
        tick(out, START)
        out.flush()
        try:
            _measure(place, wanted, results)
        finally:
            place.kafka.kill()
    Path(__file__).with_name("results.json").write_text(json.dumps(results, indent=2) + "\n")
    sys.stdout.write("\n".join(f"{name:48} {value}" for name, value in lines(results)) + "\n")


def lines(results: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The table: what was measured, and how much."""
    yield "cores, lanes, parcels", f"{results['cores']}, {results['lanes']}, {results['parcels']:,}"
    for name, title in (("rated", "backlog"), ("pass_through", "pass-through")):
        if found := results.get(name):
            yield f"{title}: parcels/s", f"{found['parcels_per_second']:,}"
            yield (
                f"{title}: events/s, journal rows/s",
                (f"{found['events_per_second']:,}, {found['journal_rows_per_second']:,}"),
            )
            yield f"{title}: ratio to the busiest day", str(found["busiest_day_ratio"])
            yield f"{title}: CPU s per 1,000 parcels", str(found["cpu_seconds_per_1000_parcels"])
            yield f"{title}: resident MiB", str(found["resident_mib"])
    if "ratio_to_pass_through" in results:
        yield "ratio to pass-through", str(results["ratio_to_pass_through"])
    for found in results.get("live", ()):
        rate = f"live at {found['parcels_per_second']:,} parcels/s"
        yield (
            f"{rate}: p50, p99 at most",
            f"{found['p50_ms_at_most']:.0f} ms, {found['p99_ms_at_most']:.0f} ms",
        )
        yield f"{rate}: CPU s per 1,000 parcels", str(found["cpu_seconds_per_1000_parcels"])
    if found := results.get("steady"):
        samples = found["open_parcels_and_resident_mib_every_5_s"]
        yield "steady: (open parcels, resident MiB) over time", str(samples[:: max(1, len(samples) // 8)])
    if found := results.get("open"):
        yield f"{found['open_parcels']:,} open: snapshot of an epoch", f"{found['epoch_snapshot_ms_mean']} ms"
        yield f"{found['open_parcels']:,} open: resident", f"{found['flow_resident_mib']:,} MiB"


def _measure(place: Place, wanted: argparse.Namespace, results: dict[str, Any]) -> None:
    records = float(produce(producer(place.kafka.address, 50), Workload(wanted.parcels)))
    if "backlog" in wanted.only:
        rated = backlog(place, wanted.parcels, records, "flows.parcels")
        passed = backlog(place, wanted.parcels, records, "tests.bench.passthrough")
        ratio = rated["parcels_per_second"] / passed["parcels_per_second"]
        results |= {"rated": rated, "pass_through": passed, "ratio_to_pass_through": round(ratio, 2)}
    _fresh_topics(place)
    if "live" in wanted.only:
        results["live"] = []
        for n, rate in enumerate((4_500, 1_600)):
            _fresh_topics(place)
            results["live"].append(live(place, rate, wanted.seconds, 10_000_000 * (n + 1)))
    if "steady" in wanted.only:
        _fresh_topics(place)
        results["steady"] = steady(place, 1_500, 150)
    if "open" in wanted.only:
        _fresh_topics(place)
        results["open"] = many_open(place, wanted.open)


def _fresh_topics(place: Place) -> None:
    """A new Kafka with only the documents in it."""
    place.kafka.kill()
    shutil.rmtree(place.kafka.directory)
    place.kafka = Kafka(place.kafka.directory)
    place.kafka.start()
    create_topics(place.kafka.address, PARTITIONS)
    publish(producer(place.kafka.address))


if __name__ == "__main__":
    main()
