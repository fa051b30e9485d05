"""Lanes under fire: the same input read by lanes that are hurt must end in the same rows."""

import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.audit.report import Report
from schemas import topics
from schemas.events import Event, Tick
from schemas.settings import Settings, to_environment
from sinks.clickhouse import AWAY
from sinks.tables import FACTS
from tests.audit.remembered import audited
from tests.bench.workload import Workload, create_topics, produce, producer, publish
from tests.crash.jobs import IDLE, JOBS
from tests.servers.install import ROOT
from tests.servers.kafka import Kafka
from tests.servers.process import Server
from tests.servers.store import Store

PARTITIONS = 4
MOST_FAILED = 5
"""Jobs that may end by themselves in a part of a test."""
LOOK = 0.25
"""Seconds between two questions how far lanes are: asking costs the store as much as a small block does."""
POINTS = (
    "before_plan",
    "after_plan",
    "after_charge",
    "after_journal",
    "after_rows",
    "handed_over",
    "after_letters",
    "before_commit",
    "committed",
)


class Lane(Server):
    """One lane's process, started again whenever it ends otherwise than well."""

    forks = True

    def __init__(self, directory: Path, number: int, settings: Settings, crash: str = "") -> None:
        super().__init__(directory)
        self.number, self.settings, self.crash = number, settings, crash
        self.starts = 0
        self.codes: list[int | None] = []
        self._said = 0
        """What it had said in the log when it was started last, in characters."""

    def command(self) -> list[str]:
        """The parcel flow."""
        return [sys.executable, "-m", "flows.parcels", str(self.number)]

    def environment(self) -> dict[str, str]:
        """Its settings, and the points at which it dies."""
        own = {"PYTHONPATH": str(ROOT), "WAYBOOK_CRASH": self.crash}
        return {**super().environment(), **to_environment(self.settings), **own}

    def ready(self) -> bool:
        """Nobody waits for a lane."""
        return True

    def tend(self) -> None:
        """Start it, again if need be."""
        if not self.running:
            if self.process is not None:
                self.codes.append(self.process.returncode)
                time.sleep(0.05)
                self._said = len((self.directory / "server.log").read_text())
            self.start()
            self.starts += 1

    def listens(self, seconds: float = 120, look: float = 0.1) -> bool:
        """Wait until it has begun, from when on it ends well when it is told to; False: it ended before."""
        until = time.monotonic() + seconds
        while self.running and time.monotonic() < until:
            if '"event":"start"' in (self.directory / "server.log").read_text()[self._said :]:
                return True
            time.sleep(look)
        return False

    @property
    def recovery(self) -> Path:
        """Its recovery store."""
        return self.settings.home / f"lane{self.number}" / "recovery"

    def pause(self) -> None:
        """Stop it where it is, as a machine that is too busy would."""
        if self.running and self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it continue."""
        if self.running and self.process is not None:
            self.process.send_signal(signal.SIGCONT)


class AccountLane(Lane):
    """One lane of the accounts flow."""

    def command(self) -> list[str]:
        """The accounts flow; its lanes' numbers begin with 1000."""
        return [sys.executable, "-m", "flows.accounts", str(self.number - 1000)]


class StayLane(Lane):
    """One lane of the storage flow."""

    def command(self) -> list[str]:
        """The storage flow; its lanes' numbers begin with 2000."""
        return [sys.executable, "-m", "flows.stays", str(self.number - 2000)]


class Jobs(Server):
    """Commands of `waybook` in one process (`tests.crash.jobs`) that dies in their middle and is started again.

    `points`: where it dies, one life after the other; after the last of them it stays away.
    """

    forks = True

    def __init__(
        self, directory: Path, settings: Settings, points: Sequence[str], commands: Sequence[str]
    ) -> None:
        super().__init__(directory)
        self.settings, self.commands, self.points = settings, commands, points
        self.failed = 0

    def command(self) -> list[str]:
        """All of them, again and again."""
        return [sys.executable, "-m", "tests.crash.jobs", *self.commands]

    def environment(self) -> dict[str, str]:
        """Where everything is, and where it dies."""
        own = {"PYTHONPATH": str(ROOT), "WAYBOOK_CRASH": f"{self.points[0]}:1"}
        return {**super().environment(), **to_environment(self.settings), **own}

    def ready(self) -> bool:
        """Nobody waits for it."""
        return True

    def tend(self) -> None:
        """Start it for its next death, or again where it ended for another reason: a store or Kafka that was killed.

        Raises AssertionError when it does so again and again.
        """
        if not self.points or self.running:
            return
        if self.process is not None:
            died = self.process.returncode == -signal.SIGKILL
            self.failed += not died
            assert self.failed < MOST_FAILED, (self.directory / "server.log").read_text()[-3000:]
            self.points = self.points[died:]
            self.process = None
        if self.points:
            self.start()


class PaymentLane(Lane):
    """One lane of the payments flow."""

    def command(self) -> list[str]:
        """The payments flow; its lanes' numbers begin with 3000."""
        return [sys.executable, "-m", "flows.payments", str(self.number - 3000)]


class Out(Protocol):
    """What takes records: Kafka's producer, or who stands for it."""

    def produce(self, topic: str, value: bytes, key: str | None = None, partition: int = -1) -> None:
        """One of them."""

    def flush(self) -> int:
        """All of them; how many are left."""


def say(out: Out, topic: topics.Topic, event: Event, key: str = "") -> None:
    """An event on its topic."""
    out.produce(topic.name, msgspec.json.encode(event), key or None, 0 if not topic.partitioned else -1)


def clean(parcels: int, late: float = 0.0) -> Callable[[Producer], None]:
    """Parcels with which nothing is wrong: whatever the blocks, the same rows."""

    def fill(out: Producer) -> None:
        publish(out, 2_000)
        produce(out, Workload(parcels, spread=parcels // 3, late=late))

    return fill


class Input:
    """A Kafka with something in it."""

    def __init__(self, kafka: Kafka, fill: Callable[[Producer], None]) -> None:
        self.kafka = kafka
        create_topics(kafka.address, PARTITIONS)
        self.add(fill)

    def add(self, fill: Callable[[Producer], None]) -> None:
        """More of it."""
        out = producer(self.kafka.address)
        fill(out)
        assert out.flush(60) == 0
        self.look()

    def look(self) -> None:
        """How much there is by now."""
        self.ends = self.ends_of(
            topics.CONTROL, topics.TICKS, topics.ORDERS, topics.DEVICES, topics.DEAD_LETTERS
        )

    def ends_of(self, *wanted: topics.Topic) -> dict[str, int]:
        """The offsets at which topics end now."""
        consumer = Consumer({"bootstrap.servers": self.kafka.address, "group.id": "ends"})
        ends = {}
        for topic in wanted:
            for partition in range(PARTITIONS if topic.partitioned else 1):
                _, end = consumer.get_watermark_offsets(TopicPartition(topic.name, partition), timeout=10)
                ends[f"{topic.name}:{partition}"] = end
        consumer.close()
        return ends

    def said(self, topic: topics.Topic) -> list[bytes]:
        """All that a topic of several partitions holds now."""
        consumer = Consumer({"bootstrap.servers": self.kafka.address, "group.id": "reader"})
        count = sum(self.ends_of(topic).values())
        consumer.assign([TopicPartition(topic.name, partition, 0) for partition in range(PARTITIONS)])
        found: list[bytes] = []
        while len(found) < count:
            for message in consumer.consume(count - len(found), 5):
                assert message.error() is None
                found.append(message.value() or b"")
        consumer.close()
        return found


class Field:
    """A store and lanes that read an input; `hurt` is called again and again until all is read."""

    def __init__(
        self,
        directory: Path,
        source: Input,
        lanes: int = 2,
        budget: int = 300,
        crash: str = "",
        accounts: int = 0,
        stays: int = 0,
        payments: int = 0,
        **more: Any,
    ) -> None:
        self.directory, self.source, self.count = directory, source, lanes + stays + payments + accounts
        self.accounts, self.stays, self.payments = accounts, stays, payments
        self.store = Store(directory / "store")
        self.store.start()
        self.client = self.store.client()
        self.random = random.Random()
        self.settings = Settings(
            kafka=source.kafka.address,
            clickhouse=self.store.url,
            home=directory / "home",
            partitions=PARTITIONS,
            lanes=lanes,
            account_lanes=max(1, accounts),
            stay_lanes=max(1, stays),
            payment_lanes=max(1, payments),
            epoch=0.6,
            period=0.05,
            budget=budget,
            **more,
        )
        self.lanes = [Lane(directory / f"lane{n}", n, self.settings, crash) for n in range(lanes)]
        self.lanes += [
            StayLane(directory / f"lane{n}", n, self.settings, crash) for n in range(2000, 2000 + stays)
        ]
        self.lanes += [
            PaymentLane(directory / f"lane{n}", n, self.settings, crash) for n in range(3000, 3000 + payments)
        ]
        self.lanes += [
            AccountLane(directory / f"lane{n}", n, self.settings, crash) for n in range(1000, 1000 + accounts)
        ]
        self.servers_killed = 0
        self.jobs: Jobs | None = None

    @property
    def killed(self) -> int:
        """Processes that ended by SIGKILL, each once: lanes, by whomever, and servers."""
        return self.servers_killed + sum(lane.codes.count(-signal.SIGKILL) for lane in self.lanes)

    def run(self, hurt: Callable[["Field"], None] = lambda _: None, most: float = 1_200) -> None:
        """Until every record is in a block, and then until lanes end well."""
        self.read(hurt, most)
        self.end()

    def read(self, hurt: Callable[["Field"], None] = lambda _: None, most: float = 1_200) -> None:
        """Until every record is in a block."""
        until = time.monotonic() + most
        while not self._all_read():
            if time.monotonic() > until:
                logs = "\n".join((lane.directory / "server.log").read_text()[-1500:] for lane in self.lanes)
                raise AssertionError(f"not finished: {logs}")
            look = time.monotonic() + LOOK
            while time.monotonic() < look:
                for lane in self.lanes:
                    lane.tend()
                if self.jobs is not None:
                    self.jobs.tend()
                hurt(self)
                time.sleep(0.02)

    def worked(
        self,
        tick: Tick,
        commands: Sequence[str] = (),
        points: Sequence[str] = (),
        hurt: Callable[["Field"], None] = lambda _: None,
    ) -> None:
        """Until all is read, and these jobs have died at all points and then have nothing left to do.

        `tick`: the time. It is said again and again: so the block before is complete, and nothing else changes.
        """
        self.jobs = Jobs(self.directory / "jobs", self.settings, points, commands)
        idle = 0
        while self.jobs.points or idle < 2:
            self.source.add(lambda out: say(out, topics.TICKS, tick))
            self.read(hurt)
            self.jobs.tend()
            if self.jobs.points:
                time.sleep(0.5)  # it needs longer than lanes need for a tick
            else:
                before = self.source.ends
                said = {line for name in commands for line in JOBS[name](self.settings, self.client)}
                self.source.look()  # what was sent and not taken yet is sent again without a word
                idle = (
                    idle + 1
                    if all(line.startswith(IDLE) for line in said) and self.source.ends == before
                    else 0
                )
        self.jobs = None

    def end(self) -> None:
        """Lanes end well."""
        for lane in self.lanes:
            lane.go_on()
            lane.crash = ""
        self._end_well()

    def _end_well(self) -> None:
        """Lanes that post first; those of accounts when they have read the last of their postings."""
        first = self.count - self.accounts
        posting, accounts = self.lanes[:first], self.lanes[first : self.count]
        self._stop([*posting, *self.lanes[self.count :]])
        until = time.monotonic() + 120
        while accounts and not self._all_read() and time.monotonic() < until:
            for lane in accounts:
                lane.tend()
            time.sleep(LOOK)
        self._stop(accounts)

    def _stop(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            for _ in range(20):
                lane.tend()
                if lane.listens() and lane.stop(120) == 0:
                    break
            else:
                raise AssertionError((lane.directory / "server.log").read_text()[-3000:])

    def kill_a_lane(self) -> None:
        """SIGKILL, whatever it is doing; half of the lanes are about to end well just then."""
        lane = self.random.choice(self.lanes)
        if lane.running and lane.process is not None and self.random.random() < 0.5:
            lane.process.terminate()
            time.sleep(self.random.uniform(0, 0.2))
        lane.kill()

    def kill_the_store(self) -> None:
        """SIGKILL chDB under load and start it again."""
        self.store.kill()
        self.servers_killed += 1
        time.sleep(self.random.uniform(0, 0.3))
        self.store.start()

    def kill_kafka(self) -> None:
        """SIGKILL the broker under load and start it again on its own directory."""
        self.source.kafka.kill()
        self.servers_killed += 1
        self.source.kafka.start()

    def put_back(self, saved: Path) -> None:
        """An older copy of lane 0's recovery store takes the place of the present one."""
        lane = self.lanes[0]
        lane.kill()
        shutil.rmtree(lane.recovery, ignore_errors=True)
        if saved.exists():
            shutil.copytree(saved, lane.recovery)

    def save(self, to: Path) -> None:
        """Copy lane 0's recovery store while nobody writes it."""
        lane = self.lanes[0]
        lane.kill()
        shutil.rmtree(to, ignore_errors=True)
        if lane.recovery.exists():
            shutil.copytree(lane.recovery, to)

    def replayed(self) -> None:
        """All lanes again from nothing but the plan log: another row than its receipts say would stop them."""
        for lane in self.lanes:
            shutil.rmtree(lane.settings.home / f"lane{lane.number}")
            lane.tend()
        newest = self._newest()
        assert all(n > 1 for _, n, *_ in newest)
        self._end_well()
        assert self._newest() == newest

    def _newest(self) -> list[tuple[Any, ...]]:
        """Each lane's newest plan."""
        sql = "SELECT lane, n, inputs, upto FROM block ORDER BY lane, n DESC LIMIT 1 BY lane"
        return [tuple(row) for row in self.client.query(sql).result_rows]

    def _all_read(self) -> bool:
        try:
            rows = self.client.query(
                "SELECT inputs, upto FROM block ORDER BY lane, n DESC LIMIT 1 BY lane"
            ).result_rows
        except AWAY:
            return False
        reached = [dict(zip(*row, strict=True)) for row in rows]
        if len(rows) != self.count or not _reached(reached, self.source.ends):
            return False
        if not self.accounts:
            return True
        events = (topics.STAYS,) if self.stays else ()
        said = (topics.RECEIVABLES, topics.BILLS, topics.DECISIONS, topics.DEDUCTIONS)
        money = (*said, *topics.NOTIFICATIONS) if self.payments else ()
        return _reached(reached, self.source.ends_of(topics.POSTINGS, topics.COMMANDS, *events, *money))

    def contents(self) -> dict[str, tuple[int, int]]:
        """Rows of every table and a checksum of them, whatever blocks they came in.

        Of waits those that have not ended: whether one begins depends on what a block brings together.
        """
        found = {}
        for table in FACTS:
            columns = ", ".join(f"`{c.name}`" for c in table.columns if c.name not in ("seq", "line"))
            source, columns = ("waiting_now", "*") if table.name == "waiting" else (table.name, columns)
            sql = f"SELECT count(), sum(cityHash64({columns})) FROM {source}"
            found[table.name] = tuple(self.client.query(sql).result_rows[0])
        return found

    def close(self) -> None:
        """End everything."""
        for lane in (*self.lanes, *filter(None, [self.jobs])):
            lane.kill()
        self.store.kill()

    def audited(self) -> Report:
        """The audit agrees, and every row is sealed: all lanes have ended well."""
        report = audited(self.client, closed=True)
        assert report.passed, report.to_text()
        if self.accounts:
            assert report.check("told").detail.endswith(" 0 sums on the way"), report.to_text()
        return report


def _reached(lanes: Sequence[dict[str, int]], ends: dict[str, int]) -> bool:
    """Whether every lane that reads a partition has read it to its end, and each is read by one."""
    of = {name: [lane[name] for lane in lanes if name in lane] for name in ends}
    return all(of[name] and min(of[name]) >= end for name, end in ends.items() if end)


@contextmanager
def field(
    directory: Path,
    source: Input,
    lanes: int = 2,
    crash: str = "",
    budget: int = 300,
    accounts: int = 0,
    stays: int = 0,
    payments: int = 0,
    **more: Any,
) -> Iterator[Field]:
    """A field that is cleared afterwards. `more`: settings of the lanes."""
    made = Field(directory, source, lanes, budget, crash, accounts, stays, payments, **more)
    try:
        yield made
    finally:
        made.close()


def every(seconds: tuple[float, float], do: Callable[[Field], None], most: int) -> Callable[[Field], None]:
    """A `hurt` that does something now and then, at most so often."""
    due = time.monotonic() + seconds[1]
    done = 0

    def hurt(place: Field) -> None:
        nonlocal due, done
        if done < most and time.monotonic() > due:
            due = time.monotonic() + place.random.uniform(*seconds)
            done += 1
            do(place)

    return hurt


def together(*hurts: Callable[[Field], None]) -> Callable[[Field], None]:
    """A `hurt` of several."""

    def hurt(place: Field) -> None:
        for one in hurts:
            one(place)

    return hurt


def twin(place: Field, directory: Path) -> Callable[[Field], None]:
    """A `hurt`: lane 0 runs twice, and now the one and now the other is stopped where it is."""
    elsewhere = msgspec.structs.replace(place.settings, home=directory / "twin-home")
    other = Lane(directory / "twin", 0, elsewhere)
    first = place.lanes[0]
    place.lanes.append(other)
    paused: list[Lane] = []

    def pause(place: Field) -> None:
        for lane in paused:
            lane.go_on()
        paused[:] = [place.random.choice((first, other))]
        paused[0].pause()

    return pause


def put_back(saved: Path) -> Callable[[Field], None]:
    """A `hurt`: lane 0's recovery store is saved, put back, deleted, and so on."""
    steps = (
        lambda place: place.save(saved),
        lambda place: place.put_back(saved),
        lambda place: place.put_back(saved / "nothing"),
    )
    done = 0

    def next_step(place: Field) -> None:
        nonlocal done
        steps[done % len(steps)](place)
        done += 1

    return next_step


def at_points(chance: float) -> str:
    """A setting under which lanes die at every named point now and then."""
    return ",".join(f"{point}:{chance}" for point in POINTS)
