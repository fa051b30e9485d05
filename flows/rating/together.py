"""What comes on top of a base price and off it: surcharges, discounts, floor and cap, found by one look.

Most parcels have none of them, and one key tells that.
"""

from collections.abc import Iterable

from flows.rating.classes import Classes, Context, Key, Telling
from flows.rating.facts import Facts
from flows.rating.matching import PriceList
from flows.rating.model import Lists, adjusting, competing
from flows.rating.remembered import remember
from flows.rating.working import NO_MORE, More, Pass, Passes


class Together:
    """All surcharges, discounts and bounds of a fee. `listed`: whether the former two are taken as they stand."""

    def __init__(self, fee: str, lists: Lists, context: Context, *, listed: bool = False) -> None:
        found = [adjusting(lists, fee, listed=listed), competing(lists, fee, "bounds")]
        self._adjustments, self._bounds = ([PriceList(rows, context) for rows in part] for part in found)
        self._context, self._passes = context, Passes(context)
        self._classes = Classes([row for part in found for rows in part for row in rows], context)
        self._found: dict[Key, More] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._adjustments or self._bounds)

    def find(self, day: int, facts: Facts) -> More:
        """Those for a parcel; `NO_MORE` where there are none."""
        key = self._classes.key(day, facts)
        if key is None:
            return NO_MORE
        try:
            return self._found[key]
        except KeyError:
            return remember(self._found, key, self._look(key, day, facts))

    def _look(self, key: Key, day: int, facts: Facts) -> More:
        adjustments, bounds = (
            [
                (one.classes, self._passes.of(match, day))
                for one in lists
                if (match := one.best(day, facts)) is not None
            ]
            for lists in (self._adjustments, self._bounds)
        )
        if not adjustments and not bounds:
            return NO_MORE
        places = _places(one for _, one in adjustments)
        return More(
            places,
            any(len(rivals) > 1 for rivals in places),
            tuple([one for _, one in bounds]),
            Telling(
                [classes for classes, _ in (*adjustments, *bounds)],
                self._context,
                self._classes.words(key, facts),
            ),
        )


def _places(adjustments: Iterable[Pass]) -> tuple[tuple[Pass, ...], ...]:
    """The adjustments in their order, discounts of one group together where the group's first one stands."""
    places: dict[str | int, list[Pass]] = {}
    for n, one in enumerate(adjustments):
        group = one.row.table.group if one.discount else ""
        places.setdefault(group or n, []).append(one)
    return tuple([tuple(rivals) for rivals in places.values()])
