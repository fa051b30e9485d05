"""What prices are per: kilograms, cubic metres, pieces, days. Quantities are whole parts of these units."""

from collections.abc import Callable

import msgspec

from flows.rating.facts import NOWHERE, ORDINARY, Facts, Stay, Sums
from flows.rating.remembered import MOST_TEXTS, remember


class Measure(msgspec.Struct, frozen=True):
    """A measure: how many parts its unit has, what the unit is called, and how much of it a parcel has."""

    per: int
    """Parts in a unit, a power of ten: 1,000 g in a kilogram."""
    unit: str
    zh: str
    of: Callable[[Facts], int] | None
    """None: the chargeable weight, which depends on the table."""

    @property
    def units(self) -> str:
        """Several of them."""
        return units("", self.unit)


def _stay(facts: Facts) -> Stay:
    return facts.stay or NOWHERE


def _sums(facts: Facts) -> Sums:
    """What was stored over all days: as it is now on all of them, unless something else is known."""
    stay = _stay(facts)
    return stay.sums or Sums(
        stay.pallets * stay.days, facts.volume_cm3 * stay.days, facts.weight_g * stay.days
    )


MEASURES: dict[str, Measure] = {
    "weight": Measure(1_000, "kg", "公斤", None),
    "volume": Measure(1_000_000, "m³", "立方米", lambda facts: facts.volume_cm3),
    "pieces": Measure(1, "piece", "件", lambda facts: (facts.terms or ORDINARY).pieces),
    "pallets": Measure(1, "pallet", "板", lambda facts: _stay(facts).pallets),
    "days": Measure(1, "day", "天", lambda facts: _stay(facts).days),
    "hours": Measure(1, "hour", "小时", lambda facts: _stay(facts).hours),
    "pallet_days": Measure(1, "pallet-day", "板天", lambda facts: _sums(facts).pallet_days),
    "m3_days": Measure(1_000_000, "m³-day", "方天", lambda facts: _sums(facts).cm3_days),
    "kg_days": Measure(1_000, "kg-day", "公斤天", lambda facts: _sums(facts).g_days),
    "month_parcels": Measure(1, "parcel", "票", lambda facts: facts.month_parcels),
}
"""By the name that a table's `measure` uses."""

_SYMBOLS = ("kg", "g", "m³", "cm³", "kg/m³", "cm", "mm", "yuan", "")
"""Units that are written as one symbol, which no number changes."""


def number(quantity: int, measure: str) -> str:
    """A quantity in its unit, exactly, with no more decimals than needed.

    >>> number(2_500, "weight"), number(1_000_000, "volume"), number(3, "pieces")
    ('2.5', '1', '3')
    """
    return decimal(quantity, MEASURES[measure].per)


def units(quantity: str, unit: str) -> str:
    """What so many of a unit are called in English.

    >>> units("2", "hour"), units("1", "pallet-day"), units("0.5", "m³-day"), units("2", "kg")
    ('hours', 'pallet-day', 'm³-days', 'kg')
    """
    return unit if quantity == "1" or unit in _SYMBOLS else f"{unit}s"


_known: dict[tuple[int, int], str] = {}
"""Texts of quantities: there are few of them."""


def decimal(parts: int, per: int) -> str:
    """Whole parts of a unit that has `per` of them (a power of ten) as a decimal number of units.

    >>> decimal(1_300, 10), decimal(5, 1_000), decimal(7, 1)
    ('130', '0.005', '7')
    """
    known = _known.get(key := (parts, per))
    if known is not None:
        return known
    whole, rest = divmod(parts, per)
    text = f"{whole}.{rest:0{len(str(per)) - 1}d}".rstrip("0") if rest else str(whole)
    return remember(_known, key, text, MOST_TEXTS)
