"""Chargeable weight: what a price table weighs a parcel by. Grams and cubic centimetres, whole numbers."""

from collections.abc import Callable


def volumetric_g(volume_cm3: int, divisor: int) -> int:
    """Grams that a volume counts for: cm³ over the divisor (cm³ per kg), halves up to the gram.

    0 where the parcel was not measured or the table has no divisor.

    >>> volumetric_g(20_000, 8_000), volumetric_g(4, 8_000), volumetric_g(3, 8_000), volumetric_g(0, 8_000)
    (2500, 1, 0, 0)
    """
    return (2_000 * volume_cm3 + divisor) // (2 * divisor) if divisor and volume_cm3 else 0


def _actual(actual_g: int, _volumetric_g: int) -> int:
    return actual_g


def _volumetric(actual_g: int, volumetric_g: int) -> int:
    """A parcel that nobody measured, or not even half a gram's worth, is charged by what it weighs."""
    return volumetric_g or actual_g


def _nothing(_actual_g: int, _volumetric_g: int) -> int:
    return 0


CHARGEABLE: dict[str, Callable[[int, int], int]] = {
    "actual": _actual,
    "volumetric": _volumetric,
    "larger": max,
    "": _nothing,
}
"""Grams to charge by, from the actual and the volumetric weight, by the table's `weight`; "": not weighed."""

MEASURES = ("actual", "volumetric", "larger")
"""What a table's `weight` may be; all but `actual` need a divisor."""

UNITS_G: dict[str, int] = {"exact": 1, "0.1": 100, "0.5": 500, "1": 1_000}
"""Grams of a table's `continued_unit_kg`."""
