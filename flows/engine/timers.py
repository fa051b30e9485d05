"""Timers on data time: they fire when a tick passes their moment, never by a clock.

A timer is derived from a record's state, so it is not stored: after a restart the owner sets it again. Setting
one twice, or too early, is harmless: whoever owns the record looks whether its deadline has really come (`passed`),
and what is due at once is looked at in order of keys. Moments must not order it: a lane that began again may have
others.
"""

import heapq
from collections.abc import Callable, Iterable


class Timers:
    """Keys with a moment (UTC ms) at which they want to be looked at."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def set(self, moment: int, key: str) -> None:
        """Look at `key` when data time reaches `moment`."""
        heapq.heappush(self._heap, (moment, key))

    def due(self, now: int) -> list[str]:
        """Keys whose moment has come, each once, in order."""
        keys = set[str]()
        while self._heap and self._heap[0][0] <= now:
            keys.add(heapq.heappop(self._heap)[1])
        return sorted(keys)

    def passed(self, before: int, now: int, moments: Callable[[str], Iterable[int]]) -> list[str]:
        """Keys of which a moment came after data time `before` and up to `now`, in order. `moments`: those of a key, as
        it stands: a timer may be of one that is no more, and a lane that began again has other timers.
        """
        return [key for key in self.due(now) if any(before < moment <= now for moment in moments(key))]
