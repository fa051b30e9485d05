"""Exact amounts between the passes: a whole number over a power of ten, in money units; nothing is lost."""

import msgspec

from flows.rating.remembered import MOST_TEXTS, remember
from flows.rating.rounding import ROUNDINGS
from schemas.money import FEN, YUAN

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
        return exactly(self.value * parts, self.scale * per)

    def share(self, ppm: int) -> "Exact":
        """So many millionths of it."""
        return exactly(self.value * ppm, self.scale * PPM)

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


def exactly(value: int, scale: int) -> Exact:
    """The amount over 1 where it is whole units, as nearly all are: those are added, and told, at once."""
    return Exact(value, scale) if value % scale else Exact(value // scale)


NOTHING = Exact(0)


def text_of(value: int, scale: int = 1) -> str:
    """An exact amount in yuan, as `Exact` says it."""
    if scale != 1:
        return _text(value, YUAN * scale)
    known = _known.get(value)
    return remember(_known, value, _text(value, YUAN), MOST_TEXTS) if known is None else known


_known: dict[int, str] = {}
"""Texts of whole money units, as prices and what is made of them are: there are few of them."""


def _text(value: int, unit: int) -> str:
    """The text of a value of which so much (a power of ten) is one yuan."""
    if value < 0:
        return f"-{_text(-value, unit)}"
    whole, rest = divmod(value, unit)
    if not rest:
        return f"{whole}.00"
    decimals = str(unit + rest)[1:].rstrip("0")
    return f"{whole}.{decimals}" if len(decimals) > 1 else f"{whole}.{decimals}0"
