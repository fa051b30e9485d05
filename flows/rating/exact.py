"""Exact amounts between the passes: a whole number over a power of ten, in money units; nothing is lost."""

from functools import lru_cache

import msgspec

from flows.rating.rounding import ROUNDINGS
from schemas.money import FEN, YUAN

MOST_REMEMBERED = 20_000
"""Texts of prices that are remembered."""

PPM = 1_000_000
"""A percentage is held in millionths: four decimals of a percent."""


class Exact(msgspec.Struct, frozen=True, gc=False):
    """`value` / `scale` money units (0.0001 yuan); `scale` is a power of ten."""

    value: int
    scale: int = 1

    def plus(self, other: "Exact") -> "Exact":
        """The sum."""
        scale, its = self.scale, other.scale
        if scale == its:
            return Exact(self.value + other.value, scale)
        finer = max(scale, its)
        return Exact(self.value * (finer // scale) + other.value * (finer // its), finer)

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

    def below(self, units: int) -> bool:
        """Whether it is less than so many money units."""
        return self.value < units * self.scale

    def above(self, units: int) -> bool:
        """Whether it is more than so many money units."""
        return self.value > units * self.scale

    def to_fen(self, rounding: str) -> int:
        """Money units, rounded to the fen: the one rounding of money in a charge. Never negative."""
        return ROUNDINGS[rounding](max(self.value, 0), FEN * self.scale) // self.scale

    def __str__(self) -> str:
        """Yuan, exactly, with at least two decimals.

        >>> str(Exact(52_500)), str(Exact(525_001, 10)), str(Exact(-5)), str(Exact(0))
        ('5.25', '5.25001', '-0.0005', '0.00')
        """
        return text_of(self.value, self.scale)


NOTHING = Exact(0)


def text_of(value: int, scale: int = 1) -> str:
    """An exact amount in yuan, as `Exact` says it."""
    return _known(value) if scale == 1 else _text(value, YUAN * scale)


@lru_cache(MOST_REMEMBERED)
def _known(value: int) -> str:
    """The text of whole money units, as prices are: there are few of them."""
    return _text(value, YUAN)


def _text(value: int, unit: int) -> str:
    """The text of a value of which so much (a power of ten) is one yuan."""
    if value < 0:
        return f"-{_text(-value, unit)}"
    whole, rest = divmod(value, unit)
    if not rest:
        return f"{whole}.00"
    decimals = str(unit + rest)[1:].rstrip("0")
    return f"{whole}.{decimals}" if len(decimals) > 1 else f"{whole}.{decimals}0"
