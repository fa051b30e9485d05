"""Per unit: a price for every kilogram, cubic metre or piece, with a minimum and a maximum if the row has them."""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.shapes.shape import Column, Shape, Term, bounded, times


def terms(row: Row, quantity: int, _of: Exact) -> list[Term]:
    """Quantity times price, within the row's bounds."""
    price, least, most = row.values
    return bounded([times("each", quantity, row.table.measure, price)], least, most)


SHAPE = Shape(
    terms, (Column("price", "money"), Column("minimum", "money", False), Column("maximum", "money", False))
)
