"""What comes on top of a base price and off it: surcharges, discounts, floor and cap, found by one look.

Most parcels have none of them, and one key tells that.
"""

from typing import NamedTuple

from flows.rating.classes import Classes, Context, Key
from flows.rating.facts import Facts
from flows.rating.matching import Match, PriceList
from flows.rating.model import Kind, Lists, competing
from flows.rating.remembered import remember


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
KINDS: tuple[Kind, ...] = ("surcharge", "discount", "bounds")
"""In the order of `More`."""


class Together:
    """All surcharges, discounts and bounds of a fee."""

    def __init__(self, fee: str, lists: Lists, context: Context) -> None:
        found = [competing(lists, fee, kind) for kind in KINDS]
        self._lists = [[PriceList(rows, context) for rows in of_kind] for of_kind in found]
        self._classes = Classes([row for of_kind in found for rows in of_kind for row in rows], context)
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
        more = More(
            *(
                tuple([(one, match) for one in lists if (match := one.best(day, facts)) is not None])
                for lists in self._lists
            )
        )
        return remember(self._found, key, more if any(more) else NO_MORE)
