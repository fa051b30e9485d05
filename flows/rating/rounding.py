"""Three ways to round a whole number to a multiple of a unit; weights and money use the same ones.

Values are never negative here: a price table refuses negative prices, and a reversal takes an amount that
was rounded before.
"""

from collections.abc import Callable

from schemas.money import FEN


def up(value: int, unit: int) -> int:
    """The next multiple at or above: 进一.

    >>> up(1_501, 500)
    2000
    """
    return -(-value // unit) * unit


def half_up(value: int, unit: int) -> int:
    """The nearest multiple, halves up: 四舍五入.

    >>> half_up(1_249, 500), half_up(1_250, 500)
    (1000, 1500)
    """
    return (2 * value + unit) // (2 * unit) * unit


def down(value: int, unit: int) -> int:
    """The next multiple at or below: 舍去.

    >>> down(1_999, 500)
    1500
    """
    return value // unit * unit


ROUNDINGS: dict[str, Callable[[int, int], int]] = {"up": up, "half_up": half_up, "down": down}
"""By the name that a price table uses."""

PER_UNIT = 1_000
"""Exact amounts are whole thousandths of a money unit: units per kilogram times grams, nothing lost."""

FEN_EXACT = FEN * PER_UNIT


def to_fen(exact: int, rounding: str) -> int:
    """Money units, rounded to the fen, of an exact amount: the one rounding of money in a charge."""
    return ROUNDINGS[rounding](exact, FEN_EXACT) // PER_UNIT
