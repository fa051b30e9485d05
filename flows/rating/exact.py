"""Exact amounts between the passes: a whole number over a power of ten, in money units; nothing is lost."""

from functools import lru_cache
from typing import NamedTuple

from flows.rating.rounding import ROUNDINGS
from schemas.money import FEN, YUAN

MOST_REMEMBERED = 20_000
"""Texts of amounts that are remembered: prices per unit are few, and a total is told several times."""

PPM = 1_000_000
"""A percentage is held in millionths: four decimals of a percent."""


class Exact(NamedTuple):
    """`value` / `scale` money units (0.0001 yuan); `scale` is a power of ten."""

    value: int
    scale: int = 1

    def plus(self, other: "Exact") -> "Exact":
        """The sum."""
        value, scale = self
        more, its = other
        if scale == its:
            return Exact(value + more, scale)
        finer = max(scale, its)
        return Exact(value * (finer // scale) + more * (finer // its), finer)

    def minus(self, other: "Exact") -> "Exact":
        """The difference."""
        return self.plus(Exact(-other.value, other.scale))

    def times(self, parts: int, per: int) -> "Exact":
        """So many times it: whole parts of a unit that has `per` of them (a power of ten)."""
        return Exact(self.value * parts, self.scale * per)

    def share(self, ppm: int) -> "Exact":
        """So many millionths of it."""
        return Exact(self.value * ppm, self.scale * PPM)

    def over(self, other: "Exact") -> bool:
        """Whether it is more than the other."""
        return self.value * other.scale > other.value * self.scale

    def to_fen(self, rounding: str) -> int:
        """Money units, rounded to the fen: the one rounding of money in a charge. Never negative."""
        return ROUNDINGS[rounding](max(self.value, 0), FEN * self.scale) // self.scale

    def __str__(self) -> str:
        """Yuan, exactly, with at least two decimals.

        >>> str(Exact(52_500)), str(Exact(525_001, 10)), str(Exact(-5)), str(Exact(0))
        ('5.25', '5.25001', '-0.0005', '0.00')
        """
        return text_of(*self)


NOTHING = Exact(0)


@lru_cache(MOST_REMEMBERED)
def text_of(value: int, scale: int = 1) -> str:
    """An exact amount in yuan, as `Exact` says it."""
    sign = "-" if value < 0 else ""
    decimals = len(str(YUAN * scale)) - 1
    digits = str(abs(value)).zfill(decimals + 1)
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:].rstrip('0').ljust(2, '0')}"
