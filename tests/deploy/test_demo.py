"""The demo when its parts die: store and page come back, a broker ends it at once; its data can be opened again."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from deploy.home import told
from tests.deploy import command
from tests.servers.install import ROOT


class Running:
    """A demo in a process of its own; its lines go to a file."""

    def __init__(self, home: Path, *words: str) -> None:
        self.home = home
        self.output = home.with_name("output.txt")
        command = [sys.executable, "-m", "deploy.cli", "demo", "--home", str(home), "--rate", "40", *words]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT)

    @property
    def lines(self) -> list[str]:
        """What it has printed until now."""
        return self.output.read_text().splitlines(keepends=True)

    @property
    def text(self) -> str:
        """The first lines and the last."""
        return "".join([*self.lines[:8], *self.lines[8:][-60:]])

    def kill(self, name: str) -> None:
        """Kill the part whose address file has this name."""
        marks = (f"{self.home}/{name}.address".encode(), b"--port-file")
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if all(mark in words for mark in marks) and int(entry.name) != os.getpid():
                os.kill(int(entry.name), signal.SIGKILL)
                return
        raise AssertionError(f"there is no {name}")


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
        time.sleep(0.1)


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


def test_store_and_page_come_back_letters_are_mended_and_the_data_opens_again(
    demo: Callable[..., Running], tmp_path: Path
) -> None:
    running = demo()
    until(lambda: "charges" in running.text, running)
    page = next(line.split()[1] for line in running.lines if line.startswith("page "))
    assert "kafka " in running.text
    assert "mqtt " in running.text
    running.kill("store")
    running.kill("page")
    until(
        lambda: "the store is away since" in running.text or running.lines[-1].startswith("orders"), running
    )
    seen = len(running.lines)
    until(lambda: any(line.startswith("orders") for line in running.lines[seen:]), running)
    until(lambda: answers(page), running)

    settings = told(running.home)
    assert settings is not None
    assert settings.mqtt_clients == 2
    product = "SELECT count() FROM open_dead_letter WHERE why = 'unknown_product'"
    until(lambda: int(waybook(running, "sql", product, "--format", "TSV").stdout or 0) > 0, running)
    letters = waybook(running, "dead-letters", "--reason", "unknown_product").stdout
    first = msgspec.json.decode(letters.splitlines()[0])
    first["raw"] = first["raw"].replace('"XXX"', '"STD"')
    file = tmp_path / "letters.jsonl"
    file.write_bytes(msgspec.json.encode(first))
    replayed = waybook(running, "replay-dead-letters", str(file))
    assert replayed.returncode == 0, replayed.stderr
    id_ = msgspec.json.decode(first["raw"])["id"]
    there = f"SELECT count() FROM event WHERE event_id = '{id_}'"
    until(lambda: waybook(running, "sql", there, "--format", "TSV").stdout == "1\n", running)
    reversals = "SELECT countIf(fee = 'transit') FROM charge WHERE amount < 0"
    until(lambda: int(waybook(running, "sql", reversals, "--format", "TSV").stdout or 0) > 0, running)
    assert waybook(running, "audit").returncode == 0, "while everything runs"

    running.process.terminate()
    running.process.wait(300)
    assert "no audit" not in running.text, running.text
    assert "= 0.00 yuan" in running.text, running.text
    failed = {line.split()[1] for line in running.lines if line.startswith("FAIL")}
    assert failed <= {"truth_events", "truth_parcels", "truth_terms"}, (
        "the network did not send the mended order"
    )

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
        assert opened.stdout.readline().startswith("clickhouse  http://127.0.0.1:")
        assert waybook(running, "sql", there, "--format", "TSV").stdout == "1\n"
    finally:
        opened.terminate()
        opened.communicate()
    assert opened.returncode == 0


@pytest.mark.parametrize("broker", ["mqtt", "kafka"])
def test_a_broker_that_ends_ends_the_demo_at_once(demo: Callable[..., Running], broker: str) -> None:
    running = demo()
    until(lambda: any(line.startswith("orders") for line in running.lines), running)
    running.kill(broker)
    assert running.process.wait(60) == 3, running.text
    assert f"the {broker} broker has ended" in running.text
    assert "Traceback" not in running.text
