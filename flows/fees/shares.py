"""Shares of other dues."""

from typing import Any, TypeVar

import numpy as np

Units = TypeVar("Units", int, np.ndarray[Any, np.dtype[np.int64]])


def part_of(amount: Units, basis_points: int) -> Units:
    """A share of an amount that is not negative (or of a column of them), rounded once to the fen, halves up.

    >>> part_of(52_500, 1_000), part_of(300, 5_000)
    (5300, 200)
    """
    return (amount * basis_points + 500_000) // 1_000_000 * 100
