"""A set of hashes that only grows, in little more than their eight bytes each."""

import numpy as np
from numpy.typing import NDArray

FEWEST = 1 << 16


class Hashes:
    """Most lie in one array in order; the newest are a set until they are many."""

    def __init__(self) -> None:
        self._ordered: NDArray[np.uint64] = np.empty(0, np.uint64)
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
            self._merge(np.fromiter(self._newest, np.uint64, len(self._newest)))
            self._newest.clear()

    def add_all(self, packed: bytes | bytearray) -> None:
        """Those in these bytes, eight each, the lowest first."""
        for one in np.frombuffer(packed, "<u8").tolist():
            self.add(one)

    def _merge(self, more: NDArray[np.uint64]) -> None:
        self._ordered = np.concatenate((self._ordered, more))
        self._ordered.sort(kind="stable")
