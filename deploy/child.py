"""Run a module as `python -m` does, and end it when the process that started it is gone, however that went.

python -m deploy.child PARENT MODULE [ARGUMENT…]        PARENT: number of the process that starts this one
"""

import os
import runpy
import signal
import sys
import time

from deploy.embedded.process import when_alone

GRACE = 15.0
"""Seconds that a module has to end well: what it would write to may be gone, too."""


def end() -> None:
    """Ask this process to end, then end it."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the module in this process."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    del sys.argv[1:3]
    when_alone(parent, end)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
