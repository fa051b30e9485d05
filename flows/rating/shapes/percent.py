"""Percentage (按比例): a share of the amount that the table's `of` names, with a minimum and a maximum."""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.shapes.shape import Column, Shape, Term, bounded


def terms(row: Row, _quantity: int, of: Exact) -> list[Term]:
    """The share, within the row's bounds."""
    ppm, least, most = row.values
    return bounded([Term("percent", ppm, "percent", 0, of.share(ppm))], least, most)


SHAPE = Shape(
    terms,
    (Column("percent", "percent"), Column("minimum", "money", False), Column("maximum", "money", False)),
    measured=False,
    settings=("of",),
)
