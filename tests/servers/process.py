"""A server as a process of its own: started, killed and started again on the same port and directory."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.servers.forked import Forked

_LIBC = ctypes.CDLL(None)
_PDEATHSIG = 1


def free_ports(count: int) -> list[int]:
    """So many ports of 127.0.0.1 that nobody listens on, no two the same."""
    with ExitStack() as held:
        found = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in found]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    return free_ports(1)[0]


def die_with_parent() -> None:
    """In a child before it becomes a server: end when the test run ends, however it ends."""
    _LIBC.prctl(_PDEATHSIG, signal.SIGKILL)


class Server(ABC):
    """Subclasses give `command` and `ready`; logs go to `directory`/server.log."""

    forks = False
    """Whether it is a Python module that begins with the libraries imported: for what is started again and again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | Forked | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What to run."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it answers."""

    def environment(self) -> dict[str, str]:
        """Its environment."""
        return dict(os.environ)

    def start(self, wait: float = 60.0) -> None:
        """Start and wait until it answers; what it said is in the error when it does not."""
        self.process = self._begun()
        until = time.monotonic() + wait
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > until:
                tail = (self.directory / "server.log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{type(self).__name__} did not start:\n{tail}")
            time.sleep(0.05)

    def _begun(self) -> subprocess.Popen[bytes] | Forked:
        """The process."""
        command, environment, said = self.command(), self.environment(), self.directory / "server.log"
        if self.forks:
            assert command[:2] == [sys.executable, "-m"], command
            return Forked(command[2:], said, environment, die_with_parent)
        with said.open("ab") as log:
            return subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                preexec_fn=die_with_parent,
            )

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, wait: float = 20.0) -> int | None:
        """End it politely; its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(wait)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(5)


def answers(port: int) -> bool:
    """Whether something listens on a port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
