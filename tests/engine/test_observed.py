"""What can be seen of a lane that waits: a store that hangs, the age of its blocks, and how it ends."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from clickhouse_connect.driver.client import Client
from prometheus_client import REGISTRY

from flows.engine import inserter, metrics
from flows.engine.block import Block, Receipt
from flows.engine.inserter import Inserter
from flows.engine.plans import PlanLog, next_plan
from schemas.settings import Settings
from sinks.clickhouse import StoreAwayError, connect
from sinks.encode import Encoded
from tests.servers.install import ROOT
from tests.servers.store import Store


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def away() -> float | None:
    return REGISTRY.get_sample_value("waybook_store_away")


class Hanging:
    """A store that takes an insert and does not answer until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.asked = 0

    def raw_insert(self, *_: Any, **__: Any) -> None:
        """Wait."""
        self.asked += 1
        self.let_go.wait()


class Plans:
    """A plan log that keeps nothing."""

    lane, newest, doubtful = 0, 0, -1


def test_an_insert_that_takes_too_long_counts_as_a_store_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inserter, "SLOW", 0.2)
    store = Hanging()
    waiting = Inserter(cast("Client", store), cast("PlanLog", Plans()), "v")
    waiting.start(Receipt())
    assert away() == 0
    table = cast("Sequence[Encoded]", [Encoded("event", 1, "", memoryview(b""))])
    waiting.rows(Block(1, [], 0, 0, [], 0.0), table)
    until(lambda: away() == 1)
    store.let_go.set()
    until(lambda: away() == 0)
    assert store.asked == 1, "it was waited for, not asked again"


def test_blocks_come_as_fast_as_the_store_takes_them() -> None:
    class Slow:
        """A store that needs a while for each insert."""

        def raw_insert(self, *_: Any, **__: Any) -> None:
            """Take it."""
            time.sleep(self.needs)

        needs = 0.1

    store = Slow()
    lane = Inserter(cast("Client", store), cast("PlanLog", Plans()), "v")
    lane.start(Receipt())
    table = cast("Sequence[Encoded]", [Encoded("event", 1, "", memoryview(b""))])
    assert lane.pace == 0
    for n in range(1, 13):
        lane.rows(Block(n, [], 0, 0, [], 0.0), table)
    lane.drain()
    assert lane.pace > 1.8 * store.needs, "two blocks' time"
    store.needs = 3.0
    lane.rows(Block(13, [], 0, 0, [], 0.0), table)
    lane.drain()
    assert lane.pace == inserter.MOST_PACE
    store.needs = 0
    for n in range(14, 40):
        lane.rows(Block(n, [], 0, 0, [], 0.0), table)
    lane.drain()
    assert lane.pace < inserter.MOST_PACE, "a busy hour is forgotten"


def test_a_store_that_never_answers_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StoreAwayError, match=f"^{url} does not answer in time$"):
            connect(Settings(clickhouse=url), 1)


def test_the_age_of_a_lane_that_has_not_begun_again_is_that_of_its_newest_block(store: Store) -> None:
    log = PlanLog(store.client(), 5)
    assert log.written() == 0
    before = time.time()
    log.store(next_plan(5, "v", {"t:0": 1}, Receipt()))
    assert before - 1 <= log.written() <= time.time() + 1


def test_metrics_are_served_where_the_settings_say(tmp_path: Any) -> None:
    port = metrics.serve(0, tmp_path, "127.0.0.2")
    assert (tmp_path / "metrics.port").read_text() == str(port)
    socket.create_connection(("127.0.0.2", port), 5).close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 5)


@pytest.mark.parametrize(
    "fails",
    [
        "raise ValueError('x')",
        "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
        "warnings.warn('old')",
        "logging.getLogger('waybook.mqtt').warning('gone')",
    ],
)
def test_everything_that_goes_wrong_is_one_line_of_json(fails: str) -> None:
    script = f"import logging, threading, warnings; from flows.engine.log import capture; capture(); {fails}"
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )
    (line,) = ran.stderr.splitlines()
    assert json.loads(line)["time"]
