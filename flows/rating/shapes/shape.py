"""What a shape of prices is: the columns it reads and how a row prices a weight."""

from collections.abc import Callable

import msgspec

from flows.rating.model import Row

Priced = tuple[int, int, int]
"""The exact amount in thousandths of a money unit, the grams that were priced, and the grams of them that
lie beyond the first weight."""


class Shape(msgspec.Struct, frozen=True):
    """One idea of a price.

    `first_kg`, `first_price` and `continued_price` name the columns that fill these fields of a row; ""
    leaves a field at 0. `weighs` says whether the table has settings for chargeable and continued weight.
    """

    price: Callable[[Row, int], Priced]
    """From a row and the chargeable weight in grams."""
    weighs: bool
    first_price: str
    first_kg: str = ""
    continued_price: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of prices, all of them needed."""
        return tuple(filter(None, (self.first_kg, self.first_price, self.continued_price)))
