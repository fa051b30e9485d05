"""Allowance (免费额度, 包仓): a price that includes so much, and a price for every unit beyond it.

With a price of 0 it is a free allowance; with the month's count as measure it is a monthly package with overage.
"""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.shapes.shape import Column, Shape, Term, fixed, times


def terms(row: Row, quantity: int, _of: Exact) -> list[Term]:
    """The package's price, and the overage."""
    price, included, each = row.values
    beyond = max(quantity - included, 0)
    return [fixed("included", price)] + (
        [times("overage", beyond, row.table.measure, each)] if beyond else []
    )


SHAPE = Shape(
    terms, (Column("price", "money"), Column("included", "quantity"), Column("overage_price", "money"))
)
