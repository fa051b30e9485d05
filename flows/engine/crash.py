"""Named points at which the crash tests end a process: `WAYBOOK_CRASH=after_plan:0.05,before_commit:1`.

Without that variable a point costs one look into an empty dict.
"""

import os
import random
import signal

from flows.engine.log import log

_POINTS: dict[str, float] = {
    name: float(chance)
    for name, _, chance in (
        point.partition(":") for point in os.environ.get("WAYBOOK_CRASH", "").split(",") if point
    )
}


def point(name: str) -> None:
    """Maybe end here, as suddenly as a power cut would end the process."""
    if name in _POINTS and random.random() < _POINTS[name]:  # noqa: S311 - not for secrets
        log("killed", point=name)
        os.kill(os.getpid(), signal.SIGKILL)
