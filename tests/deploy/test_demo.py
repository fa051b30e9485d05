"""The demo when its parts die: flows, store and page come back, and the audit agrees; a broker ends it at once."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from deploy.demo import at_most, quantile
from deploy.home import told
from schemas.topics import DEVICES, ORDERS
from tests.deploy import command
from tests.servers.install import ROOT
from tests.volume import seeds


def test_a_latency_is_told_when_something_was_observed() -> None:
    assert at_most(quantile({}, 0.5)) == at_most(quantile({0.1: 0, 0.2: 0}, 0.5)) == "–"
    assert at_most(quantile({0.1: 1, 0.2: 100}, 0.5)) == "≤ 200 ms"


class Running:
    """A demo in a process of its own; its lines go to a file."""

    def __init__(self, home: Path, *words: str) -> None:
        self.home = home
        self.output = home.with_name("output.txt")
        command = [sys.executable, "-m", "deploy.cli", "demo", "--home", str(home), "--rate", "15", *words]
        environment = {
            **os.environ,
            "WAYBOOK_PERIOD": "1",
        }  # few blocks: it is a small machine's most expensive test
        with self.output.open("w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT, env=environment)

    @property
    def lines(self) -> list[str]:
        """What it has printed until now."""
        return self.output.read_text().splitlines(keepends=True)

    @property
    def text(self) -> str:
        """The first lines and the last."""
        return "".join([*self.lines[:8], *self.lines[8:][-60:]])

    def kill(self, module: str) -> None:
        """Kill the part that runs this module."""
        wanted = [str(self.process.pid).encode(), module.encode()]
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(words[n : n + 2] == wanted for n in range(len(words))):
                os.kill(int(entry.name), signal.SIGKILL)
                return
        raise AssertionError(f"there is no {module}")


FLOWS = ("parcels", "devices", "stays", "gates", "accounts", "payments")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts demos, and ends what is left of them."""
    made: list[Running] = []

    def start(*words: str) -> Running:
        made.append(Running(tmp_path / "demo", *words))
        return made[-1]

    yield start
    for running in made:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def until(condition: Callable[[], object], running: Running, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert running.process.poll() is None, running.text
        assert time.monotonic() < end, running.text
        time.sleep(0.3)


def answers(page: str) -> bool:
    try:
        with urllib.request.urlopen(page, timeout=30) as answer:
            return b"Waybook" in answer.read()
    except OSError:
        return False


def waybook(running: Running, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command that finds the demo by its directory."""
    name, *more = words
    return command.waybook((name, "--home", str(running.home), *more), {})


def asked(running: Running, sql: str) -> str:
    """The store's answer, sooner than a command's; empty while it is away."""
    settings = told(running.home)
    assert settings is not None
    try:
        with urllib.request.urlopen(settings.clickhouse, sql.encode(), timeout=30) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


OVER_KAFKA = f"SELECT count() > 0 FROM open_dead_letter WHERE topic IN ('{DEVICES.name}', '{ORDERS.name}')"


def test_flows_store_and_page_come_back_the_audit_agrees_and_the_data_opens_again(
    demo: Callable[..., Running], tmp_path: Path
) -> None:
    running = demo()
    until(lambda: "charges" in running.text, running)
    page = next(line.split()[1] for line in running.lines if line.startswith("page "))
    assert "kafka " in running.text
    assert "mqtt " in running.text
    for module in ("deploy.embedded.store", "dashboards.live", *(f"flows.{flow}" for flow in FLOWS)):
        running.kill(module)
    until(
        lambda: "the store is away since" in running.text or running.lines[-1].startswith("orders"), running
    )
    seen = len(running.lines)
    until(lambda: any(line.startswith("orders") for line in running.lines[seen:]), running)
    until(lambda: answers(page), running)

    settings = told(running.home)
    assert settings is not None
    assert settings.mqtt_clients == 2
    until(lambda: asked(running, OVER_KAFKA) == "1\n", running)
    letter = next(one for one in waybook(running, "dead-letters").stdout.splitlines() if '"kafka"' in one)
    file = tmp_path / "letters.jsonl"
    file.write_text(letter)
    replayed = waybook(running, "replay-dead-letters", str(file), "--as-they-are")
    assert replayed.returncode == 0, replayed.stderr
    id_ = msgspec.json.decode(letter)["id"]
    times = f"SELECT countIf(status = 'open') FROM dead_letter WHERE dead_letter_id = '{id_}'"
    until(lambda: asked(running, times) == "2\n", running)
    assert waybook(running, "audit").returncode == 0, "while everything runs"

    running.process.terminate()
    ended = running.process.wait(300)
    logs = "".join(log.read_text(errors="replace")[-1500:] for log in (running.home / "log").glob("*.log"))
    assert ended == 0, running.text + logs
    assert "audit         passed" in running.text, running.text
    assert "= 0.00 yuan" in running.text, running.text
    assert re.search(r"  lines .* charged − (?!0\.00)", running.text), "what lines cost is spread"
    moved = running.lines.index(
        "网点转让 outlets that changed hands, and what of their balances goes over to the new owner now\n"
    )
    assert re.match(r"  \S+ from \S+ to \S+ on |  there are no handovers", running.lines[moved + 1]), (
        running.lines[moved + 1]
    )
    (starts,) = (line for line in running.lines if line.startswith("  starts "))
    assert not re.search(r" 1\b", starts.partition(";")[0]), starts

    away = waybook(running, "sql", "SELECT 1")
    assert away.returncode == 2
    assert "waybook open" in away.stderr
    opened = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "open", str(running.home)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert opened.stdout is not None
        word, page = opened.stdout.readline().split()
        assert word == "page"
        assert opened.stdout.readline().startswith("clickhouse  http://127.0.0.1:")
        with urllib.request.urlopen(page, timeout=30) as answer:
            assert "演示已结束" in answer.read().decode()
        waybill = waybook(running, "sql", "SELECT min(waybill) FROM charge", "--format", "TSV").stdout.strip()
        with urllib.request.urlopen(f"{page}parcel/{waybill}", timeout=30) as answer:
            assert f"<title>{waybill} " in answer.read().decode()
        assert waybook(running, "sql", times, "--format", "TSV").stdout == "2\n"
        reversals = "SELECT count() > 0 FROM charge WHERE amount < 0"
        assert waybook(running, "sql", reversals, "--format", "TSV").stdout == "1\n"
    finally:
        opened.terminate()
        opened.communicate()
    assert opened.returncode == 0


@pytest.mark.parametrize(
    ("broker", "words", "until_then"), seeds(1, ("kafka", ("--chaos",), "killed 1\n"), ("mqtt", (), "orders"))
)
def test_a_broker_that_ends_ends_the_demo_at_once(
    demo: Callable[..., Running], broker: str, words: tuple[str, ...], until_then: str
) -> None:
    """In the middle of chaos, too."""
    running = demo(*words)
    until(lambda: any(until_then in line for line in running.lines), running)
    running.kill(f"deploy.embedded.{broker}")
    assert running.process.wait(60) == 3, running.text
    assert f"the {broker} broker has ended" in running.text
    assert "Traceback" not in running.text
