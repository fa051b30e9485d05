"""A Python module as a process of its own that does not import the libraries again.

The library's fork server (`multiprocessing`) imports them once for a worker of the tests, and every process
begins as its copy: most of what a start costs otherwise. Of our own modules the rules are among them, and not what
runs a lane: so a process reads its environment as one that was started afresh.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

LIBRARIES = [
    "asyncio",
    "bytewax.operators",
    "bytewax.recovery",
    "clickhouse_connect.driver.client",
    "confluent_kafka",
    "cryptography.hazmat.primitives.serialization",
    "msgspec",
    "numpy",
    "orjson",
    "paho.mqtt.client",
    "prometheus_client",
    "pyarrow",
    "pyarrow.compute",
    "xxhash",
]
"""What flows import from elsewhere and is slow to import; one more only makes starts cheaper."""
RULES = [
    "flows.lifecycle.process",
    "flows.lifecycle.tables",
    "flows.reconciliation.process",
    "flows.reconciliation.tables",
    "flows.storage.process",
    "flows.storage.tables",
    "flows.wallet.process",
    "flows.wallet.tables",
    "sources.channels.read",
    "sources.channels.verify",
]
"""What lanes do with their blocks: none of it looks at the environment."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([*LIBRARIES, *RULES])


class Forked:
    """`python -m module words`, with the part of `subprocess.Popen` that servers need."""

    def __init__(
        self, words: Sequence[str], log: Path, environment: Mapping[str, str], first: Callable[[], Any]
    ) -> None:
        """`words`: the module and its arguments. `first`: called in the child before it begins."""
        log.touch()
        given = (list(words), str(log), dict(environment), first)
        self._process = _FORKS.Process(target=_run, args=given, daemon=True)
        with _nameless():
            self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """The exit code, minus the signal that ended it, or None."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code where it has ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """To the process, if it is there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Tell it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


@contextmanager
def _nameless() -> Iterator[None]:
    """Whoever starts a process is nobody, for the library would have it import again what runs here (a soak, say)."""
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _run(words: list[str], log: str, environment: dict[str, str], first: Callable[[], Any]) -> None:
    """In the child: become the module."""
    first()
    with Path(log).open("ab", buffering=0) as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = words
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
