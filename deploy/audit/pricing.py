"""The auditor's own price of a row: decimal numbers of yuan, kilograms, cubic metres and pieces.

The format is `flows/rating/FORMAT.md`; this is its second reading, written from the document.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

ROUNDINGS = {"up": ROUND_CEILING, "half_up": ROUND_HALF_UP, "down": ROUND_FLOOR}
FEN = Decimal("0.01")
GRAM = Decimal("0.001")
NOTHING = Decimal(0)
HUNDRED = Decimal(100)


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What prices depend on. Kilograms, cubic metres, centimetres, yuan."""

    origin: str
    destination: str
    product: str = ""
    customer: str = ""
    channel: str = ""
    billing: str = ""
    direction: str = "forward"
    hubs: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    grams: int = 0
    cm3: int = 0
    longest_mm: int = 0
    pieces: int = 1
    insured: Decimal = NOTHING
    cod: Decimal = NOTHING
    payment: Decimal = NOTHING
    promised_h: int = 0
    month_parcels: int = 0
    month_count: str = ""
    """The published count that says so."""
    month_amount: Decimal = NOTHING
    """What the fee came to for the customer in the month so far."""
    shared: Decimal = NOTHING
    """What is charged that the fee is a share of."""
    pallets: int = 0
    """This and what follows is of a stay in a store, which no parcel has."""
    days: int = 0
    hours: int = 0
    temperature: str = ""
    area: str = ""
    vehicle: str = ""
    stored: tuple[int, int, int] = (0, 0, 0)
    """Pallets, cm³ and grams, each summed up over the days."""

    @property
    def kg(self) -> Decimal:
        """Adopted weight."""
        return Decimal(self.grams).scaleb(-3)

    @property
    def m3(self) -> Decimal:
        """Volume; 0: not measured."""
        return Decimal(self.cm3).scaleb(-6)


class Weighed(msgspec.Struct, frozen=True):
    """Weights by a table, in kilograms."""

    volumetric: Decimal
    chargeable: Decimal


def steps_of(value: Decimal, unit: Decimal, rounding: str) -> Decimal:
    """A value in whole units."""
    return (value / unit).to_integral_value(ROUNDINGS[rounding])


def weigh(settings: Mapping[str, Any], parcel: Parcel) -> Weighed:
    """Volumetric and chargeable weight by a table's settings."""
    weight = settings.get("weight", "")
    divisor = settings.get("divisor", 0) if weight not in ("", "actual") else 0
    volumetric = (
        (Decimal(parcel.cm3) / divisor).quantize(GRAM, ROUND_HALF_UP) if divisor and parcel.cm3 else NOTHING
    )
    chargeable = {
        "": NOTHING,
        "actual": parcel.kg,
        "volumetric": volumetric or parcel.kg,
        "larger": max(parcel.kg, volumetric),
    }[weight]
    unit = settings.get("weight_unit_kg")
    if unit is not None:
        unit = Decimal(str(unit))
        chargeable = steps_of(chargeable, unit, settings.get("weight_rounding", "up")) * unit
    return Weighed(volumetric, chargeable)


_COUNTED: dict[str, Callable[[Parcel], Decimal]] = {
    "volume": lambda parcel: parcel.m3,
    "pieces": lambda parcel: Decimal(parcel.pieces),
    "pallets": lambda parcel: Decimal(parcel.pallets),
    "days": lambda parcel: Decimal(parcel.days),
    "hours": lambda parcel: Decimal(parcel.hours),
    "pallet_days": lambda parcel: Decimal(parcel.stored[0]),
    "m3_days": lambda parcel: Decimal(parcel.stored[1]).scaleb(-6),
    "kg_days": lambda parcel: Decimal(parcel.stored[2]).scaleb(-3),
    "month_parcels": lambda parcel: Decimal(parcel.month_parcels),
}
_LATE = {"volume", "m3_days", "kg_days"}
"""Measures that are known when the parcel has been weighed."""


def waits_for_weight(settings: Mapping[str, Any]) -> bool:
    """Whether a table's prices depend on what comes with the weight."""
    return bool(settings.get("weight") or _LATE & {settings.get("measure"), settings.get("each")})


def quantity(settings: Mapping[str, Any], parcel: Parcel) -> Decimal:
    """How much there is of what the table counts."""
    count = _COUNTED.get(settings.get("measure", "weight"))
    return count(parcel) if count is not None else weigh(settings, parcel).chargeable


def often(settings: Mapping[str, Any], parcel: Parcel) -> Decimal:
    """How often a row's price counts: `each` time."""
    return _COUNTED[settings["each"]](parcel) if "each" in settings else Decimal(1)


def cost(
    shape: str, settings: Mapping[str, Any], cells: Mapping[str, str], parcel: Parcel, of: Decimal
) -> Decimal:
    """What a row comes to, exactly, in yuan. `of`: what a percentage is taken of, or a shortfall."""
    yuan = {name: Decimal(text) for name, text in cells.items() if text}
    if shape == "shortfall":
        return max(yuan["minimum"] - of, NOTHING)
    amount = _raw(shape, settings, yuan, quantity(settings, parcel), of)
    return between(amount, yuan.get("minimum"), yuan.get("maximum")) * often(settings, parcel)


def between(amount: Decimal, least: Decimal | None, most: Decimal | None) -> Decimal:
    """An amount raised to the least or cut to the most that it may be; a most below the least never counts."""
    if least is not None and amount < least:
        return least
    crossed = least is not None and most is not None and most < least
    return amount if most is None or crossed else min(amount, most)


def silent(shape: str, settings: Mapping[str, Any], cells: Mapping[str, str], parcel: Parcel) -> bool:
    """Whether a row has nothing to say about a parcel: it counts steps, and there are none."""
    much = quantity(settings, parcel)
    if shape == "slabs":
        none = not cells.get("first_price") and not slabs_of(settings, much)
    else:
        none = shape == "graduated" and not much
    return none and not Decimal(cells.get("minimum") or 0)


Yuan = Mapping[str, Decimal]


def _raw(shape: str, settings: Mapping[str, Any], yuan: Yuan, much: Decimal, of: Decimal) -> Decimal:
    """What a row comes to before its minimum and maximum."""
    plain = _PLAIN.get(shape)
    return plain(yuan, much, of) if plain is not None else _STEPPED[shape](settings, yuan, much)


def beyond_first(settings: Mapping[str, Any], first: Decimal, weight: Decimal) -> Decimal:
    """Kilograms beyond the first weight, in the table's units."""
    unit = str(settings.get("continued_unit_kg", "exact"))
    width = GRAM if unit == "exact" else Decimal(unit)
    return steps_of(max(weight - first, NOTHING), width, settings.get("continued_rounding", "up")) * width


def tiers(cells: Iterable[str]) -> list[tuple[str, Decimal, Decimal | None]]:
    """The columns that are tiers: name, over, up to (None: no end)."""
    found = []
    for name in cells:
        low, dots, high = name.partition("..")
        if dots:
            found.append((name, Decimal(low) if low else NOTHING, Decimal(high) if high else None))
    return found


def _first_continued(settings: Mapping[str, Any], yuan: Yuan, weight: Decimal) -> Decimal:
    beyond = beyond_first(settings, yuan["first_kg"], weight)
    return yuan["first_price"] + yuan["continued_price"] * beyond


def slabs_of(settings: Mapping[str, Any], much: Decimal) -> Decimal:
    """How many slabs there are."""
    return steps_of(much, Decimal(str(settings["slab"])), settings.get("slab_rounding", "up"))


def _slabs(settings: Mapping[str, Any], yuan: Yuan, much: Decimal) -> Decimal:
    count = slabs_of(settings, much)
    if "first_price" not in yuan:
        return yuan["price"] * count
    return yuan["first_price"] + yuan["price"] * max(count - 1, NOTHING)


def _allowance(_settings: Mapping[str, Any], yuan: Yuan, much: Decimal) -> Decimal:
    return yuan["price"] + yuan["overage_price"] * max(much - yuan["included"], NOTHING)


def _graduated(_settings: Mapping[str, Any], yuan: Yuan, much: Decimal) -> Decimal:
    return sum(
        (
            (min(much, upto if upto is not None else much) - over) * yuan[name]
            for name, over, upto in tiers(yuan)
            if much > over
        ),
        NOTHING,
    )


def _tier(yuan: Yuan, much: Decimal) -> Decimal:
    for name, over, upto in tiers(yuan):
        if (much > over or over == 0) and (upto is None or much <= upto):
            return yuan[name]
    raise LookupError("no tier")


_STEPPED: dict[str, Callable[[Mapping[str, Any], Yuan, Decimal], Decimal]] = {
    "first_continued": _first_continued,
    "slabs": _slabs,
    "graduated": _graduated,
    "allowance": _allowance,
}
"""Shapes that look at the table's settings, too."""

_PLAIN: dict[str, Callable[[Yuan, Decimal, Decimal], Decimal]] = {
    "flat": lambda yuan, _much, _of: yuan["price"],
    "per_unit": lambda yuan, much, _of: yuan["price"] * much,
    "percent": lambda yuan, _much, of: of * yuan["percent"] / HUNDRED,
    "tier_flat": lambda yuan, much, _of: _tier(yuan, much),
    "tier_whole": lambda yuan, much, _of: _tier(yuan, much) * much,
}
"""Shapes whose row says all: of its prices, how much there is, and what a percentage is of."""
