"""What comes on top of a base price and off it: surcharges, discounts, floor and cap, found by one look.

Most parcels have none of them, and one key tells that.
"""

from typing import NamedTuple

from flows.rating.classes import Classes, Context, Key
from flows.rating.facts import Facts
from flows.rating.matching import Match, PriceList
from flows.rating.model import Lists, adjusting, competing
from flows.rating.remembered import remember


class More(NamedTuple):
    """The matches for a parcel, with the list that each comes from."""

    adjustments: tuple[tuple[PriceList, Match], ...] = ()
    """Surcharges and discounts in the order in which they are taken."""
    bounds: tuple[tuple[PriceList, Match], ...] = ()
    """At most one."""


NO_MORE = More()


class Together:
    """All surcharges, discounts and bounds of a fee. `listed`: whether the former two are taken as they stand."""

    def __init__(self, fee: str, lists: Lists, context: Context, *, listed: bool = False) -> None:
        found = [adjusting(lists, fee, listed=listed), competing(lists, fee, "bounds")]
        self._lists = [[PriceList(rows, context) for rows in part] for part in found]
        self._classes = Classes([row for part in found for rows in part for row in rows], context)
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
