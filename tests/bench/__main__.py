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

from prometheus_client.parser import text_string_to_metric_families

from deploy.demo import latency, quantile
from flows.engine.ring import SIZE
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
PATIENCE = 180
"""Seconds in which flows begin."""
POLL = 0.3
"""Seconds between two looks at what lanes tell: each takes a lane some milliseconds."""


class Flow(Server):
    """A lane of a flow whose lanes' numbers begin with `first`."""

    def __init__(self, directory: Path, module: str, number: int, settings: Settings, first: int = 0) -> None:
        super().__init__(directory)
        self.module, self.number, self.settings, self.first = module, number, settings, first

    def command(self) -> list[str]:
        """One lane."""
        return [sys.executable, "-P", "-m", self.module, str(self.number)]

    def environment(self) -> dict[str, str]:
        """Its settings, and where this program finds its modules: compiled or not, the lane is as it is."""
        here = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
        return {**super().environment(), **to_environment(self.settings), "PYTHONPATH": here}

    def ready(self) -> bool:
        """Once it serves its metrics."""
        return self.port_file.exists()

    @property
    def port_file(self) -> Path:
        """Where its metrics are."""
        return self.settings.home / f"lane{self.first + self.number}" / "metrics.port"

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
    """Seconds from the first tenth to the last record, and the share of records read in them.

    Raises RuntimeError where that was too fast to be timed, or a flow ended.
    """
    began = at = 0.0
    while True:
        read = sum(flow.metric("waybook_block_records_total") for flow in flows)
        now = time.monotonic()
        if not began and read > records * 0.1:
            began, at = now, read
        if read >= records and at == read:
            raise RuntimeError(f"{records:,.0f} records were read between two looks: measure more parcels")
        if read >= records:
            return now - began, (read - at) / records
        time.sleep(POLL)
        if any(not flow.running for flow in flows):
            raise RuntimeError((flows[0].directory / "server.log").read_text()[-6000:])


def backlog(place: Place, parcels: int, records: float, module: str, **more: Any) -> dict[str, Any]:
    """As fast as it goes, over what already lies in Kafka. `more`: of the lanes' settings."""
    with place.flows(module, **more) as (store, flows):
        pids = place.pids(store, flows)
        used = {name: sum(map(cpu_seconds, ids)) for name, ids in pids.items()}
        memory = Memory(pids["flow"])
        seconds, share = until_read(flows, records)
        cpu = {
            name: round((sum(map(cpu_seconds, ids)) - used[name]) / parcels * 1000, 4)
            for name, ids in pids.items()
        }
        resident = {name: round(sum(map(resident_mib, ids))) for name, ids in pids.items()}
        over_time = memory.points()
        for flow in flows:
            flow.stop(120)  # everything that was read is written
        nothing_refused(store)
        client = store.client()
        rows = {name: client.query(f"SELECT count() FROM {name}").result_rows[0][0] for name in COMPARED}
        rate = parcels * share / seconds
        return {
            "parcels_per_second": round(rate),
            "events_per_second": round(rate * 10),
            "journal_rows_per_second": round(rate * 18),
            "busiest_day_ratio": round(rate / BUSIEST_DAY, 2),
            "cpu_seconds_per_1000_parcels": cpu,
            "resident_mib": resident,
            "flow_resident_mib_over_time": over_time,
            "rows": rows,
        }


COMPARED = ("event", "charge", "journal", "adopted_weight")
"""Tables that the flow and the pass-through must fill alike."""


def compared(rated: dict[str, int], passed: dict[str, int]) -> dict[str, str]:
    """Rows of both, by table. Raises RuntimeError where they are further apart than the events that come twice."""
    for name in COMPARED:
        if abs(rated[name] - passed[name]) > rated[name] / 100:
            raise RuntimeError(
                f"the pass-through wrote {passed[name]:,} rows of {name}, the flow {rated[name]:,}"
            )
    return {name: f"{rated[name]:,} / {passed[name]:,}" for name in COMPARED}


def nothing_refused(store: Store) -> None:
    """Raises RuntimeError when events became dead letters: then something else was measured than is said."""
    found = store.client().query("SELECT any(reason), count() FROM dead_letter").result_rows[0]
    if found[1]:
        raise RuntimeError(f"{found[1]:,} events were refused: {found[0]}")


class Memory:
    """Resident MiB of processes over time, at a dozen moments whatever it takes."""

    def __init__(self, pids: list[int]) -> None:
        self._pids, self._found = pids, list[int]()
        self._done = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def points(self) -> list[int]:
        """About a dozen, evenly spread."""
        self._done.set()
        return self._found[:: max(1, len(self._found) // 12)]

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            self._found.append(round(sum(map(resident_mib, self._pids))))


def live(place: Place, rate: int, seconds: int, first: int) -> dict[str, Any]:
    """Latency at a steady rate: produced as parcels move, read at once."""
    with place.flows("flows.parcels") as (store, flows):
        pids = place.pids(store, flows)
        workload = Workload(rate * seconds, first=first)
        begin(place, workload.began, flows)
        memory = Memory(pids["flow"])
        used = {name: sum(map(cpu_seconds, ids)) for name, ids in pids.items()}
        warm: dict[float, float] = {}

        def warmed() -> None:
            warm.update(_latencies(flows))

        threading.Timer(5, warmed).start()
        produce(producer(place.kafka.address), workload, rate * 10)
        time.sleep(2)
        for flow in flows:
            if not flow.running:
                raise RuntimeError((flow.directory / "server.log").read_text()[-6000:])
        nothing_refused(store)
        buckets = {bound: count - warm.get(bound, 0) for bound, count in _latencies(flows).items()}
        return {
            "parcels_per_second": rate,
            "p50_ms_at_most": quantile(buckets, 0.5),
            "p99_ms_at_most": quantile(buckets, 0.99),
            "flow_resident_mib_over_time": memory.points(),
            "cpu_seconds_per_1000_parcels": {
                name: round((sum(map(cpu_seconds, ids)) - used[name]) / (rate * seconds) * 1000, 4)
                for name, ids in pids.items()
            },
        }


def begin(place: Place, moment: int, flows: list[Flow]) -> None:
    """Wait until the flows have their documents, and this data time. Raises RuntimeError when they do not come."""
    out = producer(place.kafka.address)
    tick(out, moment)
    out.flush()
    tick_and_documents, until = 4, time.monotonic() + PATIENCE
    while any(
        not flow.ready() or flow.metric("waybook_block_records_total") < tick_and_documents for flow in flows
    ):
        if time.monotonic() > until:
            raise RuntimeError((flows[0].directory / "server.log").read_text()[-6000:])
        time.sleep(0.1)


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

        begin(place, workload.began, flows)
        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        produce(producer(place.kafka.address), workload, rate * 10)
        done.set()
        watching.join()
        return {"parcels_per_second": rate, "open_parcels_and_resident_mib_every_5_s": samples}


def _latencies(flows: list[Flow]) -> dict[float, float]:
    """Buckets of all flows' latency histograms."""
    buckets: dict[float, float] = {}
    for flow in flows:
        for bound, count in latency(flow.port_file).items():
            buckets[bound] = buckets.get(bound, 0) + count
    return buckets


TURN = 0.25
"""Seconds of an epoch while a whole turn of the ring is measured."""
BEYOND = (0, 8, 1)
"""Events of each open parcel: its order, a weight that waits for the signature, and the pick-up."""


def many_open(place: Place, parcels: int) -> dict[str, Any]:
    """Many parcels on the way, each with events beyond its order: what a whole epoch costs, and what memory it takes.

    Epochs are closed for more than one turn of the ring, while other parcels move.
    """
    with place.flows("flows.parcels", epoch=TURN) as (store, flows):
        out = producer(place.kafka.address, 20)
        workload = Workload(1, first=50_000_000)
        begin(place, START + (workload.first + parcels) * workload.gap + 10 * HOUR, flows)
        for number in range(parcels):
            workload.first = 50_000_000 + number
            for kind in BEYOND:
                is_order, key, value = workload.event(0, kind)
                while True:
                    try:
                        out.produce("waybook.orders" if is_order else "waybook.devices", value, key)
                        break
                    except BufferError:
                        out.poll(0.05)
            if number % 10_000 == 0:
                out.poll(0)
        out.flush()
        records = parcels * len(BEYOND)
        while sum(flow.metric("waybook_block_records_total") for flow in flows) < records:
            time.sleep(0.5)
        nothing_refused(store)
        opened = sum(flow.metric("waybook_open_parcels") for flow in flows)
        before = {name: buckets_of(flows, name) for name in (SNAPSHOT, CLOSE)}
        memory = Memory(place.pids(store, flows)["flow"])
        seconds = SIZE * TURN * 1.2
        produce(out, Workload(int(1_000 * seconds), first=70_000_000), 10_000)
        spent = {name: since(flows, name, earlier) for name, earlier in before.items()}
        return {
            "open_parcels": round(opened),
            "epochs": round(max(spent[CLOSE].values(), default=0)),
            "epoch_snapshot_ms_at_most": quantiles(spent[SNAPSHOT]),
            "epoch_close_ms_at_most": quantiles(spent[CLOSE]),
            "flow_resident_mib_over_time": memory.points(),
        }


SNAPSHOT, CLOSE = "waybook_epoch_snapshot_seconds", "waybook_epoch_close_seconds"
"""What is open costs the snapshot; until an epoch is closed, inserts that are under way are waited for, too."""


def quantiles(buckets: dict[float, float]) -> dict[str, float | None]:
    """Upper bounds of the bucket that holds the median, the 99th percentile and the largest; ms."""
    return {name: quantile(buckets, q) for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1))}


def since(flows: list[Flow], name: str, before: dict[float, float]) -> dict[float, float]:
    """What has been added to a histogram's buckets."""
    return {bound: count - before.get(bound, 0) for bound, count in buckets_of(flows, name).items()}


def buckets_of(flows: list[Flow], name: str) -> dict[float, float]:
    """A histogram's buckets (seconds → how many up to it) over all flows."""
    buckets: dict[float, float] = {}
    for flow in flows:
        url = f"http://127.0.0.1:{flow.port_file.read_text()}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples if family.name == name else ():
                if sample.name.endswith("_bucket"):
                    bound = float(sample.labels["le"])
                    buckets[bound] = buckets.get(bound, 0) + sample.value
    return buckets


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
            yield f"{title}: the flow's over time", str(found["flow_resident_mib_over_time"])
    for name, both in results.get("rows_rated_and_passed", {}).items():
        yield f"rows of {name}: rated / pass-through", both
    if "ratio_to_pass_through" in results:
        yield "ratio to pass-through", str(results["ratio_to_pass_through"])
    for found in results.get("live", ()):
        rate = f"live at {found['parcels_per_second']:,} parcels/s"
        yield (
            f"{rate}: p50, p99 at most",
            f"{found['p50_ms_at_most']:.0f} ms, {found['p99_ms_at_most']:.0f} ms",
        )
        yield f"{rate}: CPU s per 1,000 parcels", str(found["cpu_seconds_per_1000_parcels"])
        yield f"{rate}: the flow's resident MiB over time", str(found["flow_resident_mib_over_time"])
    if found := results.get("steady"):
        samples = found["open_parcels_and_resident_mib_every_5_s"]
        yield "steady: (open parcels, resident MiB) over time", str(samples[:: max(1, len(samples) // 8)])
    if found := results.get("open"):
        open_ = f"{found['open_parcels']:,} open"
        yield f"{open_}: epochs closed, of a ring of {SIZE}", f"{found['epochs']:,}"
        for what, name in (("an epoch's snapshot", "snapshot"), ("closing an epoch", "close")):
            took = found[f"epoch_{name}_ms_at_most"].values()
            yield f"{open_}: {what}, p50, p99, max at most", ", ".join(f"{ms:.0f} ms" for ms in took)
        yield f"{open_}: the flow's resident MiB over time", str(found["flow_resident_mib_over_time"])


def _measure(place: Place, wanted: argparse.Namespace, results: dict[str, Any]) -> None:
    records = float(produce(producer(place.kafka.address, 50), Workload(wanted.parcels)))
    if "backlog" in wanted.only:
        rated = backlog(place, wanted.parcels, records, "flows.parcels")
        passed = backlog(place, wanted.parcels, records, "tests.bench.passthrough")
        ratio = rated["parcels_per_second"] / passed["parcels_per_second"]
        results |= {"rated": rated, "pass_through": passed, "ratio_to_pass_through": round(ratio, 2)}
        results["rows_rated_and_passed"] = compared(rated["rows"], passed["rows"])
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
