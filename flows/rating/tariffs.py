"""Rating: from the facts of a fee to its price, by the books in force.

The passes, in order: best match → chargeable weight → the shape's price → surcharges and discounts → floor and
cap → one rounding to the fen. All arithmetic is on whole numbers; nothing is lost before the rounding.

A parcel whose base price is all there is, flat or first and continued weight, takes a short way: its charge explains
itself by its columns. Otherwise a quote carries its steps.
"""

from collections.abc import Sequence

import msgspec

from flows.governance.network import Network
from flows.rating.classes import Context
from flows.rating.dependence import dependence, looked_at
from flows.rating.exact import Exact, text_of
from flows.rating.facts import Facts
from flows.rating.matching import Match, PriceList
from flows.rating.model import SHARED, Book, Lists, PriceTable, Row, as_listed, competing, lists_of, named_for
from flows.rating.policy import NOTHING_ADOPTED, WeightPolicy
from flows.rating.remembered import remember
from flows.rating.rounding import PER_UNIT, to_fen
from flows.rating.services import services_in
from flows.rating.shapes.first_continued import continued
from flows.rating.shapes.shape import bound
from flows.rating.together import Together
from flows.rating.working import NO_MORE, More, Pass, Passes, Work, add, largest, weigh


class Quote(msgspec.Struct, frozen=True, gc=False):
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
    """JSON (see `flows.rating.working.Step`); empty where the row and the weights say everything."""


class Amount(msgspec.Struct, frozen=True, gc=False):
    """An amount that no tariff made, in the place of a quote."""

    amount: int
    volumetric_g: int = 0
    chargeable_g: int = 0
    continued_g: int = 0
    row: None = None
    passed_over: str = ""
    steps: str = ""


Quoted = Quote | Amount


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
        self._weighing = frozenset(
            id(table)
            for book in self.books
            for table in book.tables
            if table.kind == "base" and (_weighs(table) or self.fees[table.fee].all_weigh)
        )
        """Base prices' tables, by identity, whose prices depend on the weight."""

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
            return prices.in_full(day, facts, match, more, shared)
        volumetric = priced_g = continued_g = 0
        if not table.weight:
            exact = row.values[0] * PER_UNIT
        else:
            volumetric, priced_g, continued_g = _priced(row, weigh(table, facts))
            exact = row.values[1] * PER_UNIT + row.values[2] * continued_g
        if more.bounds and bound(Exact(exact, PER_UNIT), *more.bounds[0].row.values):
            return prices.in_full(day, facts, match, more, shared)
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
        return prices.in_full(day, facts, match, more)

    def weighs(self, fee: str) -> bool:
        """Whether any price of a fee depends on the weight."""
        prices = self.fees.get(fee)
        return prices is not None and prices.weighs

    def needs_weight(self, row: Row) -> bool:
        """Whether a price that was found by this row depends on the weight."""
        return id(row.table) in self._weighing

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
        self.bare = not factors and self.more is None and not self.alternatives
        """Whether the one base price, by places and product, is all there can be."""
        self.services = frozenset(services_in(named))
        self.depends = dependence(tables, named)
        """Facts that the price may depend on, those of `flows.rating.dependence.FIELDS`."""
        self._alike = self.bare and "month_parcels" not in self.depends
        """Whether shares of the same by the same row are explained alike: a customer's count would be told, too."""
        self.looks_at = looked_at(tables, named) | ({"product"} if _of_products(lists, fee) else set())
        self.weighs = any(map(_weighs, tables)) or not self.looks_at.isdisjoint(MEASURED)
        self.all_weigh = self.weighs and not self.bare
        """Whether every price may, whatever its base is: rows are chosen by what comes with the weight, or it adds, or
        it tells which of several bases comes to most."""
        self._shares = any(table.of == SHARED for table in tables)
        self._shared: dict[tuple[int, str, int], Quote] = {}
        self._passes = Passes(context)

    def largest(self, day: int, facts: Facts, shared: int = 0) -> Quote | None:
        """The price by the base that comes to most; of equals the first in the book's order."""
        work = Work(day, facts, shared)
        found = [
            (prices, self._passes.of(match, day))
            for prices in self.alternatives
            if (match := prices.best(day, facts)) is not None
        ]
        if not found:
            return None
        most, passed_over = largest(work, [one for _, one in found], self._context)
        prices, base = found[most]
        more = self.more.find(day, facts) if self.more is not None else NO_MORE
        return self._worked_out(day, facts, prices, base, passed_over, more, shared)

    def in_full(self, day: int, facts: Facts, match: Match, more: More, shared: int = 0) -> Quote:
        """The price by all passes, with its steps, by the only base there is."""
        key = None
        if self._alike and match.row.table.of == SHARED:
            # every parcel may have a share by places and product alone, and the same amounts come again
            key = id(match.row), match.passed_over, shared
            if (known := self._shared.get(key)) is not None:
                return known
        base = self._passes.of(match, day)
        quote = self._worked_out(day, facts, self.base, base, match.passed_over, more, shared)
        return quote if key is None else remember(self._shared, key, quote)

    def _worked_out(
        self, day: int, facts: Facts, prices: PriceList, base: Pass, passed_over: str, more: More, shared: int
    ) -> Quote:
        work = Work(day, facts, shared)
        row = base.row
        volumetric, priced_g, continued_g = _priced(row, work.weighed(row.table))
        extras = prices.telling.of(day, facts)
        if facts.month_count and "month_parcels" in self.depends:
            extras |= {"month_parcels": str(facts.month_parcels), "month_count": facts.month_count}
        if self._shares:
            extras[SHARED] = text_of(shared)
        work.take(base, base.head, "")
        if more.telling is not None:
            extras |= more.telling.of(day, facts)
            add(work, more, base, self._context)
        return Quote(
            work.total.to_fen(row.table.money_rounding),
            volumetric,
            priced_g,
            continued_g,
            row,
            passed_over,
            work.to_json(extras, row),
        )
