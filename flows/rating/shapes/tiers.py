"""Tiers: columns named by ranges (`..1`, `1..3`, `3..`), each with a price; three ways to read them.

* `tier_flat`: the price of the tier is the price of the parcel (一口价);
* `tier_whole`: the price of the tier holds for every unit of the whole quantity (全量阶梯);
* `graduated`: each unit has the price of the tier that it lies in (超额累进).
"""

from collections.abc import Callable

from flows.rating.exact import Exact
from flows.rating.model import Row
from flows.rating.shapes.shape import Column, Shape, Term, bounded, fixed, times

OWN = 1
"""Values of a row before those of its tiers: the minimum."""


def _flat(row: Row, quantity: int) -> list[Term]:
    for (over, upto), price in zip(row.table.tiers, row.values[OWN:], strict=True):
        if over < quantity <= upto:
            return [fixed("tier", price)]
    return []


def _whole(row: Row, quantity: int) -> list[Term]:
    for (over, upto), price in zip(row.table.tiers, row.values[OWN:], strict=True):
        if over < quantity <= upto:
            return [times("tier", quantity, row.table.measure, price)]
    return []


def _graduated(row: Row, quantity: int) -> list[Term]:
    terms = []
    for (over, upto), price in zip(row.table.tiers, row.values[OWN:], strict=True):
        begun = max(over, 0)
        if quantity <= begun:
            break
        terms.append(times("tier", min(quantity, upto) - begun, row.table.measure, price))
    return terms


def _shape(read: Callable[[Row, int], list[Term]]) -> Shape:
    def terms(row: Row, quantity: int, _of: Exact) -> list[Term]:
        return bounded(read(row, quantity), row.values[0], -1)

    return Shape(terms, (Column("minimum", "money", False),), tiered=True)


FLAT, WHOLE, GRADUATED = map(_shape, (_flat, _whole, _graduated))
