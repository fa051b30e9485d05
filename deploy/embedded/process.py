"""What the embedded servers share: say where they are, and stop when told to or when left alone."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path


def announce(file: Path, address: str) -> None:
    """Write an address to a file at once, so that whoever waits for it never reads half of it."""
    fresh = file.with_suffix(".new")
    fresh.write_text(address)
    fresh.rename(file)


def stop_on_signal(stop: Callable[[], object]) -> None:
    """Call `stop` once on SIGTERM or SIGINT, and when the process that started this one is gone."""
    once = threading.Lock()

    def stopping(*_: object) -> None:
        if once.acquire(blocking=False):
            threading.Thread(target=stop, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping)
    when_alone(os.getppid(), stopping)


def when_alone(parent: int, act: Callable[[], object]) -> None:
    """Call `act`, in a thread of its own, once the process with this number no longer is this one's parent."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        act()

    threading.Thread(target=watch, name="parent", daemon=True).start()
