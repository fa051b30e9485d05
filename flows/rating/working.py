"""A price on its way through its passes: what rows add and take off, and the steps that tell of it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from flows.rating.classes import Context, Telling, calendar
from flows.rating.exact import NOTHING, Exact, text_of
from flows.rating.facts import ORDINARY, Facts
from flows.rating.matching import Match
from flows.rating.measures import MEASURES, number
from flows.rating.model import SHARED, PriceTable, Row
from flows.rating.remembered import remember
from flows.rating.rounding import ROUNDINGS
from flows.rating.shapes import SHAPES
from flows.rating.shapes.shape import Term, total_of
from flows.rating.steps import Step, begun, factors, field, told
from flows.rating.weights import CHARGEABLE, volumetric_g


def weigh(table: PriceTable, facts: Facts) -> tuple[int, int]:
    """Volumetric and chargeable weight, the latter rounded as the table says."""
    volumetric = volumetric_g(facts.volume_cm3, table.divisor)
    chargeable = CHARGEABLE[table.weight](facts.weight_g, volumetric)
    if table.weight_unit_g != 1:
        chargeable = ROUNDINGS[table.weight_rounding](chargeable, table.weight_unit_g)
    return volumetric, chargeable


class Pass:
    """A row that won on a day for a class of parcels: all that is the same for each of them, worked out once."""

    __slots__ = (
        "always",
        "book",
        "days",
        "discount",
        "each",
        "elsewhere",
        "head",
        "lost",
        "match",
        "row",
        "terms",
    )

    def __init__(self, match: Match, day: int, context: Context) -> None:
        self.match, self.row = match, (row := match.row)
        table = row.table
        self.book = context.books.get(id(table), "")
        self.discount = table.kind == "discount"
        self.head, self.elsewhere = (
            begun(Step(table.kind, table.name, where, table.shape, table.of)) + ',"terms":['
            for where in (row.where, f"{row.where}@{self.book}")
        )
        """How its step begins: beside a base price of the same book, and of another one."""
        self.days = field("factors", calendar(row, day, context))
        self.lost = field("passed_over", match.passed_over)
        """How it ends: the day where it counts, the rows that it was taken before."""
        self.each = MEASURES[table.each] if table.each else None
        self.terms = _terms_of(row)
        """The terms of a price on its way."""
        shape = SHAPES[table.shape]
        self.always = told_of(shape.terms(row, 0, NOTHING)) if shape.constant else None
        """What they come to, and how they are told, where they are the same for every parcel."""


def told_of(terms: list[Term]) -> tuple[Exact, str, str]:
    """What terms come to, as a text, too, and how a step tells of them."""
    if len(terms) == 1:
        amount = terms[0].amount
        text = text_of(amount.value, amount.scale)
        return amount, text, told(terms[0], text)
    amount = total_of(terms)
    said = [told(term, text_of(term.amount.value, term.amount.scale)) for term in terms]
    return amount, text_of(amount.value, amount.scale), ",".join(said)


class Passes:
    """The passes that are asked for again and again, each made once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._made: dict[tuple[int, int, str], Pass] = {}

    def of(self, match: Match, day: int) -> Pass:
        """The pass of a row that won on a day."""
        key = id(match.row), day, match.passed_over
        try:
            return self._made[key]
        except KeyError:
            return remember(self._made, key, Pass(match, day, self._context))


class More(NamedTuple):
    """What comes on top of a base price and off it for a class of parcels on a day, and what it depends on."""

    adjustments: tuple[tuple[Pass, ...], ...] = ()
    """Surcharges and discounts in the order in which they are taken; of several discounts the largest alone."""
    contested: bool = False
    """Whether any place has several."""
    bounds: tuple[Pass, ...] = ()
    """At most one."""
    telling: Telling | None = None
    """What the lists depend on that these are from."""


NO_MORE = More()


class Work:
    """A price on its way through the passes."""

    __slots__ = (
        "_table",
        "_text",
        "_weighed",
        "base",
        "day",
        "facts",
        "shared",
        "steps",
        "subtotal",
        "total",
    )

    def __init__(self, day: int, facts: Facts, shared: int) -> None:
        self.day, self.facts, self.shared = day, facts, shared
        self.total = self.base = self.subtotal = NOTHING
        self._text = text_of(0)
        """The total's."""
        self._table: PriceTable | None = None
        self._weighed = 0, 0
        self.steps: list[str] = []

    def weighed(self, table: PriceTable) -> tuple[int, int]:
        """Volumetric and chargeable weight by a table; the last one's are remembered."""
        if table is not self._table:
            self._table, self._weighed = table, weigh(table, self.facts)
        return self._weighed

    def value_of(self, one: Pass) -> Exact:
        """What a row comes to for this parcel, as things stand."""
        amount = total_of(one.terms(self))
        each = one.each
        return amount if each is None or each.of is None else amount.times(each.of(self.facts), each.per)

    def take(self, one: Pass, head: str, lost: str) -> None:
        """Apply a row, whose step begins and ends like that: add it, or take a discount off, though never below 0."""
        known = one.always
        if known is None:
            terms = one.terms(self)
            if not terms:
                return
            known = told_of(terms)
        amount, text, said = known
        times, total = "", self.total
        if (each := one.each) is not None:
            table = one.row.table
            if each.of is not None:
                many = each.of(self.facts)
                amount, times = amount.times(many, each.per), field("times", number(many, table.each))
            times += field("each", table.each)
            text = text_of(amount.value, amount.scale)
        if one.discount:
            if amount.over(total):
                amount, text = total, self._text
            self.total = total.minus(amount)
        elif self.subtotal is total:
            self.total = self.subtotal = total.plus(amount)
        else:
            self.total = total.plus(amount)
            self.subtotal = self.subtotal.plus(amount)
        self._text = text_of(self.total.value, self.total.scale)
        self.steps.append(f'{head}{said}]{times},"amount":"{text}","total":"{self._text}"{one.days}{lost}}},')

    def to_json(self, extras: dict[str, str], row: Row) -> str:
        """The factors that mattered, if any did, the steps, the rounding after them."""
        last = f'{{"kind":"rounding","name":"{row.rounding}","total":"{self._text}"}}'
        return f"[{factors(extras)}{''.join(self.steps)}{last}]"


def _terms_of(row: Row) -> Callable[[Work], list[Term]]:
    """How the terms of a row's price are found."""
    table = row.table
    shape, of = SHAPES[table.shape], OF[table.of]
    terms, counted = shape.terms, MEASURES[table.measure].of
    if not shape.measured:
        return lambda work: terms(row, 0, of(work))
    if counted is not None:
        return lambda work: terms(row, counted(work.facts), of(work))
    if table.weight:
        return lambda work: terms(row, work.weighed(table)[1], of(work))
    return lambda work: terms(row, work.facts.weight_g, of(work))


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


def add(work: Work, more: More, base: Pass, context: Context) -> None:
    """What comes on top of the price by the row `base` and off it."""
    book = base.book
    work.base = work.subtotal = work.total
    given: list[tuple[Pass, str]] | None = None
    for n, rivals in enumerate(more.adjustments):
        one = rivals[0]
        lost = one.lost
        if more.contested and one.discount:
            if given is None:  # as things stand before the first discount
                given = [_given(work, each, context) for each in more.adjustments]
            one, lost = given[n]
        work.take(one, one.head if one.book == book else one.elsewhere, lost)
    for one in more.bounds:
        work.take(one, one.head if one.book == book else one.elsewhere, one.lost)


def _given(work: Work, rivals: Sequence[Pass], context: Context) -> tuple[Pass, str]:
    """Of several discounts the one that is given, and how its step ends."""
    if len(rivals) == 1:
        return rivals[0], rivals[0].lost
    most, passed_over = largest(work, rivals, context)
    return rivals[most], field("passed_over", passed_over)


def largest(work: Work, rivals: Sequence[Pass], context: Context) -> tuple[int, str]:
    """Where the one stands that comes to most, as things are, of equals the first; and what was passed over for it: the
    others with their amounts, and the rows that it had been taken before."""
    if len(rivals) == 1:
        return 0, rivals[0].match.passed_over
    amounts = [work.value_of(one) for one in rivals]
    most = _most(amounts)
    best = rivals[most]
    less = [
        f"{context.place(one.row, best.row)} lower_amount {amount}"
        for n, (one, amount) in enumerate(zip(rivals, amounts, strict=True))
        if n != most
    ]
    return most, ", ".join([text for text in (*less, best.match.passed_over) if text])


def _most(amounts: Sequence[Exact]) -> int:
    """Where the largest stands; of equals the first."""
    most = 0
    for n, amount in enumerate(amounts):
        if amount.over(amounts[most]):
            most = n
    return most
