"""SIGTERM and SIGINT ask a process to finish what it has begun and end well."""

import contextlib
import queue
import signal


class Stop:
    """Whether the process was asked to end. Build it in the main thread, which alone may wait for it."""

    def __init__(self) -> None:
        self.asked = False
        self._woken: queue.SimpleQueue[int] = queue.SimpleQueue()
        """Of all that can be waited for, what a handler may touch while the thread that it interrupts waits."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def wait(self, seconds: float) -> bool:
        """Sleep, until it is asked at most; whether it was."""
        if not self.asked:
            with contextlib.suppress(queue.Empty):
                self._woken.get(timeout=seconds)
        return self.asked

    def _on_signal(self, number: int, frame: object) -> None:  # noqa: ARG002
        self.asked = True
        self._woken.put(number)
