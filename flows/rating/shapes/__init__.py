"""The shapes of prices. A new shape is one file with a `SHAPE` and one line here."""

from flows.rating.shapes import first_continued, flat
from flows.rating.shapes.shape import Shape

SHAPES: dict[str, Shape] = {
    "flat": flat.SHAPE,
    "first_continued": first_continued.SHAPE,
}
"""By the name that a table's `shape` uses."""
