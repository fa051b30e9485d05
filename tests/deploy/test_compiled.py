"""The hot path compiled: the very same sources make the very same bytes, and what cannot be compiled says so."""

import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import msgspec
import pytest

import setup
from tests.bench.compiled import environment, interpreted
from tests.deploy.worked import Worked
from tests.servers.install import ROOT

KINDS = {
    *("adopted_weight", "anomaly", "chain_breach", "charge", "claim", "dead_letter", "documents", "event"),
    *("journal", "letters", "party", "recall", "segment", "waiting", "weight_case", "weight_decision"),
}
"""What must be among that which is compared."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An install with its hot path compiled, as fast as it can be made. Skips where nothing can be compiled."""
    if lacking := setup.missing():
        pytest.skip(lacking)
    target = tmp_path_factory.mktemp("compiled")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    quick = {**os.environ, "WAYBOOK_COMPILE": "1", "CFLAGS": "-O0"}
    subprocess.run([*install, "--target", target, "."], cwd=ROOT, env=quick, check=True)
    return target


def worked(*first: str) -> Worked:
    """What a lane makes in a process of its own that looks for modules there first."""
    command = [sys.executable, "-P", "-m", "tests.deploy.worked"]
    said = subprocess.run(command, env=environment(*first), check=True, stdout=subprocess.PIPE).stdout
    return msgspec.json.decode(said, type=Worked)


def test_a_lane_makes_the_same_bytes_compiled(compiled: Path) -> None:
    by_sources = worked()
    by_compiled = worked(str(compiled))
    suffix = EXTENSION_SUFFIXES[0]
    assert by_compiled.modules == {
        name: str(compiled / source.replace(".py", suffix)) for name, source in setup.modules().items()
    }
    assert by_sources.modules == {name: str(ROOT / source) for name, source in setup.modules().items()}
    assert {line.split()[1] for line in by_sources.made} >= KINDS
    assert by_compiled.made == by_sources.made


@pytest.mark.parametrize("pattern", setup.HOT)
def test_what_is_to_be_compiled_is_there(pattern: str) -> None:
    assert list(ROOT.glob(pattern))


def test_what_is_compiled_is_installed_beside_its_source(compiled: Path) -> None:
    for source in setup.modules().values():
        assert (compiled / source).read_bytes() == (ROOT / source).read_bytes()
    assert (compiled / "flows" / "rating" / "default" / "book.toml").exists()


def said(compiled: Path, asked: str) -> str:
    """What a program prints that finds compiled modules."""
    command = [sys.executable, "-P", "-c", asked]
    there = environment(str(compiled))
    return subprocess.run(command, env=there, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_plain_classes_keep_their_attributes_in_places_of_their_own(compiled: Path) -> None:
    asked = (
        "from flows.lifecycle.assess import Assessor as A; print(A.__dictoffset__, type(A.output).__name__)"
    )
    assert said(compiled, asked) == "0 getset_descriptor\n"


def test_integers_have_as_many_digits_as_they_need(compiled: Path) -> None:
    asked = """
from types import SimpleNamespace as Some
from flows.lifecycle.recall import _charges
parcel, fees = Some(done=1, booked=(1, 2, 2**70)), Some(named=lambda due: False, dues=["due"])
print(_charges(parcel, fees, "due", ""))
"""
    assert said(compiled, asked) == f"({2**70}, True, 1, 2)\n"


def test_what_cython_is_told_of_a_module_is_what_its_plain_classes_assign() -> None:
    source = """
class Plain:
    kept = 1
    def __init__(self, other):
        self.one, (self.two, *self.rest) = 1, (2, 3)
        self.three: int
        self.one += other.four
        other.five = self.six[0] = 1
class Bare:
    def none(self):
        return self.nothing
class Derived(Plain):
    def __init__(self):
        self.seven = 7
"""
    declared = (
        "cdef class Plain:\n    cdef public object one, rest, three, two\n    cdef object __weakref__\n"
    )
    assert setup.declarations(source) == declared


def test_a_module_that_was_not_compiled_is_noticed(compiled: Path, tmp_path: Path) -> None:
    assert interpreted(environment(str(compiled))) == []
    for part in compiled.iterdir():
        (tmp_path / part.name).symlink_to(part)
    (tmp_path / "sinks").unlink()
    (tmp_path / "sinks").mkdir()
    for part in (compiled / "sinks").iterdir():
        if not part.name.startswith("encode.") or part.suffix == ".py":
            (tmp_path / "sinks" / part.name).symlink_to(part)
    assert interpreted(environment(str(tmp_path))) == ["sinks.encode"]


@pytest.mark.parametrize(
    ("asked", "compiler", "said"),
    [
        ("bdist_wheel", "no-such-cc", "cannot be compiled here: no C compiler (no-such-cc; Debian: gcc)"),
        ("editable_wheel", "cc", "is not compiled where it is edited: install it without -e"),
    ],
)
def test_what_cannot_be_compiled_is_said_in_a_line(asked: str, compiler: str, said: str) -> None:
    there = {**os.environ, "WAYBOOK_COMPILE": "1", "CC": compiler}
    command = [sys.executable, "setup.py", asked]
    ended = subprocess.run(command, cwd=ROOT, env=there, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, f"Waybook {said}\n")
