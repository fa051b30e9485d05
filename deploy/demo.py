"""The demo: the whole of Waybook on one machine, live, with a simulated network and an audit at the end.

Every part runs as a process of its own and is started again when it ends, as a supervisor would in production.
With chaos, the flows are killed at random; the audit must agree all the same.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
from clickhouse_connect.driver.client import Client
from prometheus_client.parser import text_string_to_metric_families

from deploy import audit, transfers
from deploy.embedded.kafka import PARTITIONS
from schemas.money import yuan
from schemas.settings import Settings, to_environment
from schemas.times import HOUR
from sinks.clickhouse import connect, create_tables

COMMANDS = 25
"""Commands on virtual accounts a second."""
ROOT = Path(__file__).parents[1]
TARIFF = ROOT / "flows" / "rating" / "default"


class Part:
    """A process of the demo; `serves`: it writes its address to a file."""

    def __init__(self, home: Path, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name, self.command, self.environment = name, command, environment
        self.log = home / "log" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Start the process; it leaves the terminal's Ctrl-C to the demo."""
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
                cwd=ROOT,
                start_new_session=True,
            )

    def tend(self) -> None:
        """Start it again if it ended."""
        if self.process.poll() is not None:
            self.start()

    def stop(self, seconds: float = 30) -> None:
        """End it politely, then firmly."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of demo."""

    home: Path
    seconds: float | None = None
    rate: float = 100
    chaos: bool = False
    seed: int = 1
    port: int = 0
    faults: bool = True


class Demo:
    """Starts the parts in order, prints a line a second, stops them in order, audits."""

    def __init__(self, options: Options) -> None:
        self.options = options
        shutil.rmtree(options.home, ignore_errors=True)
        options.home.mkdir(parents=True)
        self.parts: list[Part] = []
        self.asked = 0
        self.random = random.Random()  # noqa: S311 - chaos is not to be foreseen
        self.killed = 0
        self.latencies: dict[int, dict[float, float]] = {}

    def run(self) -> int:
        """The demo's exit code: 0 if the audit agrees."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            self._watch()
            return self._end()
        finally:
            for part in reversed(self.parts):
                part.stop(10)

    def _on_signal(self, number: int, frame: object) -> None:  # noqa: ARG002
        self.asked += 1

    def _part(self, name: str, *command: str) -> Part:
        part = Part(self.options.home, name, list(command), self.environment)
        self.parts.append(part)
        return part

    def _served(self, name: str, *command: str) -> str:
        """Start a server and wait for its address."""
        file = self.options.home / f"{name}.address"
        part = self._part(name, *command, "--port-file", str(file))
        while not file.exists():
            if part.process.poll() is not None:
                raise RuntimeError(f"{name} did not start: see {part.log}")
            time.sleep(0.05)
        return file.read_text()

    def _start(self) -> None:
        home = self.options.home
        self.environment = {"PYTHONPATH": str(ROOT)}
        store = self._served("store", "deploy.embedded.store", "--directory", str(home / "store"))
        self.settings = Settings(
            clickhouse=store,
            kafka=self._served("kafka", "deploy.embedded.kafka"),
            mqtt=self._served("mqtt", "deploy.embedded.mqtt"),
            home=home,
            partitions=PARTITIONS,
            epoch=2.0,
            ahead=24 * HOUR,  # simulated hours pass in a second
        )
        self.environment |= to_environment(self.settings)
        self.client = connect(self.settings)
        create_tables(self.client)
        self.flows = [
            self._part("parcels", "flows.parcels", "0"),
            self._part("devices", "flows.devices"),
            self._part("accounts", "flows.accounts", "0"),
        ]
        page = self._served("page", "dashboards.live", "--port", str(self.options.port))
        (home / "clickhouse").write_text(store)
        _say(f"page        {page}")
        _say(f'clickhouse  {store}   (waybook sql "select …" --url {store})')
        _say(f"data        {home}")
        self.network = self._part(
            "network",
            "sources.network",
            *("--truth", str(home / "truth"), "--tariff", str(TARIFF), "--seed", str(self.options.seed)),
            *("--commands", str(COMMANDS)),
            *("--rate", str(self.options.rate), "--faults", "some" if self.options.faults else "none"),
        )

    def _watch(self) -> None:
        """A line a second until it is time to stop."""
        until = time.monotonic() + (self.options.seconds or float("inf"))
        due = time.monotonic() + 5
        while not self.asked and time.monotonic() < until:
            time.sleep(1)
            for part in self.flows:
                part.tend()
            if self.options.chaos and time.monotonic() > due:
                due = time.monotonic() + self.random.uniform(1.5, 4)
                self.random.choice(self.flows).process.kill()
                self.killed += 1
            _say(self._line())

    def _line(self) -> str:
        counts = self.client.query(
            "SELECT (SELECT uniqExact(waybill) FROM event), (SELECT count() FROM event), "
            "(SELECT count() FROM charge), (SELECT count() FROM journal), "
            "(SELECT count() FROM waiting_now), (SELECT count() FROM open_dead_letter)"
        ).result_rows[0]
        p50, p99 = self._latency()
        killed = f"  killed {self.killed}" if self.options.chaos else ""
        return (
            f"parcels {counts[0]:>7,}  events {counts[1]:>8,}  charges {counts[2]:>8,}  journal {counts[3]:>9,}  "
            f"waiting {counts[4]:>4,}  dead letters {counts[5]:>4,}  latency p50 {p50} p99 {p99}{killed}"
        )

    def _latency(self) -> tuple[str, str]:
        """Event to row, from the flow's histogram; over all of its lives."""
        if found := latency(self.options.home / "lane0" / "metrics.port"):
            self.latencies[self.flows[0].starts] = found
        p50, p99 = (quantile(self._buckets(), q) for q in (0.5, 0.99))
        return f"≤ {p50 or 0:.0f} ms", f"≤ {p99 or 0:.0f} ms"

    def _buckets(self) -> dict[float, float]:
        total: dict[float, float] = {}
        for buckets in self.latencies.values():
            for bound, count in buckets.items():
                total[bound] = total.get(bound, 0) + count
        return total

    def _status(self) -> dict[str, int | str]:
        try:
            return msgspec.json.decode((self.options.home / "truth" / "status.json").read_bytes(), type=dict)
        except OSError:
            return {}

    def _end(self) -> int:
        _say("stopping: letting the parcels on the way arrive …")
        self.asked = 0
        self.network.process.terminate()
        while self.network.process.poll() is None:
            time.sleep(0.5)
            for part in self.flows:
                part.tend()
            if self.asked:
                self.network.process.kill()
        self._settle()
        for line in transfers.move(self.settings, self.client, by="demo"):
            _say(line)
        self._settle()
        for part in self.flows:
            part.stop()
        report = audit.run(self.client, truth=self.options.home / "truth", closed=True)
        _say(report.to_text())
        _say(self._summary(report.passed))
        return 0 if report.passed else 1

    def _settle(self) -> None:
        """Wait until the newest tick is in a block: then everything before it is, too."""
        read: Callable[[Client], object] = lambda client: client.query(  # noqa: E731
            "SELECT count() FROM block"
        ).result_rows[0][0]
        before, since = None, time.monotonic()
        while time.monotonic() < since + 4:
            if (now := read(self.client)) != before:
                before, since = now, time.monotonic()
            for part in self.flows:
                part.tend()
            time.sleep(0.3)

    def _summary(self, passed: bool) -> str:
        one = self.client.query(
            "SELECT (SELECT uniqExact(waybill) FROM event), (SELECT count() FROM event), "
            "(SELECT count() FROM charge), (SELECT count() FROM journal), "
            "(SELECT count() FROM account_movement), (SELECT countIf(accepted) FROM answer), "
            "(SELECT countIf(NOT accepted) FROM answer), (SELECT countIf(status = 'begun') FROM notice), "
            "(SELECT toInt64(sum(amount) * 10000) FROM journal WHERE side = 'D'), "
            "(SELECT toInt64(sum(amount) * 10000) FROM journal WHERE side = 'C')"
        ).result_rows[0]
        p50, p99 = self._latency()
        starts = ", ".join(f"{part.name} {part.starts}" for part in self.flows)
        return "\n".join(
            (
                "",
                "Summary",
                f"  parcels       {one[0]:,}",
                f"  events        {one[1]:,}",
                f"  charges       {one[2]:,}",
                f"  journal rows  {one[3]:,}",
                f"  balance       debits {yuan(one[8])} − credits {yuan(one[9])} = {yuan(one[8] - one[9])} yuan",
                f"  accounts      {one[4]:,} movements; commands: {one[5]:,} carried out, {one[6]:,} refused; "
                f"{one[7]:,} notices",
                f"  audit         {'passed' if passed else 'FAILED'}",
                f"  latency       p50 {p50}, p99 {p99}, from arrival to queryable row",
                f"  starts        {starts}; killed {self.killed}",
                f"  data          {self.options.home}",
            )
        )


def latency(port_file: Path) -> dict[float, float]:
    """Buckets (seconds → how many up to it) of a lane's latency histogram; empty when nobody answers."""
    try:
        url = f"http://127.0.0.1:{port_file.read_text()}/metrics"
        with urllib.request.urlopen(url, timeout=2) as answer:
            text = answer.read().decode()
    except (OSError, urllib.error.URLError):
        return {}
    found: dict[float, float] = {}
    for family in text_string_to_metric_families(text):
        if family.name == "waybook_event_to_row_seconds":
            for sample in family.samples:
                if sample.name.endswith("_bucket"):
                    bound = float(sample.labels["le"])
                    found[bound] = found.get(bound, 0) + sample.value
    return found


def quantile(buckets: dict[float, float], q: float) -> float | None:
    """The bound in milliseconds of the bucket in which the quantile lies; None without observations."""
    total = max(buckets.values(), default=0)
    if not total:
        return None
    return 1000 * next(bound for bound in sorted(buckets) if buckets[bound] >= q * total)


def _say(line: str) -> None:
    print(line, flush=True)
