"""Ordinary mistakes at the command line are told in a line, without a traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.conftest import emptied
from tests.servers.install import ROOT
from tests.servers.store import Store

Ran = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def url(lasting_store: Store) -> str:
    """The address of an empty store."""
    emptied(lasting_store.client())
    return lasting_store.url


@pytest.fixture
def waybook(url: str) -> Callable[..., Ran]:
    """Runs the command as a user would, in a process of its own; there is no Kafka."""
    environment = {**os.environ, "WAYBOOK_CLICKHOUSE": url, "PYTHONPATH": str(ROOT)}

    def run(*words: str) -> Ran:
        command = [sys.executable, "-m", "deploy.cli", *words]
        return subprocess.run(command, env=environment, capture_output=True, check=False, cwd=ROOT)

    return run


def told(ran: Ran) -> str:
    """The one line that was told."""
    text = ran.stderr.decode()
    assert ran.returncode == 1, text
    assert text.count("\n") == 1, text
    return text


def test_nothing_to_be_explained(waybook: Callable[..., Ran]) -> None:
    """And not all that is of no parcel."""
    assert told(waybook("explain", " ")) == "explain needs the number of a waybill or a stay\n"


def test_a_query_with_an_error(waybook: Callable[..., Ran]) -> None:
    assert "Unknown" in told(waybook("sql", "SELECT nonsense FROM event"))


def test_an_argument_that_is_no_utf_8(waybook: Callable[..., Ran]) -> None:
    ran = waybook("explain", "\udce8\udcbf")
    assert ran.returncode == 2
    assert b"is not UTF-8" in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_bytes_of_an_answer_come_as_they_are(waybook: Callable[..., Ran]) -> None:
    assert waybook("sql", "SELECT unhex('FF00FE')", "--format", "RawBLOB").stdout == b"\xff\x00\xfe"


def test_letters_that_are_none(waybook: Callable[..., Ran], tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.jsonl"
    assert told(waybook("replay-dead-letters", str(nowhere))) == f"{nowhere}: No such file or directory\n"
    file = tmp_path / "letters.jsonl"
    good = '{"id":"dl-1","reason":"","detail":"","transport":"kafka","topic":"t","waybill":"","raw":"a\u2028b"}\n'
    for bad in ('{"id":1}', "[" * 200_000, good.strip().replace('"raw":"a\u2028b"', '"raw_base64":"?"')):
        file.write_text(f"{good}\n{bad}\n", "utf-8")
        assert "line 3 is no dead letter" in told(waybook("replay-dead-letters", str(file)))
    file.write_text(f'\ufeff{good}\n{{"id":1}}\n', "utf-8")
    assert "line 3 is no dead letter" in told(waybook("replay-dead-letters", str(file)))
    file.write_bytes(b"\xff\xfe")
    assert "letters.jsonl row 1: is written in UTF-16" in told(waybook("replay-dead-letters", str(file)))


def test_a_directory_that_is_none(waybook: Callable[..., Ran], tmp_path: Path) -> None:
    ran = waybook("publish-network", str(tmp_path / "nowhere"))
    assert (ran.returncode, b"is no directory" in ran.stderr, b"Traceback" in ran.stderr) == (1, True, False)


def test_a_store_that_is_away_is_told_once() -> None:
    command = [sys.executable, "-m", "deploy.cli", "sql", "SELECT 1", "--url", "http://127.0.0.1:9"]
    ran = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    assert ran.returncode == 2
    assert (
        ran.stderr.decode() == "the store is away: http://127.0.0.1:9 does not answer: Connection refused\n"
    )


def test_a_draft_that_is_not_named_is_not_stopped(waybook: Callable[..., Ran]) -> None:
    assert "name the draft's book or version" in told(waybook("tariff", "parallel", "--stop"))
