"""A process of the embedded stack: started, tended, and stopped politely; without this one it ends by itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Part:
    """A process that logs to `home/log/NAME.log`. `command`: a module and its arguments."""

    def __init__(self, home: Path, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name, self.command, self.environment = name, command, environment
        self.log = home / "log" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Start the process; it leaves the terminal's Ctrl-C to the one that started it."""
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.child", str(os.getpid()), *self.command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
                cwd=ROOT,
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def tend(self) -> None:
        """Start it again if it ended."""
        if self.ended:
            self.start()

    def ask(self) -> None:
        """Ask it to end."""
        if not self.ended:
            self.process.terminate()

    def stop(self, seconds: float = 30) -> None:
        """End it politely, then firmly."""
        if not self.ended:
            self.ask()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Server(Part):
    """A part that serves: it writes its address to `home/NAME.address`, and keeps its port when `keeps_port`."""

    def __init__(
        self, home: Path, name: str, command: list[str], environment: dict[str, str], *, keeps_port: bool
    ) -> None:
        file = home / f"{name}.address"
        file.unlink(missing_ok=True)
        super().__init__(home, name, [*command, "--port-file", str(file)], environment)
        while not file.exists():
            if self.ended:
                raise RuntimeError(f"{name} did not start: see {self.log}")
            time.sleep(0.05)
        self.address = file.read_text()
        if keeps_port:
            self.command += ["--port", self.address.rstrip("/").rpartition(":")[2]]
