"""Processes that begin as copies of one with the libraries are what `python -m` would have started."""

import signal
import subprocess
import time
from importlib import import_module
from pathlib import Path

import pytest

from tests.servers.forked import LIBRARIES, Forked
from tests.servers.process import die_with_parent

SLEEPER = """
import os, sys, time
print(*sys.argv[1:], os.environ["OWN"], "HOME" in os.environ, "numpy" in sys.modules, flush=True)
print("a complaint", file=sys.stderr, flush=True)
if sys.argv[1] == "ends":
    raise SystemExit(7)
time.sleep(60)
"""


@pytest.fixture
def module(tmp_path: Path) -> str:
    """A module's name that our own processes find."""
    (tmp_path / "sleeper_of_a_test.py").write_text(SLEEPER)
    return "sleeper_of_a_test"


def started(module: str, tmp_path: Path, word: str) -> Forked:
    """It, with a path of its own."""
    own = {"OWN": "set", "PYTHONPATH": str(tmp_path)}
    return Forked([module, word], tmp_path / "server.log", own, die_with_parent)


def test_it_has_its_own_words_environment_and_exit_code(module: str, tmp_path: Path) -> None:
    process = started(module, tmp_path, "ends")
    assert process.wait(30) == 7 == process.poll()
    assert (tmp_path / "server.log").read_text() == "ends set False True\na complaint\n"


def test_a_signal_ends_it_and_is_told(module: str, tmp_path: Path) -> None:
    process = started(module, tmp_path, "stays")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.1)
    while "complaint" not in (tmp_path / "server.log").read_text():
        time.sleep(0.02)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    process.kill()


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_imported_beforehand_is_there(library: str) -> None:
    """The fork server says nothing of what it could not import."""
    import_module(library)
