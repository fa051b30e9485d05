"""A tariff book as values: the book, its price tables and their rows."""

from collections.abc import Mapping
from datetime import date

import msgspec

from flows.fees import current
from flows.rating.policy import WeightPolicy

FEES: Mapping[str, str] = current.FEES.prices
"""Fees that a price table can be for. `delivery` prices both what is collected and what is paid on."""


class PriceTable(msgspec.Struct, frozen=True, gc=False):
    """A `[[table]]` of the book: for which fee, from when to when, and how its rows are read and rounded."""

    fee: str
    file: str
    shape: str
    """A key of `flows.rating.shapes.SHAPES`."""
    first_day: int
    """First day in force, days since 1970-01-01 (`schemas.times.day_of`)."""
    last_day: int
    """Last day in force, inclusive; `NO_END` where the table has none."""
    weight: str = ""
    """actual, volumetric, larger; empty for a shape that does not weigh."""
    divisor: int = 0
    """cm³ per kg; 0: the table does not look at volume."""
    unit_g: int = 1
    """Unit of the continued weight in grams; 1: exact."""
    unit_rounding: str = "up"
    """How the continued weight is rounded to the unit."""
    money_rounding: str = "half_up"
    """How the amount is rounded to the fen."""


NO_END = (date.max - date(1970, 1, 1)).days


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row of a price table. Prices are money units (0.0001 yuan), per kilogram beyond `first_g`."""

    file: str
    number: int
    """Line in the file; the header is 1."""
    level: str
    """outlet, city, city_province, province, national."""
    origin: str
    """Code of the outlet, city or province that the level says; empty: any."""
    destination: str
    product: str
    first_g: int
    """Grams that the first price covers; 0 for a flat price."""
    first_price: int
    continued_price: int
    unit_g: int
    rounding: str
    """How the amount is rounded, as a charge says it: half_up_fen, up_fen, down_fen."""
    table: PriceTable


class Book(msgspec.Struct, frozen=True):
    """A tariff book, checked, its places and products resolved to codes."""

    version: str
    name: str
    policy: WeightPolicy
    tables: tuple[PriceTable, ...]
    rows: tuple[Row, ...]
