"""Rating against slower, plainer ways to the same answer: fractions, decimals and looking at every row."""

import decimal
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from flows.rating.book import Book, PriceTable, Row
from flows.rating.clashes import clashes
from flows.rating.levels import level_of
from flows.rating.policy import WeightPolicy
from flows.rating.rounding import ROUNDINGS, to_fen
from flows.rating.tariffs import Tariffs
from flows.rating.weights import MEASURES, UNITS_G, volumetric_g
from schemas.limits import MOST_WEIGHT_G
from tests.rating.material import NETWORK, parcel

POLICY = WeightPolicy({"hub_dws": 0}, ("at_once",), (0,), 500, 10)
DECIMAL = {"up": decimal.ROUND_CEILING, "half_up": decimal.ROUND_HALF_UP, "down": decimal.ROUND_FLOOR}
KINDS = ("outlet", "city", "province", "")
OUTLETS = ("SHA", "SHC", "XAB")
"""Few places, so that many rows compete for a parcel."""
PRODUCTS = ["", *sorted(NETWORK.products)]
DAYS = 12
"""Days on which rows of these tests begin and end, from 0."""

roundings = st.sampled_from(sorted(ROUNDINGS))
weights = st.integers(1, MOST_WEIGHT_G)
volumes = st.integers(0, 10_000_000)
prices = st.integers(0, 10_000_000)


@st.composite
def tables(draw: st.DrawFn) -> PriceTable:
    """A table of first and continued prices, in force on some days."""
    first, last = sorted((draw(st.integers(0, DAYS)), draw(st.integers(0, DAYS))))
    weight = draw(st.sampled_from(MEASURES))
    return PriceTable(
        fee="transit",
        file=draw(st.sampled_from(["a.csv", "b.csv"])),
        shape="first_continued",
        first_day=first,
        last_day=last,
        weight=weight,
        divisor=0 if weight == "actual" else draw(st.sampled_from([5000, 6000, 8000, 7])),
        unit_g=draw(st.sampled_from(sorted(UNITS_G.values()))),
        unit_rounding=draw(roundings),
        money_rounding=draw(roundings),
    )


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """A row at any level, with either end or the product perhaps left blank."""
    here, there = (NETWORK.outlets[draw(st.sampled_from(OUTLETS))] for _ in range(2))
    ends = st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS))
    origin, destination = draw(ends.filter(lambda kinds: level_of(*kinds) is not None))
    table = draw(tables())
    return Row(
        file=table.file,
        number=draw(st.integers(2, 9)),
        level=level_of(origin, destination) or "",
        origin=getattr(here, origin) if origin else "",
        destination=getattr(there, destination) if destination else "",
        product=draw(st.sampled_from(PRODUCTS)),
        values=(draw(st.integers(0, 20_000)), draw(prices), draw(prices)),
        table=table,
    )


def book(rows: Iterable[Row], name: str = "book") -> Book:
    """A book of these rows."""
    rows = tuple(rows)
    return Book("version", name, POLICY, tuple(row.table for row in rows), rows)


def national(row: Row) -> Row:
    """The row for all parcels."""
    return msgspec.structs.replace(row, level="national", origin="", destination="", product="")


def everywhere(row: Row) -> Row:
    """The row for all parcels, on all days."""
    table = msgspec.structs.replace(row.table, first_day=0, last_day=DAYS)
    return msgspec.structs.replace(national(row), table=table)


@given(value=st.integers(0, 10**18), unit=st.integers(1, 10**6), name=roundings)
def test_rounding_is_that_of_fractions(value: int, unit: int, name: str) -> None:
    """Multiples of the unit, rounded as fractions are."""
    quotient = Fraction(value, unit)
    expected = {"up": ceil(quotient), "half_up": floor(quotient + Fraction(1, 2)), "down": floor(quotient)}
    assert ROUNDINGS[name](value, unit) == expected[name] * unit


@given(exact=st.integers(0, 10**17), name=roundings)
def test_money_is_rounded_as_decimals_are(exact: int, name: str) -> None:
    """Thousandths of a unit to the fen, as the decimal module rounds yuan."""
    yuan = Decimal(exact).scaleb(-7)
    with decimal.localcontext(prec=40):
        expected = yuan.quantize(Decimal("0.01"), DECIMAL[name])
    assert Decimal(to_fen(exact, name)).scaleb(-4) == expected


@given(volume=volumes, divisor=st.integers(1, 10**6))
def test_volumetric_weight_is_half_up(volume: int, divisor: int) -> None:
    """To the gram, from kilograms as a fraction."""
    assert volumetric_g(volume, divisor) == floor(Fraction(volume, divisor) * 1000 + Fraction(1, 2))


@given(row=rows().map(everywhere), weight_g=weights, volume_cm3=volumes)
def test_amount_is_exact_before_its_one_rounding(row: Row, weight_g: int, volume_cm3: int) -> None:
    """The whole charge in fractions, rounded at the very end."""
    quote = Tariffs([book([row])], NETWORK).rate(
        "transit", 3, parcel("SHA", "XAB", "standard", weight_g, volume_cm3)
    )
    assert quote is not None
    amount, volumetric, chargeable, continued, matched = astuple(quote)[:5]
    first_g, first_price, continued_price = row.values
    table = row.table
    assert matched is row
    by_volume = floor(Fraction(volume_cm3 * 1000, table.divisor) + Fraction(1, 2)) if table.divisor else 0
    assert volumetric == by_volume
    charged = {"actual": weight_g, "volumetric": by_volume or weight_g, "larger": max(weight_g, by_volume)}
    over = Fraction(max(charged[table.weight] - first_g, 0), table.unit_g)
    steps = {"up": ceil(over), "half_up": floor(over + Fraction(1, 2)), "down": floor(over)}
    assert continued == steps[table.unit_rounding] * table.unit_g
    assert chargeable == (first_g + continued if over else charged[table.weight])
    fen = Fraction(first_price, 100) + Fraction(continued, 1000) * Fraction(continued_price, 100)
    rounded = {"up": ceil(fen), "half_up": floor(fen + Fraction(1, 2)), "down": floor(fen)}
    assert amount == rounded[table.money_rounding] * 100


@given(row=rows().map(everywhere), a=st.tuples(weights, volumes), b=st.tuples(weights, volumes))
def test_more_never_costs_less(row: Row, a: tuple[int, int], b: tuple[int, int]) -> None:
    """A parcel that is at least as heavy and as large costs at least as much, if both were measured."""
    less = tuple(map(min, a, b))
    more = tuple(map(max, a, b))
    if row.table.weight == "volumetric":
        less, more = ((weight_g, volume_cm3 + row.table.divisor) for weight_g, volume_cm3 in (less, more))
    tariffs = Tariffs([book([row])], NETWORK)
    cheap, dear = (tariffs.rate("transit", 3, parcel("SHA", "XAB", "standard", *one)) for one in (less, more))
    assert cheap is not None
    assert dear is not None
    assert cheap.amount <= dear.amount
    assert cheap.chargeable_g <= dear.chargeable_g


def without_clashes(candidates: Sequence[Row]) -> list[Row]:
    """The rows that a book may have together, by looking at every pair."""
    kept: list[Row] = []
    for row in candidates:
        if not any(clash(row, other) for other in kept):
            kept.append(row)
    return kept


def clash(a: Row, b: Row) -> bool:
    """Whether two rows are for the same parcels on a day, and neither is the later one."""
    return (a.level, a.origin, a.destination, a.product, a.table.first_day) == (
        b.level,
        b.origin,
        b.destination,
        b.product,
        b.table.first_day,
    ) and (a.table.first_day <= b.table.last_day and b.table.first_day <= a.table.last_day)


def specificity(row: Row, publication: int) -> tuple[int, bool, int, int, int]:
    """What makes a row win: larger is better."""
    levels = ["national", "province", "city_province", "city", "outlet"]
    blanks = {(False, False): 3, (True, False): 2, (False, True): 1, (True, True): 0}
    return (
        levels.index(row.level),
        row.product != "",
        blanks[row.origin == "", row.destination == ""],
        row.table.first_day,
        publication,
    )


def covers(row: Row, day: int, origin: str, destination: str, product: str) -> bool:
    """Whether a row is for a parcel on a day."""
    here, there = (NETWORK.outlets[outlet] for outlet in (origin, destination))
    return (
        row.table.first_day <= day <= row.table.last_day
        and row.origin in ("", here.outlet, here.city, here.province)
        and row.destination in ("", there.outlet, there.city, there.province)
        and row.product in ("", product)
    )


@given(
    publications=st.lists(st.lists(rows(), max_size=25), min_size=1, max_size=3),
    cases=st.lists(
        st.tuples(
            st.integers(-1, DAYS + 1),
            st.sampled_from(OUTLETS),
            st.sampled_from(OUTLETS),
            st.sampled_from(sorted(NETWORK.products)),
        ),
        min_size=5,
        max_size=15,
    ),
)
def test_best_match_is_that_of_looking_at_every_row(
    publications: list[list[Row]], cases: list[tuple[int, str, str, str]]
) -> None:
    """Over several publications; and twice, since the second time the answer is remembered."""
    books = [book(without_clashes(candidates), str(n)) for n, candidates in enumerate(publications)]
    tariffs = Tariffs(books, NETWORK)
    for day, origin, destination, product in cases + cases:
        candidates = [
            (specificity(row, n), row)
            for n, one in enumerate(books)
            for row in one.rows
            if covers(row, day, origin, destination, product)
        ]
        best = max(candidates, key=lambda candidate: candidate[0])[1] if candidates else None
        quote = tariffs.rate("transit", day, parcel(origin, destination, product))
        assert (quote.row if quote else None) is best


@given(st.lists(rows().map(lambda row: national(row) if row.number % 2 else row), max_size=8))
def test_clashes_are_those_of_looking_at_every_pair(candidates: list[Row]) -> None:
    """A book has a clash exactly if two of its rows are for the same parcels on a day.

    Whoever takes out the rows that are told has none left.
    """
    any_pair = any(clash(a, b) for n, a in enumerate(candidates) for b in candidates[:n])
    found = list(clashes(candidates))
    assert bool(found) == any_pair
    assert all(clash(row, other) and row is not other for row, other in found)
    told = [id(row) for row, _ in found]
    left = [row for row in candidates if id(row) not in told]
    assert without_clashes(left) == left
