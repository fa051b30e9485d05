"""Flat: one price per parcel, whatever it weighs (每票)."""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.shapes.shape import Column, Shape, Term, fixed


def terms(row: Row, _quantity: int, _of: Exact) -> list[Term]:
    """The row's price."""
    return [fixed("flat", row.values[0])]


SHAPE = Shape(terms, (Column("price", "money"),), constant=True, measured=False)
