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
    customer_level: str = ""
    channel: str = ""
    billing: str = ""
    direction: str = "forward"
    hubs: tuple[str, ...] = ()
    grams: int = 0
    cm3: int = 0
    longest_mm: int = 0
    pieces: int = 1
    insured: Decimal = NOTHING
    cod: Decimal = NOTHING
    payment: Decimal = NOTHING
    promised_h: int = 0
    month_parcels: int = 0

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


def quantity(settings: Mapping[str, Any], parcel: Parcel) -> Decimal:
    """How much there is of what the table counts."""
    match settings.get("measure", "weight"):
        case "volume":
            return parcel.m3
        case "pieces":
            return Decimal(parcel.pieces)
    return weigh(settings, parcel).chargeable


def cost(
    shape: str, settings: Mapping[str, Any], cells: Mapping[str, str], parcel: Parcel, of: Decimal
) -> Decimal:
    """What a row comes to, exactly, in yuan. `of`: what a percentage is taken of."""
    yuan = {name: Decimal(text) for name, text in cells.items() if text}
    amount = _raw(shape, settings, yuan, quantity(settings, parcel), of)
    if "minimum" in yuan and amount <= yuan["minimum"]:
        return yuan["minimum"]
    return min(amount, yuan.get("maximum", amount))


Yuan = Mapping[str, Decimal]


def _raw(shape: str, settings: Mapping[str, Any], yuan: Yuan, much: Decimal, of: Decimal) -> Decimal:
    """What a row comes to before its minimum and maximum."""
    match shape:
        case "flat":
            return yuan["price"]
        case "per_unit":
            return yuan["price"] * much
        case "percent":
            return of * yuan["percent"] / HUNDRED
        case "tier_flat":
            return _tier(yuan, much)
        case "tier_whole":
            return _tier(yuan, much) * much
    return _STEPPED[shape](settings, yuan, much)


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


def _slabs(settings: Mapping[str, Any], yuan: Yuan, much: Decimal) -> Decimal:
    count = steps_of(much, Decimal(str(settings["slab"])), settings.get("slab_rounding", "up"))
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
