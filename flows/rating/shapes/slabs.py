"""Slabs: a price for each started slab of the table's width (每0.5公斤), perhaps another one for the first.

`slab` is the width in the measure's unit; the quantity is rounded to slabs as `slab_rounding` says.
"""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.rounding import ROUNDINGS
from flows.rating.shapes.shape import Column, Shape, Term, bounded, fixed


def terms(row: Row, quantity: int, _of: Exact) -> list[Term]:
    """The first slab's price, and the price of each further one."""
    price, first, least = row.values
    slab = row.table.slab
    count = ROUNDINGS[row.table.unit_rounding](quantity, slab) // slab
    found = [fixed("first", first)] if first >= 0 else []
    further = max(count - len(found), 0)
    if further:
        found.append(Term("slab", further, "slab", price, Exact(price * further)))
    return bounded(found, least, -1)


SHAPE = Shape(
    terms,
    (Column("price", "money"), Column("first_price", "money", False), Column("minimum", "money", False)),
    settings=("slab", "slab_rounding"),
)
