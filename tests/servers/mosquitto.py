"""A real MQTT broker: Debian's Mosquitto, with durable sessions and no limit in flight."""

import re
import subprocess
from pathlib import Path

from tests.servers.install import path_of
from tests.servers.process import Server, answers, free_port

_SETTINGS = """
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {directory}/
autosave_interval 1
autosave_on_changes false
max_inflight_messages 0
max_queued_messages 0
user root
"""

KEEPS_SHARED = (2, 0, 12)
"""The first version that keeps shared subscriptions when it restarts."""


def version() -> tuple[int, ...]:
    """Of the Mosquitto that is installed; empty when there is none."""
    binary = path_of("mosquitto")
    if binary is None:
        return ()
    said = subprocess.run([str(binary), "-h"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


class Mosquitto(Server):
    """The broker; `address` is its host and port."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._binary = path_of("mosquitto")
        if self._binary is None:
            raise RuntimeError("Mosquitto is not installed: python -m tests.servers.install")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._settings = directory / "mosquitto.conf"
        self._settings.write_text(_SETTINGS.format(port=self.port, directory=directory))

    def command(self) -> list[str]:
        """Mosquitto with its own settings."""
        return [str(self._binary), "-c", str(self._settings)]

    def ready(self) -> bool:
        """Whether it listens."""
        return answers(self.port)
