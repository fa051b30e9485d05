"""First and continued weight (首重 + 续重): one price up to the first weight, then a price per kilogram.

The weight beyond the first is rounded to the table's unit.
"""

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.rounding import ROUNDINGS
from flows.rating.shapes.shape import Column, Shape, Term, fixed, times


def continued(row: Row, weight_g: int) -> int:
    """Grams beyond the first weight, rounded to the table's unit."""
    beyond_g = weight_g - row.values[0]
    if beyond_g <= 0:
        return 0
    table = row.table
    return ROUNDINGS[table.unit_rounding](beyond_g, table.unit_g) if table.unit_g != 1 else beyond_g


def terms(row: Row, quantity: int, _of: Exact) -> list[Term]:
    """The first price, and the continued price for every kilogram beyond the first weight."""
    _, first, each = row.values
    beyond_g = continued(row, quantity)
    return [fixed("first", first)] + ([times("continued", beyond_g, "weight", each)] if beyond_g else [])


SHAPE = Shape(
    terms,
    (Column("first_kg", "kg"), Column("first_price", "money"), Column("continued_price", "money")),
    settings=("continued_unit_kg", "continued_rounding"),
)
