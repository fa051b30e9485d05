"""A price on its way through its passes: what rows add and take off, and the steps that tell of it."""

from collections.abc import Callable, Sequence

import msgspec

from flows.rating.cells import PERCENT
from flows.rating.classes import Context, calendar
from flows.rating.exact import NOTHING, Exact, text_of
from flows.rating.facts import ORDINARY, Facts
from flows.rating.matching import Match
from flows.rating.measures import MEASURES, decimal, number
from flows.rating.model import SHARED, PriceTable, Row
from flows.rating.rounding import ROUNDINGS
from flows.rating.shapes import SHAPES
from flows.rating.shapes.shape import Term, total_of
from flows.rating.together import More
from flows.rating.weights import CHARGEABLE, volumetric_g


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


def weigh(table: PriceTable, facts: Facts) -> tuple[int, int]:
    """Volumetric and chargeable weight, the latter rounded as the table says."""
    volumetric = volumetric_g(facts.volume_cm3, table.divisor)
    chargeable = CHARGEABLE[table.weight](facts.weight_g, volumetric)
    if table.weight_unit_g != 1:
        chargeable = ROUNDINGS[table.weight_rounding](chargeable, table.weight_unit_g)
    return volumetric, chargeable


class Work:
    """A price on its way through the passes."""

    def __init__(self, day: int, facts: Facts, shared: int, context: Context) -> None:
        self.day, self.facts, self.shared, self._context = day, facts, shared, context
        self.total = self.base = self.subtotal = NOTHING
        self._table: PriceTable | None = None
        self._weighed = 0, 0
        self.extras: dict[str, str] = {}
        self.steps: list[Step] = []

    def weighed(self, table: PriceTable) -> tuple[int, int]:
        """Volumetric and chargeable weight by a table; the last one's are remembered."""
        if table is not self._table:
            self._table, self._weighed = table, weigh(table, self.facts)
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
        return SHAPES[row.table.shape].terms(row, self._quantity(row), OF[row.table.of](self))

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


OF: dict[str, Callable[[Work], Exact]] = {
    "": lambda work: work.total,
    "total": lambda work: work.total,
    "base": lambda work: work.base,
    "subtotal": lambda work: work.subtotal,
    "insured": lambda work: Exact((work.facts.terms or ORDINARY).insured),
    "cod": lambda work: Exact((work.facts.terms or ORDINARY).cod),
    "payment": lambda work: Exact(work.facts.payment),
    "month": lambda work: Exact(work.facts.month_amount),
    SHARED: lambda work: Exact(work.shared),
}
"""What a percentage is taken of, by the name that a table's `of` uses."""


def _shown(term: Term) -> tuple[str, str, str, str, str]:
    label, quantity, measure, price, amount = term
    if measure == "percent":
        shown = decimal(quantity, PERCENT)
    else:
        shown = number(quantity, measure) if measure in MEASURES else str(quantity)
    return label, shown, measure, text_of(price) if price else "", str(amount)


def add(work: Work, more: More, base: Row, context: Context) -> None:
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


def _given(work: Work, matches: Sequence[Match], context: Context) -> list[Match | None]:
    """In the places of discounts those that are given: of one group only the largest, where its first one stands.

    They are compared as things stand before the first discount.
    """
    groups: dict[str | int, list[int]] = {}
    for n, found in enumerate(matches):
        if found.row.table.kind == "discount":
            groups.setdefault(found.row.table.group or n, []).append(n)
    given: list[Match | None] = [None] * len(matches)
    for places in groups.values():
        given[places[0]] = largest(work, [matches[n] for n in places], context)[1]
    return given


def largest(work: Work, matches: Sequence[Match], context: Context) -> tuple[int, Match]:
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
