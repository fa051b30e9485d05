"""Charges that were made, priced again by other tariffs, in columns: equal questions are asked once.

What a price does not depend on is left out of its question (`flows.rating.dependence`), so that most charges of a
network share an answer. The answers come from `Tariffs.rate`, as a lane's do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from flows.fees.model import OF_STORES, Due, Fees
from flows.rating.dependence import FIELDS, WEIGHT
from flows.rating.facts import ORDINARY, Trial
from flows.rating.tariffs import Tariffs

Ints = np.ndarray[Any, np.dtype[np.int64]]

MOST = 1 << 62
PRICED, UNPRICED = 0, 1
"""What became of a question: an amount; no price, or none without a weight that is not there."""


class Coded(msgspec.Struct, frozen=True):
    """A column of words or values: row i has `values[codes[i]]`."""

    codes: Ints
    values: Sequence[Any]

    def take(self, rows: Ints) -> "Coded":
        """Some rows."""
        return Coded(self.codes[rows], self.values)


class Charges(msgspec.Struct, frozen=True):
    """Charges in columns of equal length. `facts`: by those of `FIELDS` that are known; others are as in a `Trial`."""

    fees: Coded
    tariff: Ints
    """1: a tariff made the amount; 0: an order or a claim did."""
    amounts: Ints
    """Money units, not negative."""
    days: Ints
    """Business dates, days since 1970-01-01."""
    origins: Coded
    destinations: Coded
    products: Coded
    facts: Mapping[str, Coded]

    def __len__(self) -> int:
        return len(self.amounts)

    def take(self, rows: Ints) -> "Charges":
        """Some rows."""
        return Charges(
            self.fees.take(rows),
            self.tariff[rows],
            self.amounts[rows],
            self.days[rows],
            self.origins.take(rows),
            self.destinations.take(rows),
            self.products.take(rows),
            {name: column.take(rows) for name, column in self.facts.items()},
        )


def distinct(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Rows that stand for all rows equal to them in every column, and for each row which of those it is.

    The numbers must not be negative.
    """
    of = np.zeros(len(columns[0]), np.int64)
    count = 1
    for column in columns:
        size = int(column.max(initial=0)) + 1
        if count * size > MOST:
            of, count = _dense(of)
        own, size = (column, size) if count * size <= MOST else _dense(column)
        of, count = of * size + own, count * size
    of, count = _dense(of)
    first = np.zeros(count, np.int64)
    first[of[::-1]] = np.arange(len(of))[::-1]
    return first, of


def _dense(column: Ints) -> tuple[Ints, int]:
    values, of = np.unique(column, return_inverse=True)
    return of.astype(np.int64), len(values)


class Rerater:
    """Rates charges by some tariffs, as if they had been in force."""

    def __init__(self, tariffs: Tariffs, fees: Fees) -> None:
        self.tariffs, self.fees = tariffs, fees
        self.depends = {
            fee: prices.depends.union(WEIGHT if prices.weighs else ()) for fee, prices in tariffs.fees.items()
        }
        """By fee; whether there is a weight is asked wherever one could matter."""
        self._due_of = {fee: due for due in fees.dues for fee in due.fees}
        self._named = {due.name: due for due in fees.dues}

    @property
    def facts(self) -> frozenset[str]:
        """All facts that any price of a parcel's fee may depend on, and that what is shared is told by."""
        shared = {
            _SAID[base.amount]
            for due in self.fees.dues
            if due.share_of and due.price in self.depends
            for base in [self._named[due.share_of]]
            if base.amount in _SAID
        }
        return frozenset(shared).union(*self.depends.values()) - {"stay"}

    def rate(self, charges: Charges) -> tuple[Ints, Ints]:
        """What the charges come to, money units, and what became of each: `PRICED`, `UNPRICED` (0 units).

        What has no price of a parcel's stays as it is: a freight, a claim's own amount, and what goods in a store
        cost, which depends on their days there.
        """
        after, state = charges.amounts.copy(), np.zeros(len(charges), np.int64)
        for code in np.unique(charges.fees.codes).tolist():
            due = self._due_of.get(charges.fees.values[code])
            rows = np.flatnonzero(charges.fees.codes == code)
            if due is None:
                continue
            if due.share_of:
                self._share(charges, due, rows, after, state)
            elif due.price and due.trigger not in OF_STORES:
                self._tariff(charges, due, rows[charges.tariff[rows] == 1], after, state)
        return after, state

    def _tariff(self, charges: Charges, due: Due, rows: Ints, after: Ints, state: Ints) -> None:
        """Amounts that a tariff made; what the order or a claim said stays."""
        if len(rows):
            after[rows], state[rows] = self._ask(charges, due.price, rows)

    def _share(self, charges: Charges, due: Due, rows: Ints, after: Ints, state: Ints) -> None:
        """A share is priced by what the other due comes to; where that has no price there is none to share."""
        base = self._named[due.share_of]
        if base.amount == "tariff":
            amounts, became = self._ask(charges, base.price, rows)
        else:
            amounts, became = _said(charges, base.amount, rows), np.full(len(rows), PRICED)
        shared = rows[became == PRICED]
        after[rows], state[rows] = 0, UNPRICED
        after[shared], state[shared] = self._ask(charges, due.price, shared, amounts[became == PRICED])

    def _ask(self, charges: Charges, price: str, rows: Ints, shared: Ints | None = None) -> tuple[Ints, Ints]:
        """Amounts and what became of each, of some rows. `shared`: what each is a share of, money units."""
        if shared is None:
            shared = np.zeros(len(rows), np.int64)
        needed = [name for name in FIELDS if name in self.depends.get(price, ()) and name in charges.facts]
        ends = (charges.origins, charges.destinations, charges.products)
        facts = [charges.facts[name] for name in needed]
        first, of = distinct([charges.days[rows], shared, *(one.codes[rows] for one in (*ends, *facts))])
        at = rows[first]
        words = [list(map(one.values.__getitem__, one.codes[at].tolist())) for one in (*ends, *facts)]
        names = ("origin", "destination", "product", *needed)
        answers = [
            self._answer(price, day, Trial(**dict(zip(names, told, strict=True))), amount)
            for day, amount, *told in zip(
                charges.days[at].tolist(), shared[first].tolist(), *words, strict=True
            )
        ]
        amounts = np.array([amount for amount, _ in answers], np.int64)
        states = np.array([became for _, became in answers], np.int64)
        return amounts[of], states[of]

    def _answer(self, price: str, day: int, facts: Trial, shared: int) -> tuple[int, int]:
        quote = self.tariffs.rate(price, day, facts, shared)
        if quote is None or (not facts.weight_g and self.tariffs.needs_weight(quote.row)):
            return 0, UNPRICED
        return quote.amount, PRICED


_SAID = {"payment": "payment", "cod": "terms"}
"""By sources of amounts that an order says: the fact that has them."""


def _said(charges: Charges, source: str, rows: Ints) -> Ints:
    """What the orders say of a shared due, money units."""
    fact = charges.facts[_SAID[source]].take(rows)
    amounts = [(one or ORDINARY).cod if source == "cod" else one for one in fact.values]
    return np.array(amounts, np.int64)[fact.codes]
