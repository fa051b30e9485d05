"""Floor and cap (保底, 封顶) of a fee as a whole, after surcharges and discounts."""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.shapes.shape import Column, Shape, Term, bound


def terms(row: Row, _quantity: int, of: Exact) -> list[Term]:
    """What the bounds add to the amount or take from it."""
    return bound(of, *row.values)


SHAPE = Shape(
    terms,
    (Column("floor", "money", False), Column("cap", "money", False)),
    measured=False,
    kinds=("bounds",),
)
