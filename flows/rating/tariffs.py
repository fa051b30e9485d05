"""Rating: from the facts of a fee to its price, by the books in force.

The passes, in order: best match → chargeable weight → the shape's price → surcharges → discounts → floor and
cap → one rounding to the fen. All arithmetic is on whole numbers; nothing is lost before the rounding.

A fee whose base price is all there is, flat or first and continued weight, takes a short way: its charge explains
itself by its columns. Otherwise a quote carries its steps.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from flows.governance.network import Network
from flows.rating.cells import PERCENT
from flows.rating.exact import NOTHING, Exact
from flows.rating.facts import ORDINARY, Facts
from flows.rating.matching import Context, Match, PriceList
from flows.rating.measures import MEASURES, decimal, number
from flows.rating.model import Book, Row
from flows.rating.policy import NOTHING_ADOPTED, WeightPolicy
from flows.rating.rounding import PER_UNIT, ROUNDINGS, to_fen
from flows.rating.shapes import SHAPES
from flows.rating.shapes.first_continued import continued
from flows.rating.shapes.shape import Term, total_of
from flows.rating.weights import CHARGEABLE, volumetric_g


class Quote(NamedTuple):
    """What a fee costs, and why."""

    amount: int
    """Money units, whole fen."""
    volumetric_g: int
    chargeable_g: int
    """The weight that was priced; 0 where the weight does not matter."""
    continued_g: int
    row: Row
    """The base price's row."""
    passed_over: str
    """Losing candidates, each with its reason."""
    steps: str
    """JSON (see `Step`); empty where the row and the weights say everything."""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pass of a price, as a charge keeps it. Amounts are exact decimal numbers of yuan."""

    kind: str
    """factors, base, surcharge, discount, bounds, rounding."""
    name: str = ""
    where: str = ""
    """file:row[:column]"""
    shape: str = ""
    of: str = ""
    """What a percentage was taken of."""
    terms: list[tuple[str, str, str, str, str]] = []
    """Label, quantity in its unit, measure, price per unit, amount."""
    amount: str = ""
    total: str = ""
    """The fee so far."""
    factors: dict[str, str] = {}
    passed_over: str = ""


_steps = msgspec.json.Encoder()


def in_force(books: Sequence[Book]) -> list[Book]:
    """The books that count: of each name the one that was published last, in order of publication."""
    newest = {book.name: n for n, book in enumerate(books)}
    return [book for n, book in enumerate(books) if newest[book.name] == n]


class Tariffs:
    """The prices in force: books in order of publication, the last one the newest."""

    def __init__(self, books: Sequence[Book], network: Network) -> None:
        self.books = tuple(in_force(books))
        policies = [book.policy for book in self.books if book.policy is not None]
        self.policy: WeightPolicy = policies[-1] if policies else NOTHING_ADOPTED
        """The weight policy of the newest book that has one."""
        self.network = network
        holidays = {day: name for book in self.books for day, name in book.holidays.items()}
        bare = Context(network, {}, holidays)
        names = {table.name for book in self.books for table in book.tables if table.kind == "zones"}
        zones = {name: PriceList(_rows(self.books, "", "zones", name), bare) for name in sorted(names)}
        self.context = Context(network, zones, holidays)
        fees = {table.fee for book in self.books for table in book.tables if table.kind != "zones"}
        self.fees = {fee: FeePrices(fee, self.books, self.context) for fee in sorted(fees)}

    def rate(self, fee: str, day: int, facts: Facts) -> Quote | None:
        """What a fee costs on a business day (days since 1970-01-01), or None if no row covers it.

        `facts.weight_g` is the adopted weight; `facts.volume_cm3` is 0 where the parcel was not measured.
        """
        prices = self.fees.get(fee)
        if prices is None:
            return None
        match = prices.base.best(day, facts)
        if match is None:
            return None
        row = match.row
        table = row.table
        if not prices.short or table.shape not in SHORT:
            return prices.in_full(day, facts, match)
        if not table.weight:
            return Quote(
                to_fen(row.values[0] * PER_UNIT, table.money_rounding), 0, 0, 0, row, match.passed_over, ""
            )
        volumetric, priced_g, continued_g = _priced(row, facts)
        exact = row.values[1] * PER_UNIT + row.values[2] * continued_g
        return Quote(
            to_fen(exact, table.money_rounding),
            volumetric,
            priced_g,
            continued_g,
            row,
            match.passed_over,
            "",
        )

    def weighs(self, fee: str) -> bool:
        """Whether any price of a fee depends on the weight."""
        prices = self.fees.get(fee)
        return prices is not None and prices.weighs

    def needs_weight(self, fee: str, row: Row) -> bool:
        """Whether a price that was found by this row depends on the weight."""
        prices = self.fees[fee]
        return row.table.weight != "" or (prices.weighs and not prices.short)

    def depends_on(self, factor: str) -> bool:
        """Whether any price names a factor (`hub`, `holiday`…)."""
        return any(factor in prices.factors for prices in self.fees.values())


SHORT = ("flat", "first_continued")


def _rows(books: Sequence[Book], fee: str, kind: str, name: str) -> list[Row]:
    return [
        row
        for book in books
        for row in book.rows
        if row.table.fee == fee and row.table.kind == kind and row.table.name == name
    ]


def _weigh(row: Row, facts: Facts) -> tuple[int, int]:
    """Volumetric and chargeable weight, the latter rounded as the table says."""
    table = row.table
    volumetric = volumetric_g(facts.volume_cm3, table.divisor)
    chargeable = CHARGEABLE[table.weight](facts.weight_g, volumetric)
    if table.weight_unit_g != 1:
        chargeable = ROUNDINGS[table.weight_rounding](chargeable, table.weight_unit_g)
    return volumetric, chargeable


def _priced(row: Row, facts: Facts) -> tuple[int, int, int]:
    """Volumetric weight, the weight that is priced, and how much of it lies beyond the first weight."""
    if not row.table.weight:
        return 0, 0, 0
    volumetric, chargeable = _weigh(row, facts)
    if row.table.shape != "first_continued" or chargeable <= row.values[0]:
        return volumetric, chargeable, 0
    continued_g = continued(row, chargeable)
    return volumetric, row.values[0] + continued_g, continued_g


class FeePrices:
    """All that makes a fee's price: base prices, surcharges, discounts, floor and cap."""

    def __init__(self, fee: str, books: Sequence[Book], context: Context) -> None:
        self._context = context
        self.base = PriceList(_rows(books, fee, "base", ""), context)
        self.surcharges = self._lists(fee, "surcharge", books)
        self.discounts = self._lists(fee, "discount", books)
        self.bounds = PriceList(_rows(books, fee, "bounds", ""), context)
        tables = [table for book in books for table in book.tables if table.fee == fee]
        rows = [row for book in books for row in book.rows if row.table.fee == fee]
        self.factors = {one.factor for row in rows for one in row.named}
        self.short = not self.factors and all(
            table.kind == "base" and table.weight_unit_g == 1 for table in tables
        )
        """Whether the base price, by places and product, is all there is."""
        self.weighs = any(table.weight for table in tables) or bool(
            self.factors & {"weight", "density", "condition"}
        )

    def _lists(self, fee: str, kind: str, books: Sequence[Book]) -> list[tuple[str, PriceList]]:
        """By name, in the order in which the newest book that has them states them."""
        tables = [
            table
            for book in reversed(books)
            for table in book.tables
            if (table.fee, table.kind) == (fee, kind)
        ]
        names = dict.fromkeys(table.name for table in tables)
        return [(name, PriceList(_rows(books, fee, kind, name), self._context)) for name in names]

    def in_full(self, day: int, facts: Facts, match: Match) -> Quote:
        """The price by all passes, with its steps."""
        work = _Work(day, facts)
        row = match.row
        volumetric, priced_g, continued_g = _priced(row, facts)
        work.extras.update(self.base.extras(day, facts))
        work.take("base", match)
        work.base = work.total
        for _, prices in self.surcharges:
            if (found := prices.best(day, facts)) is not None:
                work.extras.update(prices.extras(day, facts))
                work.take("surcharge", found)
        work.subtotal = work.total
        self._discount(work)
        if (found := self.bounds.best(day, facts)) is not None:
            work.take("bounds", found)
        return Quote(
            work.total.to_fen(row.table.money_rounding),
            volumetric,
            priced_g,
            continued_g,
            row,
            match.passed_over,
            work.to_json(row),
        )

    def _discount(self, work: "_Work") -> None:
        """Discounts in the book's order; of one group only the largest, where its first one stands."""
        offers = [
            (found, work.value_of(found))
            for _, prices in self.discounts
            if (found := prices.best(work.day, work.facts)) is not None
        ]
        best: dict[str, Match] = {}
        worth: dict[str, Exact] = {}
        for found, value in offers:
            group = found.row.table.group
            if group and (group not in best or value.over(worth[group])):
                best[group], worth[group] = found, value
        given: set[str] = set()
        for found, _ in offers:
            group = found.row.table.group
            if not group:
                work.take("discount", found)
            elif group not in given:
                given.add(group)
                work.take("discount", best[group])


class _Work:
    """A price on its way through the passes."""

    def __init__(self, day: int, facts: Facts) -> None:
        self.day, self.facts = day, facts
        self.total = self.base = self.subtotal = NOTHING
        self.extras: dict[str, str] = {}
        self.steps: list[Step] = []

    def value_of(self, match: Match) -> Exact:
        """What a row comes to for this parcel, as things stand."""
        return total_of(self._terms(match.row))

    def take(self, kind: str, match: Match) -> None:
        """Apply a row: add it, or for a discount take it off, though never below nothing."""
        row = match.row
        terms = self._terms(row)
        if not terms:
            return
        amount = total_of(terms)
        if kind == "discount":
            amount = self.total if amount.over(self.total) else amount
            self.total = self.total.minus(amount)
        else:
            self.total = self.total.plus(amount)
        self.steps.append(
            Step(
                kind,
                row.table.name,
                row.where,
                row.table.shape,
                row.table.of,
                [_shown(term) for term in terms],
                str(amount),
                str(self.total),
                passed_over=match.passed_over if kind != "base" else "",
            )
        )

    def to_json(self, row: Row) -> str:
        """The steps, the factors that mattered before them, the rounding after them."""
        first = [Step("factors", factors=self.extras)] if self.extras else []
        last = Step("rounding", name=row.rounding, total=str(self.total))
        return _steps.encode([*first, *self.steps, last]).decode()

    def _terms(self, row: Row) -> list[Term]:
        return SHAPES[row.table.shape].terms(row, self._quantity(row), self._of(row))

    def _quantity(self, row: Row) -> int:
        of = MEASURES[row.table.measure].of
        if of is not None:
            return of(self.facts)
        return _weigh(row, self.facts)[1] if row.table.weight else self.facts.weight_g

    def _of(self, row: Row) -> Exact:
        terms = self.facts.terms or ORDINARY
        match row.table.of:
            case "base":
                return self.base
            case "insured":
                return Exact(terms.insured)
            case "cod":
                return Exact(terms.cod)
            case "payment":
                return Exact(self.facts.payment)
            case "subtotal":
                return self.subtotal
        return self.total


def _shown(term: Term) -> tuple[str, str, str, str, str]:
    quantity = _quantity_shown(term)
    return term.label, quantity, term.measure, str(Exact(term.price)) if term.price else "", str(term.amount)


def _quantity_shown(term: Term) -> str:
    if term.measure == "percent":
        return decimal(term.quantity, PERCENT)
    return number(term.quantity, term.measure) if term.measure in MEASURES else str(term.quantity)
