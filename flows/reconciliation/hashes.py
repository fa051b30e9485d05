"""A set of hashes that only grows, in little more than their eight bytes each."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

FEWEST = 1 << 16


class Hashes:
    """Most lie in one array in order; the newest are a set until they are many. `packed`: those to begin with, eight
    bytes each, the lowest first."""

    def __init__(self, packed: Iterable[bytes | bytearray] = ()) -> None:
        self._ordered: NDArray[np.uint64] = np.frombuffer(bytearray().join(packed), "<u8")
        self._ordered.sort(kind="stable")
        self._newest: set[int] = set()

    def __contains__(self, one: int) -> bool:
        if one in self._newest:
            return True
        place = int(self._ordered.searchsorted(np.uint64(one)))
        return place < len(self._ordered) and int(self._ordered[place]) == one

    def add(self, one: int) -> None:
        """One more."""
        self._newest.add(one)
        if len(self._newest) > max(FEWEST, len(self._ordered) >> 4):
            more = np.fromiter(self._newest, np.uint64, len(self._newest))
            self._ordered = np.concatenate((self._ordered, more))
            self._ordered.sort(kind="stable")
            self._newest.clear()
