"""Of Kafka that is away people read one line, and not each attempt to connect to it."""

import logging
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from schemas.away import FIRST, LAST, Away
from tests.servers.install import ROOT

REFUSED = (
    "FAIL [rdkafka#consumer-1] [thrd:{0}/bootstrap]: {0}/bootstrap: Connect to ipv4#{0} failed: Connection refused "
    "(after 0ms in state CONNECT)"
)


def record(text: str, level: int = logging.ERROR) -> logging.LogRecord:
    """As the client's binding makes it."""
    return logging.LogRecord("waybook.kafka", level, "", 0, "%s", (text,), None)


class Told:
    """What is written, by a clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._filter = Away(lambda: self.now)

    def __call__(self, text: str, level: int = logging.ERROR) -> str:
        one = record(text, level)
        return f"{one.levelname}: {one.getMessage()}" if self._filter.filter(one) else ""


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_broker_that_is_away_is_told_once_and_then_ever_more_seldom(told: Told) -> None:
    times = []
    for _ in range(20_000):
        if line := told(REFUSED.format("127.0.0.1:9")):
            assert line == "WARNING: Kafka is away at 127.0.0.1:9: retrying (Connection refused)"
            times.append(told.now)
        told.now += 0.25
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert pauses[-1] == LAST


def test_one_that_was_back_is_told_at_once(told: Told) -> None:
    assert told(REFUSED.format("127.0.0.1:9"))
    told.now += FIRST
    assert told(REFUSED.format("127.0.0.1:9"))
    told.now += 1
    assert not told(REFUSED.format("127.0.0.1:9"))
    told.now += 2 * FIRST - 2
    assert not told(REFUSED.format("127.0.0.1:9"))
    told.now += 61
    assert told(REFUSED.format("127.0.0.1:9"))


def test_each_broker_is_told_of_with_its_cause(told: Told) -> None:
    for broker, why in (
        ("a:9092", "Failed to resolve 'a:9092': Name or service not known"),
        ("b:9092", "SASL authentication error: Authentication failed: Invalid username or password"),
    ):
        where = f"sasl_ssl://{broker}/7"
        text = f"FAIL [rdkafka#producer-1] [thrd:{where}]: {where}: {why} (after 7ms in state X)"
        assert told(text) == f"WARNING: Kafka is away at {broker}: retrying ({why})"
        assert not told(text.replace("/7", "/bootstrap").replace("FAIL", "ERROR"))
    assert not told("ERROR [rdkafka#producer-1] [thrd:app]: rdkafka#producer-1: 2/2 brokers are down")


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (
            "GETPID [rdkafka#producer-5] [thrd:main]: Failed to acquire idempotence PID: retrying",
            logging.WARNING,
        ),
        ("FAIL [rdkafka#consumer-1] [thrd:a:9/1]: a:9/1: Disconnected (after 9ms in state UP)", logging.INFO),
    ],
)
def test_other_lines_are_told_as_they_are(told: Told, text: str, level: int) -> None:
    assert told(text, level) == f"{logging.getLevelName(level)}: {text}"


def test_a_command_says_that_kafka_is_away_and_ends_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bills.toml").write_text("")
    environment = {**os.environ, "WAYBOOK_KAFKA": "127.0.0.1:9", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "deploy.cli", "ask", "440100-014", "top_up", "amount=1"]
    command += ["--time", "2025-11-11", "--url", "http://127.0.0.1:9"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 2
    assert ran.stderr == "Kafka is away: 127.0.0.1:9 takes no connection\n"
