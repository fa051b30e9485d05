"""The demo: the whole of Waybook on one machine, live, with a simulated network and an audit at the end.

Every part runs as a process of its own. The flows, the store and the page are started again when they end, as
a supervisor would in production; the brokers are in memory, so the demo ends with them. With chaos, the flows
are killed at random; the audit must agree all the same.
"""

import contextlib
import os
import random
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from dashboards.drafts import PROVINCES
from dashboards.words import FEES, line_between
from deploy import audit, costs, transfers
from deploy.audit.paid import Paid, paid
from deploy.audit.store import Store
from deploy.cashier import Cashier
from deploy.embedded.kafka import PARTITIONS
from deploy.home import Home
from deploy.part import ROOT, Part, Server
from deploy.payables import Payables
from flows.fees.current import FEES as DUES
from flows.reconciliation.figures import COUNTED
from schemas.counted import counted
from schemas.money import yuan
from schemas.reasons import EXCEPTION
from schemas.settings import Settings, from_environment, to_environment
from schemas.times import DAY, HOUR
from sinks.clickhouse import AWAY, connect, create_tables
from sinks.kafka import DeliveryError
from sources.network.lag import Lag
from sources.network.pace import Sent

COMMANDS = 25
"""Commands on virtual accounts a second."""
PAYMENTS = 10
"""Affairs a second in which customers owe and pay."""
PULL = ("bills", "pull", "--quiet", "0")
"""What the job of bills does with what channels have given."""
CLOSING = 5
"""Seconds between two looks of the cashier, who closes the days whose bills have come, and of accounts payable."""
COUNTING = ("volumes", "--follow", "--every", "5", "--by", "demo")
"""What counts customers' parcels in the month, soon after each day."""
SPREADING = ("costs", "spread", "--follow", "--every", "10")
"""What apportions the costs of hubs and lines to the parcels that passed."""
LINES = """
SELECT count() AS lines, countIf(gain > 0) AS earn, countIf(gain < 0) AS lose, sum(income) AS charged,
       sum(cost) AS carriage, sum(gain) AS profit, argMax(route, (gain, route)) AS best, max(gain) AS most,
       argMin(route, (gain, route)) AS worst, min(gain) AS least
FROM (SELECT route, sum(charged) AS income, sum(carriage) AS cost, sum(profit) AS gain FROM line_profit
      WHERE route != '' GROUP BY route)"""
HAULED = [fee for due in DUES.dues if due.trigger == "hauled" for fee in due.fees]
"""Fees of what the cold store's vehicles carry."""
VEHICLES = 2
"""Vehicles at the gate of the cold store a second."""
TARIFF = ROOT / "flows" / "rating" / "default"
MATCHING = ROOT / "flows" / "reconciliation" / "default" / "matching.toml"
HORIZON = 40 * DAY
"""Simulated days pass in seconds: a quarter of an hour in which a dead letter can be mended."""
CLIENTS = 2
"""MQTT clients of the device flow, unless the environment says otherwise."""
FINISH = 420.0
"""Seconds that the parcels on the way have to arrive when the demo is stopped."""
SETTLE = 120.0
"""Seconds that the lanes then have to read what is left, and again to end well."""
A_LINE = 6
"""In the summary."""
AT_ONCE = 10.0
"""Seconds that all parts together have to end when a broker has ended: some wait for it."""
BROKER_ENDED = 3
"""Exit code when an in-memory broker ended."""


class BrokerEndedError(RuntimeError):
    """What was on the way is lost; there is nothing to go on with."""


class NoAuditError(RuntimeError):
    """Whoever runs the demo does not wait for its audit."""


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
        self.home = Home(options.home)
        self.home.prepare()
        self.parts: list[Part] = []
        self.away: str = ""
        """Since when the store has been away, as people read the time."""
        self.asked = 0
        self.auditing = False
        self.random = random.Random()  # noqa: S311 - chaos is not to be foreseen
        self.killed = 0
        self.latencies: dict[int, dict[float, float]] = {}

    def run(self) -> int:
        """The demo's exit code: 0 if the audit agrees, 1 if it does not or there was none, 3 if a broker ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            self._watch()
            return self._end()
        except BrokerEndedError as error:
            _say(str(error))
            until = time.monotonic() + AT_ONCE
            for part in self.parts:
                part.ask()  # each would wait for the broker until it is told
            for part in reversed(self.parts):
                part.stop(max(0.0, until - time.monotonic()))
            return BROKER_ENDED
        finally:
            for part in reversed(self.parts):
                part.stop(10)
            self.home.release()

    def _on_signal(self, number: int, frame: object) -> None:  # noqa: ARG002
        self.asked += 1
        if self.auditing:
            self.auditing = False
            raise NoAuditError

    def _part(self, name: str, *command: str) -> Part:
        part = Part(self.options.home, name, list(command), self.environment)
        self.parts.append(part)
        return part

    def _server(self, name: str, *command: str, keeps_port: bool = False) -> Server:
        """Start a server and wait for its address."""
        server = Server(self.options.home, name, list(command), self.environment, keeps_port=keeps_port)
        self.parts.append(server)
        return server

    def _start(self) -> None:
        home = self.options.home
        self.environment = {"PYTHONPATH": str(ROOT)}
        store = self._server(
            "store", "deploy.embedded.store", "--directory", str(home / "store"), keeps_port=True
        )
        self.brokers = [
            self._server("kafka", "deploy.embedded.kafka"),
            self._server("mqtt", "deploy.embedded.mqtt"),
        ]
        asked = from_environment()
        self.settings = Settings(
            clickhouse=store.address,
            kafka=self.brokers[0].address,
            mqtt=self.brokers[1].address,
            mqtt_clients=asked.mqtt_clients if "WAYBOOK_MQTT_CLIENTS" in os.environ else CLIENTS,
            home=home,
            keys=home / "keys",
            bills=home / "bills",
            partitions=PARTITIONS,
            period=asked.period,
            epoch=2.0,
            horizon=HORIZON,
            ahead=24 * HOUR,  # simulated hours pass in a second
        )
        self.environment |= to_environment(self.settings)
        self.client = connect(self.settings, 5)
        create_tables(self.client)
        self.cashier = Cashier(self.settings, self.client)
        self.payables = Payables(self.settings, home / "costs")
        self.home.tell(self.settings)
        self.flows = [
            self._part("parcels", "flows.parcels", "0"),
            self._part("devices", "flows.devices"),
            self._part("stays", "flows.stays", "0"),
            self._part("gates", "flows.gates"),
            self._part("accounts", "flows.accounts", "0"),
            self._part("payments", "flows.payments", "0"),
        ]
        page = self._server("page", "dashboards.live", "--port", str(self.options.port), keeps_port=True)
        self.volumes = self._part("volumes", "deploy.cli", *COUNTING)
        self.recall = self._part("recall", "deploy.cli", "recall", "--follow")
        self.costs = self._part("costs", "deploy.cli", *SPREADING)
        self.tended = [store, page, self.volumes, self.recall, self.costs, *self.flows]
        _say(f"page        {page.address}")
        _say(f'clickhouse  {store.address}   ({command()} sql "select …"; Grafana and other clients, too)')
        _say(f"kafka       {self.settings.kafka}")
        _say(f"mqtt        {self.settings.mqtt}")
        _say(f"data        {home}")
        self.network = self._part(
            "network",
            "sources.network",
            *("--truth", str(home / "truth"), "--tariff", str(TARIFF), "--seed", str(self.options.seed)),
            *("--commands", str(COMMANDS), "--vehicles", str(VEHICLES)),
            *("--payments", str(PAYMENTS), "--matching", str(MATCHING), "--bills", str(self.settings.bills)),
            *("--costs", str(home / "costs")),
            *("--rate", str(self.options.rate), "--faults", "some" if self.options.faults else "none"),
        )
        while not (self.settings.bills / "bills.toml").exists() and not self.network.ended:
            time.sleep(
                0.1
            )  # the network makes the keys that the job needs, and says which bills there will be
        self.bills = self._part("bills", "deploy.cli", *PULL, "--follow", "--every", "1")
        self.tended.append(self.bills)

    def _watch(self) -> None:
        """A line a second until it is time to stop."""
        until = time.monotonic() + (self.options.seconds or float("inf"))
        due = time.monotonic() + 5
        closing = time.monotonic() + CLOSING
        while not self.asked and time.monotonic() < until:
            time.sleep(1)
            self._tend()
            if self.network.ended:
                _say(f"the simulated network has ended: see {self.network.log}")
                return
            if self.options.chaos and time.monotonic() > due:
                due = time.monotonic() + self.random.uniform(1.5, 4)
                self.random.choice(self.flows).process.kill()
                self.killed += 1
            if time.monotonic() > closing:
                closing = time.monotonic() + CLOSING
                self._close_days()
            _say(self._line())

    def _close_days(self) -> None:
        """What the cashier and accounts payable do; while the store is away: later."""
        with contextlib.suppress(*AWAY, DeliveryError):
            self.cashier.step()
            self.payables.step()

    def _tend(self) -> None:
        """Start again what has ended. Raises BrokerEndedError for what cannot be."""
        for broker in self.brokers:
            if broker.ended:
                raise BrokerEndedError(
                    f"the {broker.name} broker has ended, and what it held in memory with it: the demo stops "
                    f"without an audit; see {broker.log}"
                )
        for part in self.tended:
            part.tend()

    def _line(self) -> str:
        """How far everything is."""
        try:
            counts = self.client.query(
                "SELECT (SELECT countIf(kind = 'order') FROM event), (SELECT count() FROM event), "
                "(SELECT count() FROM charge), (SELECT count() FROM journal), "
                "(SELECT count() FROM waiting_now), (SELECT count() FROM open_dead_letter)"
            ).result_rows[0]
        except AWAY:
            self.away = self.away or f"{datetime.now():%H:%M:%S}"
            return f"the store is away since {self.away}; the lane waits for it, and nothing is lost"
        self.away = ""
        p50, p99 = self._latency()
        killed = f"  killed {self.killed}" if self.options.chaos else ""
        return (
            f"orders {counts[0]:>8,}  events {counts[1]:>8,}  charges {counts[2]:>8,}  journal {counts[3]:>9,}  "
            f"waiting {counts[4]:>4,}  dead letters {counts[5]:>4,}  latency p50 {p50} p99 {p99}{killed}"
        )

    def _latency(self) -> tuple[str, str]:
        """Event to row, from the flow's histogram; over all of its lives."""
        if found := latency(self.options.home / "lane0" / "metrics.port"):
            self.latencies[self.flows[0].starts] = found
        buckets = self._buckets()
        return at_most(quantile(buckets, 0.5)), at_most(quantile(buckets, 0.99))

    def _buckets(self) -> dict[float, float]:
        total: dict[float, float] = {}
        for buckets in self.latencies.values():
            for bound, count in buckets.items():
                total[bound] = total.get(bound, 0) + count
        return total

    def _end(self) -> int:
        _say("stopping: letting the parcels on the way arrive …")
        self.asked = 0
        if not self.network.ended:
            self.network.process.terminate()
        until = time.monotonic() + FINISH
        while not self.network.ended:
            time.sleep(0.5)
            self._tend()
            if self.asked or time.monotonic() > until:
                self.network.process.kill()
        for part in (self.volumes, self.recall, self.costs, self.bills):
            self.tended.remove(part)
            part.stop()
        self.payables.step()
        self._part("last-bills", "deploy.cli", *PULL).process.wait()
        self._settle()
        _say("\n".join(_handovers(transfers.move(self.settings, self.client, by="demo"))))
        self._settle()
        for part in self.flows:
            part.stop(SETTLE)
        return self._verdict()

    def _verdict(self) -> int:
        """Audit and tell; whoever does not wait for it ends it with a signal."""
        try:
            client = connect(self.settings, 600)
            _say("auditing; Ctrl-C ends the demo without it")
            self.auditing = True
            costs.spread(client, client, costs.lately(client))
            truth = self.options.home / "truth"
            report = audit.run(client, truth=truth, closed=True, limits=self.settings, say=_auditing)
            self.auditing = False
            _say(report.to_text())
            _say(self._summary(report.passed, paid(Store(client), truth)))
        except AWAY as error:
            _say(f"no audit: the store is away: {error}")
            return 1
        except NoAuditError:
            _say(
                f"no audit: interrupted. {command()} open {_short(self.options.home)}, then {command()} audit"
            )
            return 1
        return 0 if report.passed else 1

    def _settle(self) -> None:
        """Wait until everything that Kafka has is in a block, and has been for a while."""
        books, until = Lag(self.settings, 0, accounts=True, payments=True), time.monotonic() + SETTLE
        while not books.drained(Sent()) and time.monotonic() < until:
            self._tend()
            time.sleep(0.3)
        books.close()

    def _summary(self, passed: bool, money: Paid) -> str:
        one = self.client.query(
            "SELECT (SELECT uniqExact(waybill) FROM event), (SELECT count() FROM event), "
            "(SELECT count() FROM charge), (SELECT count() FROM journal), "
            "(SELECT count() FROM account_movement), (SELECT countIf(accepted) FROM answer), "
            "(SELECT countIf(NOT accepted) FROM answer), (SELECT countIf(status = 'begun') FROM notice), "
            "(SELECT toInt64(sum(amount) * 10000) FROM journal WHERE side = 'D'), "
            "(SELECT toInt64(sum(amount) * 10000) FROM journal WHERE side = 'C'), "
            "(SELECT uniqExactIf(stay, kind = 'opened') FROM stay_event), "
            "(SELECT uniqExactIf(stay, kind = 'closed') FROM stay_event), "
            "(SELECT countIf(NOT accepted) FROM answer WHERE command = 'admit'), "
            "(SELECT count() FROM close_now), (SELECT sum(open_count) FROM close_now), "
            "(SELECT uniqExact(entry_id) FROM journal WHERE fee IN {fees:Array(String)} "
            "AND business_date != posted_for), "
            "(SELECT countIf(reverses = toFixedString('', 16)) FROM charge WHERE fee IN {hauled:Array(String)}), "
            "(SELECT countIf(reverses != toFixedString('', 16)) FROM charge WHERE fee IN {hauled:Array(String)})",
            parameters={"fees": sorted(COUNTED), "hauled": HAULED},
        ).result_rows[0]
        booked = self.client.query(
            "SELECT fee, toInt64(sum(amount) * 10000) AS units FROM charge GROUP BY fee HAVING units != 0 "
            "ORDER BY units DESC, fee"
        ).result_rows
        lines = next(self.client.query(LINES).named_results())
        names = {row["province"]: row["name"] for row in self.client.query(PROVINCES).named_results()}
        p50, p99 = self._latency()
        starts = ", ".join(f"{part.name} {part.starts}" for part in self.flows)
        return "\n".join(
            (
                "",
                "Summary",
                f"  parcels       {one[0]:,}",
                f"  events        {one[1]:,}",
                f"  charges       {one[2]:,}",
                *_lines("fees, yuan", (f"{FEES[fee][0]} {yuan(units)}" for fee, units in booked)),
                f"  lines         {lines['lines']:,} with {lines['charged']:,.2f} charged − {lines['carriage']:,.2f} "
                f"carriage = {lines['profit']:,.2f} yuan; {lines['earn']:,} earn, {lines['lose']:,} lose, most "
                f"{line_between(lines['best'], names)} {lines['most']:,.2f}, least "
                f"{line_between(lines['worst'], names)} {lines['least']:,.2f}",
                f"  journal rows  {one[3]:,}",
                f"  balance       debits {yuan(one[8])} − credits {yuan(one[9])} = {yuan(one[8] - one[9])} yuan",
                f"  accounts      {counted(one[4], 'movement')}; commands: {one[5]:,} carried out, {one[6]:,} refused; "
                f"{counted(one[7], 'notice')}",
                f"  cold store    {counted(one[10], 'stay')} opened, {one[11]:,} closed; "
                f"{one[12]:,} refused at the gate",
                f"  hauls         {one[16]:,} charged, {one[17]:,} of them taken back because they did not take place",
                f"  payments      {money.booked:,} of {money.happened:,} booked, {money.told:,} of them notified, the "
                f"others in bills; matched as meant {money.matched:,}, open {money.open:,}, "
                f"wrong {len(money.wrong):,}; {counted(money.refused, 'notification')} refused, "
                f"{counted(money.decisions, 'decision')}",
                *own(money),
                f"  closes        {counted(one[13], 'day')} of channels' merchants closed, "
                f"{counted(one[14], 'open item')} named; {counted(one[15], 'entry', 'entries')} "
                "booked later because their day was closed",
                f"  deductions    {counted(money.deducted, 'due')} paid from accounts, "
                f"{counted(money.waiting, 'waits', 'wait')} for money in them",
                *_lines("exceptions", (_counted(kind, *counts) for kind, counts in money.exceptions.items())),
                f"  audit         {'passed' if passed else 'FAILED'}",
                f"  latency       p50 {p50}, p99 {p99}, from arrival to queryable row",
                f"  starts        {starts}; killed {self.killed}",
                f"  data          {self.options.home}   (look again: {command()} open {_short(self.options.home)})",
            )
        )


def _lines(name: str, told: Iterable[str]) -> Iterator[str]:
    """Lines that tell so much, some on each."""
    words = list(told)
    for first in range(0, len(words), A_LINE):
        yield f"  {'' if first else name:<14}{', '.join(words[first : first + A_LINE])}"


def _auditing(what: str) -> None:
    _say(f"auditing {what} …")


def _handovers(moved: Sequence[str]) -> Iterator[str]:
    """What outlets that have changed hands still had open, which goes over now."""
    yield "\n网点转让 outlets that changed hands, and what of their balances goes over to the new owner now"
    yield from (f"  {line}" for line in moved)


def own(money: Paid) -> Iterator[str]:
    """What whoever runs the demo has decided about payments; nothing: they have not."""
    if money.own:
        decisions, payments = counted(money.own, "decision"), counted(len(money.aside), "payment")
        yield f"  your own      {decisions}; {payments} matched by them, not compared with the truth"
        yield from _lines("", money.aside)


def _counted(kind: str, there: int, true: int) -> str:
    """How many exceptions of a kind are open, and how many there truly are where that differs."""
    return f"{EXCEPTION[kind]} {there:,}" + ("" if there == true else f" (truth: {true:,})")


def command() -> str:
    """How `waybook` is called here."""
    here = Path(sys.executable).with_name("waybook")
    return _short(here) if here.exists() else "waybook"


def _short(path: Path) -> str:
    """A path as someone in this directory would type it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


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


def at_most(bound: float | None) -> str:
    """A bound in milliseconds for people; None: nothing has been observed."""
    return "–" if bound is None else f"≤ {bound:.0f} ms"


def _say(line: str) -> None:
    print(line, flush=True)
