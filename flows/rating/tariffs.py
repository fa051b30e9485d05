"""Rating: from the facts of a fee to its price, by the books in force.

The passes, in order: best match → chargeable weight → the shape's price → surcharges and discounts → floor and
cap → one rounding to the fen. All arithmetic is on whole numbers; nothing is lost before the rounding.

A parcel whose base price is all there is, flat or first and continued weight, takes a short way: its charge explains
itself by its columns. Otherwise a quote carries its steps.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from flows.governance.network import Network
from flows.rating.cells import PERCENT
from flows.rating.classes import Context, calendar
from flows.rating.dependence import dependence, looked_at
from flows.rating.exact import NOTHING, Exact, text_of
from flows.rating.facts import ORDINARY, Facts
from flows.rating.matching import Match, PriceList
from flows.rating.measures import MEASURES, decimal, number
from flows.rating.model import SHARED, Book, Lists, PriceTable, Row, as_listed, competing, lists_of, named_for
from flows.rating.policy import NOTHING_ADOPTED, WeightPolicy
from flows.rating.remembered import remember
from flows.rating.rounding import PER_UNIT, ROUNDINGS, to_fen
from flows.rating.services import services_in
from flows.rating.shapes import SHAPES
from flows.rating.shapes.first_continued import continued
from flows.rating.shapes.shape import Term, total_of
from flows.rating.together import NO_MORE, More, Together
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
    """file:row[:column], of another book than the base price's with that book's version behind it: …@version"""
    shape: str = ""
    of: str = ""
    """What a percentage was taken of."""
    terms: list[tuple[str, str, str, str, str]] = []
    """Label, quantity in its unit, measure, price per unit, amount."""
    times: str = ""
    """How often the terms count, in the unit of `each`; empty: once."""
    each: str = ""
    amount: str = ""
    total: str = ""
    """The fee so far."""
    factors: dict[str, str] = {}
    """Of a row that is for some days: the day, its weekday and its holiday, as far as the row names them."""
    passed_over: str = ""


_steps = msgspec.json.Encoder()


def in_force(books: Sequence[Book]) -> list[Book]:
    """The books that count: of each name the one that was published last, in order of publication."""
    newest = {book.name: n for n, book in enumerate(books)}
    return [book for n, book in enumerate(books) if newest[book.name] == n]


def policy_of(books: Sequence[Book]) -> WeightPolicy:
    """The weight policy of the newest book in force that has one; `books` in order of publication."""
    policies = (book.policy for book in reversed(in_force(books)) if book.policy is not None)
    return next(policies, NOTHING_ADOPTED)


class Tariffs:
    """The prices in force: books in order of publication, the last one the newest."""

    def __init__(self, books: Sequence[Book], network: Network) -> None:
        self.books = tuple(in_force(books))
        self.policy = policy_of(self.books)
        holidays = {day: name for book in self.books for day, name in book.holidays.items()}
        versions = {id(table): book.version for book in self.books for table in book.tables}
        bare = Context(network, {}, holidays, versions)
        names = {table.name for book in self.books for table in book.tables if table.kind == "zones"}
        lists = lists_of(self.books)
        zones = {name: PriceList(lists["", "zones", name], bare) for name in sorted(names)}
        self.context = Context(network, zones, holidays, versions)
        fees = {table.fee for book in self.books for table in book.tables if table.kind != "zones"}
        self.fees = {fee: FeePrices(fee, self.books, lists, self.context) for fee in sorted(fees)}
        self.services = frozenset(services_in(named_for(lists, ""))).union(
            *(prices.services for prices in self.fees.values())
        )
        """Further services that a price, or a map of zones, knows."""

    def rate(self, fee: str, day: int, facts: Facts, shared: int = 0) -> Quote | None:
        """What a fee costs on a business day (days since 1970-01-01), or None if no row covers it.

        `facts.weight_g` is the adopted weight; `facts.volume_cm3` is 0 where the parcel was not measured. `shared`: of
        a fee that is a share of another one what that comes to, money units.
        """
        prices = self.fees.get(fee)
        if prices is None:
            return None
        if prices.alternatives:
            return prices.largest(day, facts, shared)
        match = prices.base.best(day, facts)
        if match is None:
            return None
        more = prices.more.find(day, facts) if prices.more is not None else NO_MORE
        row = match.row
        table = row.table
        if (
            more.adjustments
            or row.named
            or table.shape not in SHORT
            or table.weight_unit_g != 1
            or table.each
        ):
            return prices.in_full(day, facts, prices.base, match, more, shared)
        volumetric = priced_g = continued_g = 0
        if not table.weight:
            exact = row.values[0] * PER_UNIT
        else:
            volumetric, priced_g, continued_g = _priced(row, _weigh(table, facts))
            exact = row.values[1] * PER_UNIT + row.values[2] * continued_g
        if more.bounds and not _within(exact, more.bounds[0][1].row):
            return prices.in_full(day, facts, prices.base, match, more, shared)
        return Quote(
            to_fen(exact, table.money_rounding),
            volumetric,
            priced_g,
            continued_g,
            row,
            match.passed_over,
            "",
        )

    def in_full(self, fee: str, day: int, facts: Facts) -> Quote | None:
        """The same, always with its steps."""
        prices = self.fees.get(fee)
        if prices is None:
            return None
        if prices.alternatives:
            return prices.largest(day, facts)
        match = prices.base.best(day, facts)
        if match is None:
            return None
        more = prices.more.find(day, facts) if prices.more is not None else NO_MORE
        return prices.in_full(day, facts, prices.base, match, more)

    def weighs(self, fee: str) -> bool:
        """Whether any price of a fee depends on the weight."""
        prices = self.fees.get(fee)
        return prices is not None and prices.weighs

    def needs_weight(self, fee: str, row: Row) -> bool:
        """Whether a price that was found by this row depends on the weight."""
        prices = self.fees[fee]
        return _weighs(row.table) or (prices.weighs and not prices.bare)

    @property
    def by_hub(self) -> bool:
        """Whether any price depends on the hubs that a parcel has passed."""
        return any("hubs" in prices.depends for prices in self.fees.values())

    @property
    def by_month(self) -> frozenset[str]:
        """Fees of which a price depends on the customer's parcels in the month so far."""
        return frozenset(fee for fee, prices in self.fees.items() if "month_parcels" in prices.depends)


SHORT = ("flat", "first_continued")


def _of_products(lists: Lists, fee: str) -> bool:
    """Whether any row of a fee is for a product."""
    return any(row.product for (of, *_), rows in lists.items() if of == fee for row in rows)


MEASURED = {"weight", "volume", "density", "longest", "weight_g", "volume_cm3", "longest_mm"}
"""Factors, and facts that conditions name, that come with a parcel's weight."""


def _weighs(table: PriceTable) -> bool:
    """Whether a price depends on what comes with the weight, which is known late."""
    return table.weight != "" or table.each == "volume" or table.measure in ("volume", "m3_days", "kg_days")


def _within(exact: int, bounds: Row) -> bool:
    """Whether an exact amount (thousandths of a unit) is not touched by a floor and cap."""
    floor, cap = bounds.values
    return floor * PER_UNIT <= exact and (cap < 0 or exact <= cap * PER_UNIT)


def _weigh(table: PriceTable, facts: Facts) -> tuple[int, int]:
    """Volumetric and chargeable weight, the latter rounded as the table says."""
    volumetric = volumetric_g(facts.volume_cm3, table.divisor)
    chargeable = CHARGEABLE[table.weight](facts.weight_g, volumetric)
    if table.weight_unit_g != 1:
        chargeable = ROUNDINGS[table.weight_rounding](chargeable, table.weight_unit_g)
    return volumetric, chargeable


def _priced(row: Row, weighed: tuple[int, int]) -> tuple[int, int, int]:
    """Volumetric weight, the weight that is priced, and how much of it lies beyond the first weight."""
    if not row.table.weight:
        return 0, 0, 0
    volumetric, chargeable = weighed
    if row.table.shape != "first_continued" or chargeable <= row.values[0]:
        return volumetric, chargeable, 0
    continued_g = continued(row, chargeable)
    return volumetric, row.values[0] + continued_g, continued_g


class FeePrices:
    """All that makes a fee's price: base prices, surcharges, discounts, floor and cap."""

    def __init__(self, fee: str, books: Sequence[Book], lists: Lists, context: Context) -> None:
        self._context = context
        bases = [PriceList(rows, context) for rows in competing(lists, fee, "base")]
        self.base = bases[0] if bases else PriceList((), context)
        self.alternatives = bases if len(bases) > 1 else []
        """Base prices of several names: the largest is taken."""
        tables = [table for book in books for table in book.tables if table.fee == fee]
        together = Together(fee, lists, context, listed=as_listed(tables))
        self.more = together if together else None
        named = named_for(lists, fee)
        factors = {one.factor for one in named}
        self.bare = not factors and self.more is None
        """Whether the base price, by places and product, is all there can be."""
        self.services = frozenset(services_in(named))
        self.depends = dependence(tables, named)
        """Facts that the price may depend on, those of `flows.rating.dependence.FIELDS`."""
        self.looks_at = looked_at(tables, named) | ({"product"} if _of_products(lists, fee) else set())
        self.weighs = any(map(_weighs, tables)) or not self.looks_at.isdisjoint(MEASURED)
        self._shares = any(table.of == SHARED for table in tables)
        self._shared: dict[tuple[int, str, int], Quote] = {}

    def largest(self, day: int, facts: Facts, shared: int = 0) -> Quote | None:
        """The price by the base that comes to most; of equals the first in the book's order."""
        work = _Work(day, facts, shared, self._context)
        found = [
            (prices, match) for prices in self.alternatives if (match := prices.best(day, facts)) is not None
        ]
        if not found:
            return None
        most, match = _largest(work, [match for _, match in found], self._context)
        prices, _ = found[most]
        more = self.more.find(day, facts) if self.more is not None else NO_MORE
        return self.in_full(day, facts, prices, match, more, shared)

    def in_full(
        self, day: int, facts: Facts, prices: PriceList, match: Match, more: More, shared: int = 0
    ) -> Quote:
        """The price by all passes, with its steps."""
        if not self.bare or match.row.table.of != SHARED:
            return self._worked_out(day, facts, prices, match, more, shared)
        key = id(match.row), match.passed_over, shared
        try:  # every parcel may have a share by places and product alone, and the same amounts come again
            return self._shared[key]
        except KeyError:
            return remember(self._shared, key, self._worked_out(day, facts, prices, match, more, shared))

    def _worked_out(
        self, day: int, facts: Facts, prices: PriceList, match: Match, more: More, shared: int
    ) -> Quote:
        work = _Work(day, facts, shared, self._context)
        row = match.row
        volumetric, priced_g, continued_g = _priced(row, work.weighed(row.table))
        work.extras = prices.classes.told(day, facts)
        if facts.month_count and "month_parcels" in self.depends:
            work.extras["month_count"] = facts.month_count
        if self._shares:
            work.extras[SHARED] = text_of(shared)
        work.take("base", match, row.where)
        if more is not NO_MORE:
            _add(work, more, row, self._context)
        return Quote(
            work.total.to_fen(row.table.money_rounding),
            volumetric,
            priced_g,
            continued_g,
            row,
            match.passed_over,
            work.to_json(row),
        )


def _add(work: "_Work", more: More, base: Row, context: Context) -> None:
    """What comes on top of the price by the row `base` and off it."""

    def take(found: Match) -> None:
        work.take(found.row.table.kind, found, context.place(found.row, base))

    for matches in more:
        for prices, _ in matches:
            work.extras.update(prices.classes.told(work.day, work.facts))
    work.base = work.subtotal = work.total
    given: list[Match | None] | None = None
    for n, (_, found) in enumerate(more.adjustments):
        if found.row.table.kind == "surcharge":
            take(found)
            continue
        if given is None:
            given = _given(work, [one for _, one in more.adjustments], context)
        if (largest := given[n]) is not None:
            take(largest)
    for _, found in more.bounds:
        take(found)


def _given(work: "_Work", matches: Sequence[Match], context: Context) -> list[Match | None]:
    """In the places of discounts those that are given: of one group only the largest, where its first one stands.

    They are compared as things stand before the first discount.
    """
    groups: dict[str | int, list[int]] = {}
    for n, found in enumerate(matches):
        if found.row.table.kind == "discount":
            groups.setdefault(found.row.table.group or n, []).append(n)
    given: list[Match | None] = [None] * len(matches)
    for places in groups.values():
        given[places[0]] = _largest(work, [matches[n] for n in places], context)[1]
    return given


def _largest(work: "_Work", matches: Sequence[Match], context: Context) -> tuple[int, Match]:
    """The match that comes to most, as things stand, of equals the first; where it stands. It tells of the others."""
    if len(matches) == 1:
        return 0, matches[0]
    amounts = [work.value_of(match) for match in matches]
    most = _most(amounts)
    best = matches[most]
    less = [
        f"{context.place(one.row, best.row)} lower_amount {amount}"
        for n, (one, amount) in enumerate(zip(matches, amounts, strict=True))
        if n != most
    ]
    return most, Match(best.row, ", ".join([text for text in (*less, best.passed_over) if text]))


def _most(amounts: Sequence[Exact]) -> int:
    """Where the largest stands; of equals the first."""
    most = 0
    for n, amount in enumerate(amounts):
        if amount.over(amounts[most]):
            most = n
    return most


class _Work:
    """A price on its way through the passes."""

    def __init__(self, day: int, facts: Facts, shared: int, context: Context) -> None:
        self.day, self.facts, self._shared, self._context = day, facts, shared, context
        self.total = self.base = self.subtotal = NOTHING
        self._table: PriceTable | None = None
        self._weighed = 0, 0
        self.extras: dict[str, str] = {}
        self.steps: list[Step] = []

    def weighed(self, table: PriceTable) -> tuple[int, int]:
        """Volumetric and chargeable weight by a table; the last one's are remembered."""
        if table is not self._table:
            self._table, self._weighed = table, _weigh(table, self.facts)
        return self._weighed

    def value_of(self, match: Match) -> Exact:
        """What a row comes to for this parcel, as things stand."""
        return self._times(match.row, total_of(self._terms(match.row)))

    def take(self, kind: str, match: Match, where: str) -> None:
        """Apply a row, which stands there: add it, or for a discount take it off, though never below nothing."""
        row = match.row
        terms = self._terms(row)
        if not terms:
            return
        amount = total_of(terms)
        each = ""
        if row.table.each:
            amount, each = self._times(row, amount), self._each_shown(row)
        if kind == "discount":
            amount = self.total if amount.over(self.total) else amount
            self.total = self.total.minus(amount)
        else:
            self.total = self.total.plus(amount)
            self.subtotal = self.subtotal.plus(amount)
        self.steps.append(
            Step(
                kind,
                row.table.name,
                where,
                row.table.shape,
                row.table.of,
                [_shown(term) for term in terms],
                each,
                row.table.each,
                str(amount),
                str(self.total),
                factors=calendar(row, self.day, self._context) if row.named else {},
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

    def _times(self, row: Row, amount: Exact) -> Exact:
        """The amount for all, of the amount for each."""
        of = MEASURES[row.table.each].of if row.table.each else None
        return amount if of is None else amount.times(of(self.facts), MEASURES[row.table.each].per)

    def _each_shown(self, row: Row) -> str:
        of = MEASURES[row.table.each].of if row.table.each else None
        return "" if of is None else number(of(self.facts), row.table.each)

    def _quantity(self, row: Row) -> int:
        of = MEASURES[row.table.measure].of
        if of is not None:
            return of(self.facts)
        return self.weighed(row.table)[1] if row.table.weight else self.facts.weight_g

    def _of(self, row: Row) -> Exact:
        """What a percentage is taken of."""
        if row.table.of in ("", "total"):
            return self.total
        facts, terms = self.facts, self.facts.terms or ORDINARY
        return {
            "base": self.base,
            "subtotal": self.subtotal,
            "insured": Exact(terms.insured),
            "cod": Exact(terms.cod),
            "payment": Exact(facts.payment),
            "month": Exact(facts.month_amount),
            SHARED: Exact(self._shared),
        }[row.table.of]


def _shown(term: Term) -> tuple[str, str, str, str, str]:
    label, quantity, measure, price, amount = term
    if measure == "percent":
        shown = decimal(quantity, PERCENT)
    else:
        shown = number(quantity, measure) if measure in MEASURES else str(quantity)
    return label, shown, measure, text_of(price) if price else "", str(amount)
