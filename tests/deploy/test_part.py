"""A part of the embedded stack does not outlive the process that started it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.servers.install import ROOT

STARTER = """
import sys, time
from pathlib import Path
from deploy.part import Part
part = Part(Path(sys.argv[1]), "web", ["http.server", "0", "--bind", "127.0.0.1"], {"PYTHONUNBUFFERED": "1"})
print(part.process.pid, flush=True)
time.sleep(600)
"""


def is_there(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_part_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        log = tmp_path / "log" / "web.log"
        while "Serving HTTP" not in log.read_text():
            assert is_there(pid), log.read_text()
            time.sleep(0.05)
        starter.send_signal(signal.SIGKILL)
    while is_there(pid):
        time.sleep(0.05)
