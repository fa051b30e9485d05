"""What a shape of prices is: the columns it reads, and the terms whose sum a price is."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from flows.rating.exact import NOTHING, Exact, exactly
from flows.rating.measures import MEASURES
from flows.rating.model import Row


class Term(msgspec.Struct, frozen=True, gc=False):
    """A part of a price: a quantity times a price per unit, or (`measure` "") an amount as it is."""

    label: str
    """first, continued, each, tier, slab, flat, percent, minimum, maximum, included, within, overage: for people."""
    quantity: int
    """Parts of the measure's unit; millionths for a percentage."""
    measure: str
    price: int
    """Money units per unit of the measure."""
    amount: Exact


def times(label: str, quantity: int, measure: str, price: int) -> Term:
    """A quantity times a price per unit."""
    return Term(label, quantity, measure, price, exactly(price * quantity, MEASURES[measure].per))


def fixed(label: str, price: int) -> Term:
    """An amount as the row says it."""
    return Term(label, 1, "", price, Exact(price))


class Column(NamedTuple):
    """A column of a shape: its name and what its cells hold."""

    name: str
    kind: str
    """money, kg, quantity (of the table's measure), percent, text."""
    needed: bool = True
    """A blank cell of a column that is not needed is -1 in `Row.values`, and the column may be absent."""


class Shape(msgspec.Struct, frozen=True):
    """One idea of a price."""

    terms: Callable[[Row, int, Exact], list[Term]]
    """From a row, the quantity in parts of the table's measure, and what a percentage is taken of."""
    columns: tuple[Column, ...]
    constant: bool = False
    """Whether the row alone tells the terms: no parcel's quantity and no amount."""
    measured: bool = True
    """Whether the quantity counts; the table then has settings for its measure and chargeable weight."""
    settings: tuple[str, ...] = ()
    """Further settings of its tables."""
    kinds: tuple[str, ...] = ("base", "surcharge", "discount")
    tiered: bool = False
    """Whether further columns are tiers, named by their ranges: `..1`, `1..3`, `3..`."""


def bounded(terms: list[Term], least: int, most: int) -> list[Term]:
    """The terms, and what the row's minimum or maximum (money units, -1: none) makes of their sum."""
    return terms if least < 0 and most < 0 else [*terms, *bound(total_of(terms), least, most)]


def bound(total: Exact, least: int, most: int) -> list[Term]:
    """What is missing to a minimum, or beyond a maximum (money units, -1: none); nothing within both.

    A maximum below the minimum never counts.
    """
    if least >= 0 and total.below(least):
        return [Term("minimum", 1, "", least, Exact(least).minus(total))]
    if most >= max(least, 0) and total.above(most):
        return [Term("maximum", 1, "", most, Exact(most).minus(total))]
    return []


def total_of(terms: list[Term]) -> Exact:
    """The sum of the terms' amounts."""
    if not terms:
        return NOTHING
    total = terms[0].amount
    for term in terms[1:]:
        total = total.plus(term.amount)
    return total
