"""Flat: one price per parcel, whatever it weighs (按件)."""

from flows.rating.model import Row
from flows.rating.rounding import PER_UNIT
from flows.rating.shapes.shape import Priced, Shape


def price(row: Row, _weight_g: int) -> Priced:
    """The row's price."""
    return row.first_price * PER_UNIT, 0, 0


SHAPE = Shape(price, weighs=False, first_price="price")
