"""Processes that begin as copies of one with the libraries are what `python -m` would have started."""

import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from tests.servers.forked import LIBRARIES, RULES, Forked
from tests.servers.install import ROOT
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


STARTER = """
import sys
from pathlib import Path
from tests.servers.forked import Forked
print("runs as", __name__, flush=True)
home = Path(sys.argv[1])
process = Forked(["sleeper_of_a_test", "ends"], home / "server.log", {"OWN": "set", "PYTHONPATH": sys.argv[1]}, list)
print(process.wait(30), flush=True)
"""


@pytest.mark.usefixtures("module")
def test_a_program_that_starts_it_is_not_imported_by_it(tmp_path: Path) -> None:
    (tmp_path / "starter_of_a_test.py").write_text(STARTER)
    command = [sys.executable, "-m", "starter_of_a_test", str(tmp_path)]
    own = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    ran = subprocess.run(command, env=own, text=True, capture_output=True, check=False)
    assert (ran.stdout.splitlines(), ran.stderr) == (["runs as __main__", "7"], "")
    assert "complaint" in (tmp_path / "server.log").read_text()


@pytest.mark.parametrize("name", [*LIBRARIES, *RULES])
def test_what_is_imported_beforehand_is_there(name: str) -> None:
    """The fork server says nothing of what it could not import."""
    import_module(name)


def test_what_is_imported_beforehand_looks_at_no_environment() -> None:
    """A lane's own settings, and the points at which it dies, would be those of whoever imported it."""
    imports = "; ".join(f"import {module}" for module in RULES)
    reading = "'flows.engine.crash', 'flows.engine.lane', 'flows.engine.source'"
    said = subprocess.run(
        [sys.executable, "-c", f"{imports}; import sys; print(sys.modules.keys() & {{{reading}}})"],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
    )
    assert said.stdout == "set()\n"
