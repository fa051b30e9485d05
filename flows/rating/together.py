"""What comes on top of a base price and off it: surcharges, discounts, floor and cap, found by one look.

Most parcels have none of them, and one key tells that.
"""

from collections.abc import Sequence
from typing import NamedTuple

from flows.rating.classes import Classes, Context, Key
from flows.rating.facts import Facts
from flows.rating.matching import Match, PriceList
from flows.rating.model import Book, Row

MOST_REMEMBERED = 200_000


class More(NamedTuple):
    """The matches for a parcel, in the book's order, with the list that each comes from."""

    surcharges: tuple[tuple[PriceList, Match], ...] = ()
    discounts: tuple[tuple[PriceList, Match], ...] = ()
    bounds: tuple[tuple[PriceList, Match], ...] = ()
    """At most one."""

    @property
    def changes(self) -> bool:
        """Whether a base price does not stay as it is, bounds left aside."""
        return bool(self.surcharges or self.discounts)


NO_MORE = More()


class Together:
    """All surcharges, discounts and bounds of a fee."""

    def __init__(self, fee: str, books: Sequence[Book], context: Context) -> None:
        self._lists = [
            [PriceList(rows_of(books, fee, kind, name), context) for name in names_of(books, fee, kind)]
            for kind in ("surcharge", "discount", "bounds")
        ]
        self._classes = Classes(
            [
                row
                for book in books
                for row in book.rows
                if row.table.fee == fee and row.table.kind not in ("base", "zones")
            ],
            context,
        )
        self._found: dict[Key, More] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return any(self._lists)

    def find(self, day: int, facts: Facts) -> More:
        """Those for a parcel; `NO_MORE` where there are none."""
        key = self._classes.key(day, facts)
        if key is None:
            return NO_MORE
        try:
            return self._found[key]
        except KeyError:
            pass
        if len(self._found) >= MOST_REMEMBERED:
            self._found.clear()
        more = More(
            *(
                tuple([(one, match) for one in lists if (match := one.best(day, facts)) is not None])
                for lists in self._lists
            )
        )
        self._found[key] = more if any(more) else NO_MORE
        return self._found[key]


def names_of(books: Sequence[Book], fee: str, kind: str) -> list[str]:
    """Names of a fee's tables of a kind, in the order in which the newest book that has them states them."""
    return list(
        dict.fromkeys(
            table.name
            for book in reversed(books)
            for table in book.tables
            if (table.fee, table.kind) == (fee, kind)
        )
    )


def rows_of(books: Sequence[Book], fee: str, kind: str, name: str) -> list[Row]:
    """Rows that compete with each other, in order of publication."""
    return [
        row
        for book in books
        for row in book.rows
        if row.table.fee == fee and row.table.kind == kind and row.table.name == name
    ]
