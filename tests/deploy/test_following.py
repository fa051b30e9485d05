"""Jobs that go on until they are told to stop: what is away is waited for, and a signal ends them at once."""

import argparse
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from urllib3.exceptions import ProtocolError

from deploy import volumes
from deploy.commands import recall as recalling
from deploy.commands import volumes as counting
from deploy.recall.job import Tally
from deploy.tariff import parallel
from flows.engine.stop import Stop

Step = Callable[[], None]


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """A process's own, afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def step() -> Step:
    """The store's answer breaks off, then it is there, then someone asks to stop."""
    steps = iter(("broken off", "there", "stop"))

    def take() -> None:
        what = next(steps)
        if what == "broken off":
            raise ProtocolError("broken off")
        if what == "stop":
            os.kill(os.getpid(), signal.SIGTERM)

    return take


def test_counting(step: Step, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*_: object, **__: object) -> list[str]:
        step()
        return ["counted"]

    monkeypatch.setattr(volumes, "run", run)
    monkeypatch.setattr(counting, "store_of", lambda *_: None)
    arguments = argparse.Namespace(
        url="http://127.0.0.1:1", home=None, follow=True, every=0.01, by="", again=False
    )
    assert counting.volumes_(arguments) == 0
    assert capsys.readouterr().out.split("\n") == ["away, tried again: broken off", "counted", "counted", ""]


def test_recalling(step: Step, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Job:
        def __init__(self, *_: object) -> None:
            pass

        def late(self) -> Tally:
            step()
            return Tally(recalled=1)

        def backdated(self) -> dict[str, Tally]:
            return {}

    monkeypatch.setattr(recalling, "Job", Job)
    monkeypatch.setattr(recalling, "store_of", lambda *_: None)
    arguments = argparse.Namespace(
        url="http://127.0.0.1:1",
        home=None,
        follow=True,
        every=0.01,
        waybill=[],
        stay=[],
        tariff="",
        too_old=False,
    )
    assert recalling.recall(arguments) == 0
    said = capsys.readouterr()
    assert said.err == "waiting: broken off\n"
    assert said.out == "late facts: 1 parcel or stay brought back: 0 corrected, 1 right already\n" * 2


def test_rating_by_a_draft(step: Step, capsys: pytest.CaptureFixture[str]) -> None:
    doubts: list[str] = []

    class Follower:
        def step(self) -> int:
            step()
            return 1

        def stopped(self) -> bool:
            return False

        def unsure(self) -> None:
            doubts.append("unsure")

    parallel._go_on(Follower(), Stop(), once=False)  # type: ignore[arg-type]
    assert (doubts, capsys.readouterr().err) == (["unsure"], "waiting for the store: broken off\n")


def test_a_signal_ends_a_pause() -> None:
    stop = Stop()
    assert not stop.wait(0.01)
    killer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
    killer.start()
    assert stop.wait(1e6)
    assert stop.wait(1e6)  # whoever was asked once is asked for good
    killer.join()
