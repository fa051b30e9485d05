"""Drafts beside live traffic: what lands is exact, once, whoever is killed, and nothing else is written."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.drafts import summaries
from deploy.rerating import follow
from deploy.rerating.follow import Follower
from deploy.rerating.runs import known
from deploy.tariff import parallel
from flows.engine.stop import Stop
from flows.fees.current import FEES
from flows.governance.network import Network
from flows.rating.book import read_book
from flows.rating.model import Book
from schemas.events import TariffPublished
from sinks.clickhouse import StoreAwayError, create_tables
from sinks.tables import BESIDE, TABLES
from tests.audit import world
from tests.audit.lane import record
from tests.rerating.test_identical import by_books, whole
from tests.rerating.world import everything, simulate
from tests.servers.install import ROOT
from tests.servers.store import Store

DEARER = everything("everything", 30)
TOTAL = """
SELECT sum(charges), sum(changed), sum(unpriced), toInt64(sum(before) * 10000), toInt64(sum(after) * 10000)
FROM draft_difference"""
ROWS = "SELECT * FROM draft_difference ORDER BY run, seq, line"


def reading(book: TariffPublished) -> Callable[[Network], Book]:
    """Reads a draft under a directory."""
    return lambda network: read_book(book.files, network, FEES.prices)


def follower(
    client: Client, book: TariffPublished, writer: Client | None = None, *, from_now: bool = True
) -> Follower:
    """Follows with a draft, from where the run is."""
    made = Follower(client, writer or client, book.version, reading(book), FEES, "me")
    made.begin(from_now=from_now)
    return made


def from_the_beginning(client: Client, book: TariffPublished, writer: Client | None = None) -> Follower:
    """A run of a draft that counts from the first block on."""
    return follower(client, book, writer, from_now=False)


def all_of(one: Follower) -> int:
    """Rate all that is sealed."""
    steps = 0
    while blocks := one.step():
        steps += blocks
    return steps


def rows_of(client: Client) -> list[Any]:
    """All differences."""
    return list(client.query(ROWS).result_rows)


def test_the_book_in_force_as_a_draft_differs_in_nothing(empty: Client) -> None:
    simulate(empty, [(0, everything())])
    assert all_of(from_the_beginning(empty, everything())) > 20
    charges, changed, unpriced, before, after = empty.query(TOTAL).result_rows[0]
    assert (changed, unpriced) == (0, 0)
    assert before == after == empty.query("SELECT toInt64(sum(amount) * 10000) FROM charge").result_rows[0][0]
    assert (
        charges
        == empty.query(
            "SELECT sum(if(revision >= 0 AND reverses = toFixedString('', 16), 1, -1)) FROM charge"
        ).result_rows[0][0]
    )
    assert empty.query(
        "SELECT count() FROM draft_difference WHERE route || payer || customer != ''"
    ).result_rows == [(0,)]
    assert empty.query("SELECT max(line) FROM draft_difference").result_rows[0][0] < len(FEES.names)


def test_what_differs_is_what_the_draft_would_charge(empty: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "AT_ONCE", 3)
    simulate(empty, [(0, everything())])
    books = {
        table.name: empty.query(f"SELECT count() FROM {table.name}").result_rows
        for table in TABLES
        if table not in BESIDE
    }
    all_of(from_the_beginning(empty, DEARER))
    found = empty.query(TOTAL).result_rows[0]
    asked = whole(by_books(empty, DEARER))
    assert found[3:] == (asked.total.before, asked.total.after)
    assert found[0] == asked.total.charges
    by_fee = empty.query(
        "SELECT fee, toInt64(sum(before) * 10000), toInt64(sum(after) * 10000) FROM draft_difference GROUP BY fee"
    ).result_rows
    assert {row[0]: tuple(row[1:]) for row in by_fee} == {
        fee: (sums.before, sums.after) for (fee,), sums in asked.groups.items()
    }
    differing = empty.query(
        "SELECT count(), countIf(before = after), uniqExact(payer), uniqExact(customer), uniqExact(route) "
        "FROM draft_difference WHERE payer != ''"
    ).result_rows[0]
    assert differing[0] > 100
    assert min(differing[2:]) > 3
    assert {name: empty.query(f"SELECT count() FROM {name}").result_rows for name in books} == books, (
        "nothing is posted"
    )


def test_a_run_begins_now_stops_and_begins_again(empty: Client) -> None:
    (lane,) = simulate(empty, [(0, everything())], lanes=1, parcels=60, closed=False)
    one = follower(empty, DEARER)
    assert one.step() == 0
    more = [record(event) for event in world.disordered(40, 9)]
    lane.block(more[:150])
    lane.block(more[150:])
    assert all_of(one) == 2, "the newest block is not sealed"
    seqs = [
        row[0] for row in empty.query("SELECT DISTINCT seq FROM draft_difference ORDER BY seq").result_rows
    ]
    follow.stop(empty, empty, DEARER.version, "her")
    with pytest.raises(LookupError, match="runs"):
        follow.stop(empty, empty, DEARER.version, "her")
    for _ in range(3):
        lane.block([])
    assert one.step() == 0
    assert one.stopped()
    again = follower(empty, DEARER)
    assert [row.status for row in again.run] == ["begun", "stopped", "begun"]
    assert again.run[1].by == "her"
    assert [one.by for one in known(empty)] == [one.by for one in summaries(empty)] == ["me"], "who began it"
    assert again.step() == 0
    lane.block([record(event) for event in world.disordered(50, 10)])
    lane.block([])
    assert all_of(again) == 2
    after = [
        row[0] for row in empty.query("SELECT DISTINCT seq FROM draft_difference ORDER BY seq").result_rows
    ]
    assert after[: len(seqs)] == seqs
    assert len(after) == len(seqs) + 1


def test_what_is_published_meanwhile_counts_from_the_next_block_on(empty: Client) -> None:
    (lane,) = simulate(empty, [(0, everything())], lanes=1, parcels=60, closed=False)
    one = from_the_beginning(empty, DEARER)
    all_of(one)
    before = rows_of(empty)
    other = everything("another", 50)
    lane.block([record(other)])
    lane.block([record(event) for event in world.disordered(40, 9)])
    lane.block([])
    all_of(one)
    assert [row.status for row in one.run] == ["begun", "renewed"]
    assert one.run[1].books == [everything().version, other.version]
    assert one.run[1].after == {0: max(seq for seq, *_ in before)} or one.run[1].after[0] >= before[-1][0]
    rows = rows_of(empty)
    assert rows[: len(before)] == before
    empty.command("TRUNCATE TABLE draft_difference")
    all_of(Replayed(empty, DEARER))
    assert rows_of(empty) == rows, "the same rows, whoever makes them"


class Replayed(Follower):
    """A follower that begins a run's blocks anew, by what the run's rows say."""

    def __init__(self, client: Client, book: TariffPublished) -> None:
        super().__init__(client, client, book.version, reading(book), FEES)
        self.begin()

    def _attempt(self, made: Any, token: str) -> None:
        super()._attempt(made, f"replayed {token}")


class KilledError(RuntimeError):
    """Someone pulled the plug."""


class Doubtful:
    """A writer that is killed just before it writes for the nth time, or just after."""

    def __init__(self, client: Client, at: int, kind: str) -> None:
        self._client, self._at, self._kind = client, at, kind

    def raw_insert(self, *words: Any, **more: Any) -> Any:
        """Insert, unless it is time to die."""
        self._at -= 1
        if self._at or self._kind == "after":
            self._client.raw_insert(*words, **more)
        if not self._at:
            raise KilledError


@pytest.mark.parametrize("kind", ["before", "after"])
def test_killed_followers_lose_nothing_and_double_nothing(empty: Client, kind: str) -> None:
    simulate(empty, [(0, everything())], parcels=60)
    all_of(from_the_beginning(empty, DEARER))
    expected = rows_of(empty)
    for table in BESIDE:
        empty.command(f"TRUNCATE TABLE {table.name}")
        empty.command(f"DROP TABLE {table.name} SYNC")
    create_tables(empty)
    deaths = 0
    one: Follower | None = None
    while True:
        try:
            writer = cast("Client", Doubtful(empty, 1 + deaths % 3, kind))
            one = from_the_beginning(empty, DEARER, writer)
            all_of(one)
        except KilledError:
            deaths += 1
            continue
        break
    assert deaths > 5
    assert rows_of(empty) == expected
    assert [row.status for row in one.run] == ["begun"]


def test_a_token_that_outlives_its_rows(empty: Client) -> None:
    simulate(empty, [(0, everything())], parcels=80)
    one = from_the_beginning(empty, DEARER)
    all_of(one)
    expected = rows_of(empty)
    last = expected[-1][0]
    empty.command(f"ALTER TABLE draft_difference DELETE WHERE seq = {last}", settings={"mutations_sync": 2})
    all_of(follower(empty, DEARER))
    assert rows_of(empty) == expected


def test_two_followers_do_no_more_than_one(empty: Client) -> None:
    simulate(empty, [(0, everything())], parcels=80)
    one, other = from_the_beginning(empty, DEARER), follower(empty, DEARER)
    while one.step() + other.step():
        pass
    found = rows_of(empty)
    empty.command("TRUNCATE TABLE draft_difference")
    all_of(Replayed(empty, DEARER))
    assert rows_of(empty) == found


def test_a_follower_that_is_really_killed(empty: Client, store: Store, tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.mkdir()
    for name, text in DEARER.files.items():
        (book / name).write_text(text, "utf-8")
    (lane,) = simulate(empty, [(0, everything())], lanes=1, parcels=30, closed=False)
    events = [record(event) for event in world.disordered(120, 12)]
    words = [sys.executable, "-m", "deploy.cli", "tariff", "--url", store.url, "parallel", str(book)]

    def started(*more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen([*words, *more], cwd=ROOT, stdout=subprocess.PIPE, text=True)

    running = started()
    assert running.stdout is not None
    assert "runs" in running.stdout.readline()
    for n in range(0, len(events), 100):
        lane.block(events[n : n + 100])
        if n % 300 == 0:
            running.send_signal(signal.SIGKILL)
            running.wait()
            running.stdout.close()
            running = started()
            assert running.stdout is not None
            assert "runs" in running.stdout.readline()
    lane.writer.close()
    sealed = empty.query("SELECT max(n) - 1 FROM block").result_rows[0][0]
    charged = empty.query("SELECT max(seq) FROM charge").result_rows[0][0]
    assert charged <= sealed
    end = time.monotonic() + 120
    while empty.query("SELECT max(seq) FROM draft_difference").result_rows[0][0] < charged:
        assert time.monotonic() < end
        time.sleep(0.2)
    stopped = subprocess.run([*words, "--stop"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "stopped" in stopped.stdout
    assert running.wait(60) == 0
    assert running.stdout is not None
    assert "the run is stopped" in running.stdout.read()
    running.stdout.close()
    base = empty.query("SELECT blocks[1] FROM draft_run WHERE n = 1").result_rows[0][0]
    sums = {
        seq: (units, count)
        for seq, units, count in empty.query(
            "SELECT seq, toInt64(sum(before) * 10000), sum(charges) FROM draft_difference GROUP BY seq"
        ).result_rows
    }
    assert sums == {
        seq: (units, count)
        for seq, units, count in empty.query(
            "SELECT seq, toInt64(sum(amount) * 10000), "
            "toInt64(sum(if(reverses = toFixedString('', 16), 1, -1))) FROM charge "
            f"WHERE seq > {base} GROUP BY seq"
        ).result_rows
    }
    listed = subprocess.run(words[:-1], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "已停止 stopped" in listed
    assert DEARER.version in listed


class Away:
    """A follower whose store is away, and its stop."""

    asked = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch, comes_back_after: float) -> None:
        self.now, self.until = 0.0, comes_back_after
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def step(self) -> int:
        """Once the store is back, there is nothing to do, and the end is asked for."""
        if self.now < self.until:
            raise StoreAwayError("no connection")
        self.asked = True
        return 0

    def stopped(self) -> bool:
        """It is not."""
        return False

    def unsure(self) -> None:
        """Nothing was under way."""

    def wait(self, seconds: float) -> bool:
        """Time passes."""
        self.now += seconds
        return self.asked


@pytest.mark.parametrize("minutes", [4, 60])
def test_a_store_is_waited_for_as_long_as_a_restart_takes(
    minutes: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Away(monkeypatch, minutes * 60)
    too_long = pytest.raises(StoreAwayError, match="for 300 s it has not answered")
    with too_long if minutes * 60 > parallel.PATIENCE else nullcontext():
        parallel._go_on(cast("Follower", away), cast("Stop", away), once=False)
    assert away.now < parallel.PATIENCE + 20
    assert "waiting for the store: no connection" in capsys.readouterr().err
