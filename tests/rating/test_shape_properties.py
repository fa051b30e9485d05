"""Shapes against fractions and naive loops, and the whole price against a second reading of the format."""

import json
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from flows.rating.book import Book
from flows.rating.exact import Exact
from flows.rating.factors import MOST_MEASURE
from flows.rating.facts import Terms, Trial
from flows.rating.model import PriceTable, Row
from flows.rating.rounding import ROUNDINGS
from flows.rating.shapes import SHAPES
from flows.rating.shapes.shape import total_of
from flows.rating.tariffs import Tariffs
from tests.rating.material import NETWORK

NONE = Exact(0)

prices = st.integers(0, 10_000_000)
quantities = st.integers(0, 50_000)
breaks = st.lists(st.integers(1, 50_000), min_size=1, max_size=5, unique=True).map(sorted)
roundings = st.sampled_from(sorted(ROUNDINGS))


def table(**more: object) -> PriceTable:
    """A table of transit prices, in force always."""
    usual = {"fee": "transit", "file": "a.csv", "shape": "flat", "first_day": 0, "last_day": 100}
    return PriceTable(**{**usual, **more})  # type: ignore[arg-type]


def row(values: tuple[int, ...], of: PriceTable, number: int = 2, **more: object) -> Row:
    """A row for everyone."""
    usual = {
        "file": of.file,
        "number": number,
        "level": "national",
        "origin": "",
        "destination": "",
        "product": "",
    }
    return Row(**{**usual, **more}, values=values, table=of)  # type: ignore[arg-type]


def price(one: Row, quantity: int, of: Exact = NONE) -> Fraction:
    """What a row comes to, in money units."""
    total = total_of(SHAPES[one.table.shape].terms(one, quantity, of))
    return Fraction(total.value, total.scale)


def tiers(ends: list[int]) -> tuple[tuple[int, int], ...]:
    """Tiers from nothing to no end."""
    return tuple(pairwise([-1, *ends, MOST_MEASURE]))


@st.composite
def tiered(draw: st.DrawFn, shape: str) -> Row:
    """A row of tiers of weight."""
    ends = draw(breaks)
    each = [draw(prices) for _ in range(len(ends) + 1)]
    return row((-1, *each), table(shape=shape, weight="actual", tiers=tiers(ends)))


def tier_of(one: Row, gram: int) -> int:
    """The price of the tier in which a gram lies, by looking at every one."""
    (found,) = [
        each
        for (over, upto), each in zip(one.table.tiers, one.values[1:], strict=True)
        if over < gram <= upto
    ]
    return found


@given(one=tiered("graduated"), grams=st.integers(0, 400))
def test_graduated_is_a_sum_over_every_gram(one: Row, grams: int) -> None:
    """Each gram at the price of its tier, in the tiers' own scale."""
    small = msgspec.structs.replace(
        one.table,
        tiers=tiers([end // 200 + n + 1 for n, end in enumerate(over for over, _ in one.table.tiers[1:])]),
    )
    one = msgspec.structs.replace(one, table=small)
    assert price(one, grams) == sum(Fraction(tier_of(one, gram), 1_000) for gram in range(1, grams + 1))


@given(one=tiered("graduated"), a=quantities, b=quantities)
def test_graduated_is_monotone_and_continuous(one: Row, a: int, b: int) -> None:
    """More never costs less, and a gram more costs no more than the dearest tier's gram."""
    less, more = sorted((a, b))
    assert price(one, less) <= price(one, more)
    assert price(one, more + 1) - price(one, more) <= Fraction(max(one.values[1:]), 1_000)
    assert price(one, 0) == 0


@given(one=tiered("tier_whole"), grams=quantities)
def test_whole_tiers(one: Row, grams: int) -> None:
    """One price for all of it."""
    assert price(one, grams) == Fraction(tier_of(one, grams) * grams, 1_000)


@given(one=tiered("tier_flat"), grams=quantities)
def test_flat_tiers(one: Row, grams: int) -> None:
    """One price, whatever it weighs within the tier."""
    assert price(one, grams) == tier_of(one, grams)


@given(
    each=prices,
    first=st.none() | prices,
    least=st.none() | prices,
    slab=st.integers(1, 5_000),
    rounding=roundings,
    grams=quantities,
)
def test_slabs_are_counted(
    each: int, first: int | None, least: int | None, slab: int, rounding: str, grams: int
) -> None:
    """By taking slab after slab away."""
    one = row(
        (each, -1 if first is None else first, -1 if least is None else least),
        table(shape="slabs", weight="actual", slab=slab, unit_rounding=rounding),
    )
    count, left = 0, grams
    while left >= slab:
        count, left = count + 1, left - slab
    count += {"up": left > 0, "half_up": 2 * left >= slab, "down": False}[rounding]
    expected = each * count if first is None else first + each * max(count - 1, 0)
    assert price(one, grams) == max(expected, 0 if least is None else least)


def within(amount: Fraction, least: int | None, most: int | None) -> Fraction:
    """At least so much; and at most so much, unless that is less than the least."""
    least = 0 if least is None else least
    return max(Fraction(least), amount if most is None or most < least else min(amount, Fraction(most)))


@given(
    ppm=st.integers(0, 10**9), units=st.integers(0, 10**12), least=st.none() | prices, most=st.none() | prices
)
def test_percentages(ppm: int, units: int, least: int | None, most: int | None) -> None:
    """A share, raised to the minimum or else cut to the maximum, which never counts where it is below the minimum."""
    one = row(
        (ppm, -1 if least is None else least, -1 if most is None else most), table(shape="percent", of="cod")
    )
    share = Fraction(ppm * units, 10**6)
    assert price(one, 0, Exact(units)) == within(share, least, most)


@given(fixed=prices, included=quantities, each=prices, grams=quantities)
def test_allowances(fixed: int, included: int, each: int, grams: int) -> None:
    """What is beyond costs extra."""
    one = row((fixed, included, each), table(shape="allowance", weight="actual"))
    assert price(one, grams) == fixed + Fraction(each * max(grams - included, 0), 1_000)


@given(least=prices, units=st.integers(0, 10**8))
def test_shortfalls(least: int, units: int) -> None:
    """With what there is they make the minimum, or nothing is short."""
    one = row((least,), table(shape="shortfall", of="month"))
    assert price(one, 0, Exact(units)) + units == max(least, units)


@given(value=st.integers(-(10**20), 10**20), zeros=st.integers(0, 12))
def test_exact_amounts_are_written_exactly(value: int, zeros: int) -> None:
    """And read again as the same number of yuan."""
    assert Fraction(str(Exact(value, 10**zeros))) == Fraction(value, 10_000 * 10**zeros)


# The whole price


@st.composite
def wholes(draw: st.DrawFn) -> tuple[list[Row], Trial]:
    """A base, surcharges, discounts in groups, bounds; and a parcel."""
    rounding = draw(roundings)
    base = row((draw(prices), -1, -1), table(shape="per_unit", weight="actual", money_rounding=rounding))
    rows = [base]
    for n in range(draw(st.integers(0, 3))):
        of = draw(st.sampled_from(["base", "total", "insured"]))
        rows.append(
            row(
                (draw(st.integers(0, 500_000)), -1, -1),
                table(kind="surcharge", name=f"s{n}", shape="percent", of=of),
            )
        )
    for n in range(draw(st.integers(0, 4))):
        of, group = (
            draw(st.sampled_from(["total", "base", "subtotal"])),
            draw(st.sampled_from(["", "g", "h"])),
        )
        one = table(kind="discount", name=f"d{n}", shape="percent", of=of, group=group)
        rows.append(row((draw(st.integers(0, 1_200_000)), -1, -1), one))
    if draw(st.booleans()):
        rows = [base, *map(_as_listed, draw(st.permutations(rows[1:])))]
    if draw(st.booleans()):
        floor_and_cap = draw(st.just(-1) | prices), draw(st.just(-1) | prices)
        rows.append(row(floor_and_cap, table(kind="bounds", shape="bounds")))
    facts = Trial(
        origin="SHA",
        destination="XAB",
        product="standard",
        weight_g=draw(st.integers(1, 100_000)),
        terms=Terms(insured=draw(st.integers(0, 10**9))),
    )
    return rows, facts


def _as_listed(one: Row) -> Row:
    """The same in a book that takes surcharges and discounts as they stand."""
    return msgspec.structs.replace(one, table=msgspec.structs.replace(one.table, listed=True))


def in_fractions(rows: list[Row], facts: Trial) -> int:
    """The price as the format describes it, in fractions of units; the fen at the very end."""
    assert facts.terms is not None
    base = Fraction(rows[0].values[0] * facts.weight_g, 1_000)
    total = subtotal = base
    given: set[str] = set()
    offers = [one for one in rows if one.table.kind == "discount"]
    before: Fraction | None = None
    insured = Fraction(facts.terms.insured)

    def worth(one: Row, now: Fraction, added: Fraction) -> Fraction:
        of = {"base": base, "total": now, "subtotal": added, "insured": insured}
        return of[one.table.of] * one.values[0] / 10**6

    for one in rows:
        if one.table.kind == "surcharge":
            amount = worth(one, total, subtotal)
            total, subtotal = total + amount, subtotal + amount
        elif one.table.kind == "discount":
            before = then = subtotal if before is None else before
            best = one
            if one.table.group:
                if one.table.group in given:
                    continue
                given.add(one.table.group)
                rivals = [other for other in offers if other.table.group == one.table.group]
                best = max(rivals, key=lambda other: worth(other, then, then))
            total -= min(worth(best, total, subtotal), total)
    for one in rows:
        if one.table.kind == "bounds":
            total = within(total, *[None if bound < 0 else bound for bound in one.values])
    fen = total / 100
    return {"up": ceil(fen), "half_up": floor(fen + Fraction(1, 2)), "down": floor(fen)}[
        rows[0].table.money_rounding
    ] * 100


def book_of_rows(rows: list[Row], name: str = "book") -> Book:
    """A book of these rows, its tables in their order."""
    return Book(
        "v", name, None, tuple(dict.fromkeys(one.table for one in rows)), tuple(rows), {3: "节", 4: "假"}
    )


@given(wholes())
def test_a_whole_price_is_exact_until_its_one_rounding(whole: tuple[list[Row], Trial]) -> None:
    """Base, surcharges, discounts, bounds, in the book's order; and the steps that are kept add up to it."""
    rows, facts = whole
    quote = Tariffs([book_of_rows(rows)], NETWORK).rate("transit", 3, facts)
    assert quote is not None
    assert quote.amount == in_fractions(rows, facts)
    steps = json.loads(quote.steps)
    total = sum(
        (-1 if step["kind"] == "discount" else 1) * Fraction(step["amount"])
        for step in steps
        if step["kind"] not in ("factors", "rounding")
    )
    assert total == Fraction(steps[-1]["total"])
