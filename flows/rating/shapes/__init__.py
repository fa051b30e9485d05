"""The shapes of prices. A new shape is one file with a `SHAPE` and one line here."""

from flows.rating.shapes import (
    allowance,
    bounds,
    first_continued,
    flat,
    per_unit,
    percent,
    shortfall,
    slabs,
    tiers,
    zone,
)
from flows.rating.shapes.shape import Shape

SHAPES: dict[str, Shape] = {
    "flat": flat.SHAPE,
    "first_continued": first_continued.SHAPE,
    "per_unit": per_unit.SHAPE,
    "slabs": slabs.SHAPE,
    "tier_flat": tiers.FLAT,
    "tier_whole": tiers.WHOLE,
    "graduated": tiers.GRADUATED,
    "percent": percent.SHAPE,
    "allowance": allowance.SHAPE,
    "shortfall": shortfall.SHAPE,
    "bounds": bounds.SHAPE,
    "zone": zone.SHAPE,
}
"""By the name that a table's `shape` uses."""
