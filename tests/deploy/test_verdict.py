"""The end of a demo: whoever does not wait for its audit ends it with a signal, and hears how to have it later."""

import os
import signal
import time
from pathlib import Path

import pytest

from deploy import audit
from deploy.demo import Demo, Options
from schemas.settings import Settings


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_audit(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    def endless(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(60)
        raise AssertionError("nothing has ended it")

    ending = Demo(Options(home=tmp_path / "demo"))
    ending.settings = settings
    monkeypatch.setattr(audit, "run", endless)
    before = signal.signal(number, ending._on_signal)
    try:
        assert ending._verdict() == 1
    finally:
        signal.signal(number, before)
        ending.home.release()
    said = capsys.readouterr().out
    assert said.startswith("auditing; Ctrl-C ends the demo without it\n")
    assert "no audit: interrupted" in said
    assert f"open {tmp_path / 'demo'}" in said
