"""Shortfall (保底补差): what an amount that the table's `of` names falls short of a minimum; nothing if it does not."""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.shapes.shape import Column, Shape, Term


def terms(row: Row, _quantity: int, of: Exact) -> list[Term]:
    """The minimum, less what there is."""
    least = Exact(row.values[0])
    if not least.over(of):
        return [Term("shortfall", 1, "", 0, Exact(0))]
    return [
        Term("minimum", 1, "", row.values[0], least),
        Term("shortfall", 1, "", 0, Exact(-of.value, of.scale)),
    ]


SHAPE = Shape(
    terms, (Column("minimum", "money"),), measured=False, settings=("of",), kinds=("base", "surcharge")
)
