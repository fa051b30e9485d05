"""Allowance (免费额度, 包仓): a price that includes so much, and a price for every unit beyond it.

With a price of 0 it is a free allowance; of the fee `package`, by the month's parcels, a package by the month.
"""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.shapes.shape import Column, Shape, Term, fixed, times


def terms(row: Row, quantity: int, _of: Exact) -> list[Term]:
    """The package's price, what lies within it, for nothing, and the overage."""
    price, included, each = row.values
    within, measure = min(quantity, included), row.table.measure
    parts = (("within", within, 0), ("overage", quantity - within, each))
    return [
        fixed("included", price),
        *(times(label, much, measure, per) for label, much, per in parts if much),
    ]


SHAPE = Shape(
    terms, (Column("price", "money"), Column("included", "quantity"), Column("overage_price", "money"))
)
