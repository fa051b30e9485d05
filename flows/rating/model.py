"""A tariff book as values: the book, its price tables and their rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal

import msgspec

from flows.fees import current
from flows.rating.factors import Named
from flows.rating.policy import WeightPolicy

FEES: Mapping[str, str] = current.FEES.prices
"""Fees that a price table can be for, and the due that each is a share of (empty: of none). `delivery` prices both what
is collected and what is paid on."""
CALLED: Mapping[str, str] = {current.FEES.labels[fee][0]: fee for fee in FEES}
"""Fees by what people call them: 中转费."""
OPTIONAL = FEES.keys() - {due.price for due in current.FEES.dues if due.required}
"""Fees of which nothing is charged where no book has a price; others wait for one."""
SHARED = "shared"
"""What a percentage of a share is taken of: what the other due comes to."""

Kind = Literal["base", "surcharge", "discount", "bounds", "zones"]
"""What a table's rows are: the price itself, something on top, something off, a floor and a cap, or (`zones`)
the names of zones or lines by origin and destination."""

ADJUSTMENTS: tuple[Kind, ...] = ("surcharge", "discount")
"""What changes a base price, in the order in which it is taken unless a book says otherwise."""
NO_END = (date.max - date(1970, 1, 1)).days


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
    """actual, volumetric, larger; empty for a table that does not look at the weight."""
    divisor: int = 0
    """cm³ per kg; 0: the table does not look at volume."""
    unit_g: int = 1
    """Unit of the continued weight in grams; 1: exact."""
    unit_rounding: str = "up"
    """How the continued weight, and a quantity in slabs, is rounded to the unit."""
    money_rounding: str = "half_up"
    """How the amount is rounded to the fen."""
    kind: Kind = "base"
    name: str = ""
    """Of a surcharge, discount or zone map: what competes for a parcel has the same name. Base prices of different
    names are alternatives: the one that comes to most is the price."""
    priority: int = 0
    """Among equally specific rows the larger wins."""
    measure: str = "weight"
    """What a measured shape counts: a key of `flows.rating.measures.MEASURES`."""
    weight_unit_g: int = 1
    """The chargeable weight is rounded to this before it is priced; 1: it is not."""
    weight_rounding: str = "up"
    each: str = ""
    """A key of `flows.rating.measures.MEASURES`: the price is for one of these; empty: for all together."""
    slab: int = 0
    """Width of a slab, in parts of the measure's unit."""
    of: str = ""
    """What a percentage is taken of: base, total, subtotal, insured, cod, payment, month, shared."""
    group: str = ""
    """Of the discounts of one group only the largest is given."""
    listed: bool = False
    """Of a surcharge or discount: both are taken in the order in which the tables stand, not surcharges first."""
    layout: str = "list"
    """list: a row a price; matrix: one factor down, another across."""
    down: str = ""
    across: str = ""
    tiers: tuple[tuple[int, int], ...] = ()
    """Tiers that the columns name: over, up to, in parts of the measure's unit."""
    otherwise: str = ""
    """free: of what no row is for, nothing is meant to be charged; empty: it may have been forgotten."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row of a price table, for the parcels that its factors name."""

    file: str
    number: int
    """Line in the file; the header is 1."""
    level: str
    """outlet, city, city_province, province, national."""
    origin: str
    """Code of the outlet, city or province that the level says, several joined by `|`; empty: any."""
    destination: str
    product: str
    values: tuple[int, ...]
    """What the shape's columns say, in their order: money units, parts of measures, millionths."""
    table: PriceTable
    named: tuple[Named, ...] = ()
    """Further factors, in the order of `flows.rating.factors.FACTORS`."""
    column: str = ""
    """In a matrix: the heading of the price's column."""
    text: str = ""
    """In a zone map: the zone."""

    @property
    def rounding(self) -> str:
        """How the amount is rounded, as a charge says it: half_up_fen, up_fen, down_fen."""
        return f"{self.table.money_rounding}_fen"

    @property
    def where(self) -> str:
        """File, row and, in a matrix, column."""
        return f"{self.file}:{self.number}" + (f":{self.column}" if self.column else "")

    @property
    def place(self) -> str:
        """The same in words."""
        return f"{self.file} row {self.number}" + (f" column {self.column}" if self.column else "")


class Book(msgspec.Struct, frozen=True):
    """A tariff book, checked, its places and products resolved to codes."""

    version: str
    name: str
    policy: WeightPolicy | None
    """None: the book leaves the policy as another book has it."""
    tables: tuple[PriceTable, ...]
    rows: tuple[Row, ...]
    holidays: Mapping[int, str] = {}
    """Days (since 1970-01-01) of the holiday calendar, and their names."""
    words: Mapping[str, Sequence[str]] = {}
    """By factor: all words that there are, where the book lists them; rows name no other."""


Lists = Mapping[tuple[str, str, str], Sequence[Row]]
"""Rows that compete with each other, by their tables' fee, kind and name."""


def lists_of(books: Sequence[Book]) -> Lists:
    """The lists of books in order of publication, their rows in that order; the newest book states the lists' order."""
    lists: dict[tuple[str, str, str], list[Row]] = {
        (table.fee, table.kind, table.name): [] for book in reversed(books) for table in book.tables
    }
    for book in books:
        for row in book.rows:
            table = row.table
            lists[table.fee, table.kind, table.name].append(row)
    return lists


def competing(lists: Lists, fee: str, kind: Kind) -> list[Sequence[Row]]:
    """The lists of a fee and kind."""
    return [rows for (of, sort, _), rows in lists.items() if (of, sort) == (fee, kind)]


def as_listed(tables: Sequence[PriceTable]) -> bool:
    """Whether a fee's surcharges and discounts are taken as they stand: the newest book that has any says it.

    `tables`: the fee's, in order of publication.
    """
    return next((table.listed for table in reversed(tables) if table.kind in ADJUSTMENTS), False)


def adjusting(lists: Lists, fee: str, *, listed: bool) -> list[Sequence[Row]]:
    """The lists of a fee's surcharges and discounts in the order in which they are taken."""
    found = [(kind, rows) for (of, kind, _), rows in lists.items() if of == fee and kind in ADJUSTMENTS]
    if not listed:
        found.sort(key=lambda one: one[0] != "surcharge")
    return [rows for _, rows in found]


def named_for(lists: Lists, fee: str) -> set[Named]:
    """What the rows of a fee name; and where that is a zone or line, what the rows of its map do."""
    named = _named_in(rows for (of, *_), rows in lists.items() if of == fee)
    maps = {one.factor for one in named}
    return named | _named_in(
        rows for (_, kind, name), rows in lists.items() if kind == "zones" and name in maps
    )


def _named_in(lists: Iterable[Sequence[Row]]) -> set[Named]:
    return {one for rows in lists for row in rows for one in row.named}
