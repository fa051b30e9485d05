"""SIGTERM and SIGINT ask a process to finish what it has begun and end well."""

import signal


class Stop:
    """Whether the process was asked to end. Build it in the main thread."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:  # noqa: ARG002
        self.asked = True
