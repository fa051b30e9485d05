"""Lines without a price: from which province to which, for which product, a book has no base price of a fee."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product as combinations

from flows.fees.current import FEES as DUES
from flows.fees.model import OF_MONTHS
from flows.governance.network import Network
from flows.rating.model import FEES, Book, Row
from schemas.problems import Problem
from schemas.times import date_of

MOST_LOOKED_AT = 5_000_000
"""Pairs of places that are tried for a fee; what is beyond is said not to have been looked at."""

_OF_MONTHS = frozenset(due.price for due in DUES.dues if due.trigger in OF_MONTHS)
"""Fees of a customer's month, which goes along no line."""

_Names = dict[str, set[tuple[str, str]]]
"""By product ("": any): the ends that rows name."""


def lines_without_price(
    book: Book, network: Network, day: int, beside: Sequence[Book] = ()
) -> Iterator[Problem]:
    """Lines without any base price, and lines where some outlets have none, on a business day.

    A fee whose tables begin later is looked at on its first day. `beside`: books in force with it; what they price
    needs no price of its own. A share is paid, and a month charged, where there is a price: these have no lines
    without one, and no fee has of which a table says that it is free otherwise.
    """
    base = {
        fee: rows for fee, rows in _base_rows([book]).items() if not FEES.get(fee) and fee not in _OF_MONTHS
    }
    others = _base_rows(beside)
    for fee, rows in base.items():
        at = max(day, min(row.table.first_day for row in rows))
        priced = [*rows, *others.get(fee, ())]
        valid = [row for row in priced if row.table.first_day <= at <= row.table.last_day]
        if any(row.table.otherwise for row in valid):
            continue
        lines = _Lines(fee, valid, network)
        for product, (origin, destination) in combinations(sorted(network.products), lines.pairs()):
            if (found := lines.look(origin, destination, product, rows[0].file, at)) is not None:
                yield found
        if lines.left <= 0:
            message = f"{fee}: there are too many prices between outlets to look at every line"
            yield Problem(rows[0].file, 0, "", "not_looked_at", message)


def _base_rows(books: Iterable[Book]) -> dict[str, list[Row]]:
    """Rows of base prices by fee."""
    found: dict[str, list[Row]] = {}
    for book in books:
        for row in book.rows:
            if row.table.kind == "base":
                found.setdefault(row.table.fee, []).append(row)
    return found


class _Lines:
    """The base prices of a fee by the places that they name."""

    def __init__(self, fee: str, rows: list[Row], network: Network) -> None:
        self.left = MOST_LOOKED_AT
        self._fee, self._network = fee, network
        self._names: _Names = {}
        self._product: str | None = None
        self._of_product: set[tuple[str, str]] = set()
        for row in rows:
            for product, origin, destination in combinations(
                row.product.split("|"), row.origin.split("|"), row.destination.split("|")
            ):
                self._names.setdefault(product, set()).add((origin, destination))
        self._cities: dict[str, dict[str, list[str]]] = {}
        """By province and city: the outlets there."""
        for outlet, site in sorted(network.outlets.items()):
            self._cities.setdefault(site.province, {}).setdefault(site.city, []).append(outlet)

    def pairs(self) -> list[tuple[str, str]]:
        """Provinces with outlets, each with each."""
        provinces = sorted(self._cities)
        return list(combinations(provinces, provinces))

    def look(self, origin: str, destination: str, product: str, file: str, day: int) -> Problem | None:
        """What is wrong with a line."""
        named = self._named(product)
        if _any(named, (origin, ""), (destination, "")) or self.left <= 0:
            return None
        priced, missing = 0, ""
        for here, there in combinations(self._cities[origin], self._cities[destination]):
            self.left -= 1
            if _any(named, (here, origin, ""), (there, destination, "")):
                priced += 1
                continue
            for a, b, has_price in self._between(named, (here, origin), (there, destination)):
                self.left -= 1
                if has_price:
                    priced += 1
                else:
                    missing = missing or f"{a} → {b}"
                if (priced and missing) or self.left <= 0:
                    break
            if priced and missing:
                break
        if not missing:
            return None
        provinces = self._network.provinces
        line = f"{provinces[origin]} → {provinces[destination]}, {product}"
        rule = "line_partly_priced" if priced else "line_without_price"
        some = f"not between all outlets, as {missing}" if priced else "none"
        message = f"{line}: base prices of {self._fee} on {date_of(day)}: {some}"
        return Problem(file, 0, "origin_province,destination_province,product", rule, message)

    def _named(self, product: str) -> set[tuple[str, str]]:
        """The ends that rows for a product name, and rows for any; the last product's are remembered."""
        if product != self._product:
            self._product = product
            self._of_product = self._names.get(product, set()) | self._names.get("", set())
        return self._of_product

    def _between(
        self, named: set[tuple[str, str]], origin: tuple[str, str], destination: tuple[str, str]
    ) -> Iterator[tuple[str, str, bool]]:
        """Outlets of two cities (city, province), between which no row for both has a price: has a row for one of
        them, or just for the two?"""
        (here, province), (there, other) = origin, destination
        arriving = [
            (outlet, _any(named, (here, province, ""), (outlet,))) for outlet in self._cities[other][there]
        ]
        for a in self._cities[province][here]:
            leaving = _any(named, (a,), (there, other, ""))
            for b, has_price in arriving:
                yield a, b, leaving or has_price or (a, b) in named


def _any(named: set[tuple[str, str]], origins: tuple[str, ...], destinations: tuple[str, ...]) -> bool:
    for origin in origins:  # millions of times: no generator
        for destination in destinations:
            if (origin, destination) in named:
                return True
    return False
