"""First and continued weight (首重 + 续重): one price up to the first weight, then a price per kilogram.

The weight beyond the first is rounded to the table's unit. The price is then exact: units per kilogram times
grams are thousandths of a unit.
"""

from flows.rating.model import Row
from flows.rating.rounding import PER_UNIT, ROUNDINGS
from flows.rating.shapes.shape import Priced, Shape


def price(row: Row, weight_g: int) -> Priced:
    """The first price, and the continued price for every kilogram beyond the first weight."""
    beyond_g = weight_g - row.first_g
    if beyond_g <= 0:
        return row.first_price * PER_UNIT, weight_g, 0
    if row.unit_g != 1:
        beyond_g = ROUNDINGS[row.table.unit_rounding](beyond_g, row.unit_g)
    return row.first_price * PER_UNIT + row.continued_price * beyond_g, row.first_g + beyond_g, beyond_g


SHAPE = Shape(
    price,
    weighs=True,
    first_kg="first_kg",
    first_price="first_price",
    continued_price="continued_price",
)
