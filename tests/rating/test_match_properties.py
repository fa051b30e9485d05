"""Matching against looking at every row, with every factor; and what is remembered."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.rating import exact, matching, measures, remembered, together
from flows.rating.book import Book
from flows.rating.clashes import clashes
from flows.rating.classes import Context
from flows.rating.conditions import Condition
from flows.rating.factors import MOST_MEASURE, Between, Named, Numbers, When, Words
from flows.rating.facts import Stay, Terms, Trial
from flows.rating.matching import PriceList, specificity
from flows.rating.model import Row, lists_of
from flows.rating.tariffs import Tariffs
from tests.rating.material import NETWORK
from tests.rating.test_shape_properties import book_of_rows, row, table

OUTLETS = ("SHA", "SHC", "XAB")
WORDS = {
    "customer": ("C1", "C2"),
    "channel": ("a", "b"),
    "direction": ("forward", "return"),
    "temperature": ("frozen", "chilled"),
    "hub": ("H1", "H2"),
    "service": ("up", "late"),
    "holiday": ("节", "假", "*"),
}
RANGES = ("weekday", "date", "weight", "volume", "density", "pieces", "longest", "insured", "month_parcels")
VALUES = ("weekday", "date", "pieces", "insured", "month_parcels")
"""Those that may be single numbers and lists of numbers, too."""
CONDITIONS = tuple(Condition(text) for text in ("weight_g > 3", "product == 'standard'", "'H1' in hubs"))
ORDER = (
    "customer", "customer_level", "line", "zone", "channel", "billing", "direction", "temperature", "area", "vehicle",
    "hub", "service", "holiday", "weekday", "date", "weight", "volume", "density", "pieces", "longest", "insured",
    "cod", "promised", "month_parcels", "condition",
)  # fmt: skip


@st.composite
def named(draw: st.DrawFn) -> tuple[Named, ...]:
    """Up to three factors, in order."""
    found: list[Named] = []
    for name in sorted(
        draw(st.sets(st.sampled_from([*WORDS, *RANGES, "condition"]), max_size=3)), key=ORDER.index
    ):
        if name == "condition":
            found.append(When(draw(st.sampled_from(CONDITIONS))))
        elif name in WORDS:
            words = draw(st.sets(st.sampled_from(WORDS[name]), min_size=1, max_size=2))
            found.append(Words(name, tuple(sorted(words))))
        elif name in VALUES and draw(st.booleans()):
            numbers = draw(st.sets(st.integers(0, 8), min_size=1, max_size=3))
            found.append(Numbers(name, tuple(sorted(numbers))))
        else:
            low, high = sorted(draw(st.lists(st.integers(-1, 8), min_size=2, max_size=2, unique=True)))
            found.append(Between(name, low, draw(st.sampled_from([high, MOST_MEASURE]))))
    return tuple(found)


@st.composite
def any_rows(draw: st.DrawFn) -> Row:
    """A row with places, product, factors, priority and days."""
    level, origin, destination = draw(
        st.sampled_from(
            [
                ("national", "", ""),
                ("outlet", "SHA", ""),
                ("outlet", "SHA|SHC", "XAB"),
                ("outlet", "SHC", "XAB"),
                ("outlet", "XAB", "XAB"),
                ("city", "", "610100"),
                ("city_province", "310100", "610000"),
                ("province", "310000", "310000|610000"),
            ]
        )
    )
    first, last = sorted((draw(st.integers(0, 8)), draw(st.integers(0, 8))))
    of = table(
        file=f"{draw(st.sampled_from('ab'))}.csv",
        first_day=first,
        last_day=last,
        priority=draw(st.integers(0, 1)),
    )
    product = draw(st.sampled_from(["", "standard", "express|standard"]))
    return row(
        (0,),
        of,
        draw(st.integers(2, 99)),
        level=level,
        origin=origin,
        destination=destination,
        product=product,
        named=draw(named()),
    )


@st.composite
def any_facts(draw: st.DrawFn) -> Trial:
    """A parcel, perhaps with rare terms, perhaps in a store."""
    small = st.integers(0, 9)
    terms = Terms(
        pieces=draw(small),
        channel=draw(st.sampled_from(["", "a", "b"])),
        direction=draw(st.sampled_from(["forward", "return"])),
        insured=draw(small),
        services=draw(st.sampled_from([(), ("up",), ("late", "up")])),
    )
    return Trial(
        origin=draw(st.sampled_from(OUTLETS)),
        destination=draw(st.sampled_from(OUTLETS)),
        product=draw(st.sampled_from(["standard", "express"])),
        customer=draw(st.sampled_from(["", "C1", "C2", "C3"])),
        weight_g=draw(small),
        volume_cm3=draw(st.sampled_from([0, 1_000, 2_000, 3_000])),
        longest_mm=draw(small),
        hubs=draw(st.sampled_from([(), ("H1",), ("H1", "H2"), ("H3",)])),
        month_parcels=draw(small),
        terms=draw(st.sampled_from([None, terms])),
        stay=draw(st.sampled_from([None, Stay(temperature="frozen")])),
    )


def covers(one: Row, day: int, facts: Trial) -> bool:
    """Whether a row is for a parcel, told from the document, factor by factor."""
    here, there = NETWORK.outlets[facts.origin], NETWORK.outlets[facts.destination]
    ends = ((one.origin, here), (one.destination, there))
    return (
        one.table.first_day <= day <= one.table.last_day
        and all(
            not codes or {site.outlet, site.city, site.province} & set(codes.split("|"))
            for codes, site in ends
        )
        and (not one.product or facts.product in one.product.split("|"))
        and all(true_of(name, day, facts) for name in one.named)
    )


def true_of(one: Named, day: int, facts: Trial) -> bool:
    """Whether a factor is as a row says."""
    terms = facts.terms or Terms()
    holiday = {3: "节", 4: "假"}.get(day, "")
    if isinstance(one, When):
        return {
            "weight_g > 3": facts.weight_g > 3,
            "product == 'standard'": facts.product == "standard",
            "'H1' in hubs": "H1" in facts.hubs,
        }[one.condition.text]
    if isinstance(one, Words):
        has = {
            "customer": [facts.customer],
            "channel": [terms.channel],
            "direction": [terms.direction],
            "temperature": [facts.stay.temperature if facts.stay else ""],
            "hub": facts.hubs,
            "service": terms.services,
            "holiday": [holiday] + (["*"] if holiday else []),
        }[one.factor]
        return bool(set(has) & set(one.words))
    number = {
        "weekday": Fraction((day + 3) % 7 + 1),
        "date": Fraction(day),
        "weight": Fraction(facts.weight_g),
        "volume": Fraction(facts.volume_cm3),
        "density": Fraction(facts.weight_g * 1_000, facts.volume_cm3) if facts.volume_cm3 else Fraction(0),
        "pieces": Fraction(terms.pieces),
        "longest": Fraction(facts.longest_mm),
        "insured": Fraction(terms.insured),
        "month_parcels": Fraction(facts.month_parcels),
    }[one.factor]
    return number in one.numbers if isinstance(one, Numbers) else one.over < number <= one.upto


def goodness(one: Row, place: int) -> tuple[object, ...]:
    """What makes a row win, told from the document."""
    exact = {}
    for name in one.named:
        if isinstance(name, Words):
            exact[name.factor] = 1 if name.words == ("*",) else 3 if len(name.words) == 1 else 2
        elif isinstance(name, Numbers):
            exact[name.factor] = 3 if len(name.numbers) == 1 else 2
        else:
            exact[name.factor] = 1

    def word(text: str) -> int:
        return (2 if "|" in text else 3) if text else 0

    levels = ("national", "province", "city_province", "city", "outlet")
    ends = {(True, True): 3, (False, True): 2, (True, False): 1, (False, False): 0}
    return (
        exact.get("customer", 0),
        exact.get("customer_level", 0),
        levels.index(one.level),
        word(one.product),
        ends[one.origin != "", one.destination != ""],
        word(one.origin) + word(one.destination),
        [exact.get(name, 0) for name in ORDER[2:]],
        one.table.priority,
        one.table.first_day,
        place,
    )


@given(
    rows=st.lists(any_rows(), max_size=14),
    parcels=st.lists(st.tuples(st.integers(0, 9), any_facts()), max_size=12),
)
def test_the_best_match_is_that_of_looking_at_every_row(
    rows: list[Row], parcels: list[tuple[int, Trial]]
) -> None:
    """With all factors; what is remembered from another parcel never changes the answer."""
    prices_ = PriceList(rows, Context(NETWORK, {}, {3: "节", 4: "假"}))
    for day, facts in parcels + parcels:
        found = [(goodness(one, n), one) for n, one in enumerate(rows) if covers(one, day, facts)]
        match = prices_.best(day, facts)
        best = max(found, key=lambda one: one[0])[1] if found else None
        assert (match.row if match else None) is best
        assert (match.passed_over.count(",") + (match.passed_over != "") if match else 0) == min(
            max(len(found) - 1, 0), matching.MOST_PASSED_OVER + 1
        )


@st.composite
def zone_maps(draw: st.DrawFn) -> list[Row]:
    """A map of zones by provinces, cities or outlets, for some days, with holes."""
    ends = st.sampled_from(
        [
            ("province", "310000", "610000"),
            ("province", "310000", "310000"),
            ("city", "310100", "610100"),
            ("outlet", "SHA", "XAB"),
            ("outlet", "SHC", "SHA"),
            ("national", "", ""),
        ]
    )
    rows = []
    for n, (level, origin, destination) in enumerate(draw(st.lists(ends, max_size=5, unique=True))):
        first = draw(st.integers(0, 6))
        of = table(fee="", kind="zones", name="zone", shape="zone", first_day=first, last_day=first + 3)
        text = draw(st.sampled_from(["Z1", "Z2", "Z3"]))
        rows.append(row((), of, n + 2, level=level, origin=origin, destination=destination, text=text))
    return rows


@given(
    rows=st.lists(st.tuples(any_rows(), st.sampled_from([(), ("Z1",), ("Z1", "Z2")])), max_size=10),
    zones=zone_maps(),
    parcels=st.lists(st.tuples(st.integers(0, 9), any_facts()), max_size=12),
)
def test_zones_are_those_of_looking_at_every_row_of_their_map(
    rows: list[tuple[Row, tuple[str, ...]]], zones: list[Row], parcels: list[tuple[int, Trial]]
) -> None:
    """Whether or not the places of the rows tell the zone, so that nothing is remembered by it."""

    def best(among: list[Row], day: int, facts: Trial) -> Row | None:
        found = [(goodness(one, n), one) for n, one in enumerate(among) if covers(one, day, facts)]
        return max(found, key=lambda one: one[0])[1] if found else None

    made = [
        msgspec.structs.replace(one, named=(Words("zone", words),)) if words else one for one, words in rows
    ]
    holidays = {3: "节", 4: "假"}
    context = Context(NETWORK, {"zone": PriceList(zones, Context(NETWORK, {}, holidays))}, holidays)
    prices_ = PriceList(made, context)
    for day, facts in parcels + parcels:
        zone = best(zones, day, facts)
        found = []
        for n, (one, (before, words)) in enumerate(zip(made, rows, strict=True)):
            if not words or (zone is not None and zone.text in words):
                bare = msgspec.structs.replace(one, named=()) if words else before
                if covers(bare, day, facts):
                    found.append((goodness(one, n), one))
        match = prices_.best(day, facts)
        expected = max(found, key=lambda one: one[0])[1] if found else None
        assert (match.row if match else None) is expected


@given(
    rows=st.lists(any_rows(), max_size=10),
    parcels=st.lists(st.tuples(st.integers(0, 9), any_facts()), max_size=25),
)
def test_rows_that_do_not_clash_are_never_equal(rows: list[Row], parcels: list[tuple[int, Trial]]) -> None:
    """Of a book that is not refused no two rows are equally good for a parcel with one hub and service at most."""
    told = {id(one) for one, _ in clashes(rows)}
    left = [one for one in rows if id(one) not in told]
    for day, facts in parcels:
        if len(facts.hubs) > 1 or len((facts.terms or Terms()).services) > 1:
            continue
        found = [goodness(one, 0) for one in left if covers(one, day, facts)]
        assert all(a != b for n, a in enumerate(found) for b in found[:n])


@given(
    rows=st.lists(any_rows(), max_size=14),
    other=st.lists(any_rows(), max_size=8),
    parcels=st.lists(any_facts(), max_size=8),
)
def test_surcharges_found_together_are_those_found_one_by_one(
    rows: list[Row], other: list[Row], parcels: list[Trial]
) -> None:
    """The one look that tells that there are none never hides any."""

    def named_(found: list[Row], name: str) -> list[Row]:
        return [
            msgspec.structs.replace(
                one, table=msgspec.structs.replace(one.table, kind="surcharge", name=name)
            )
            for one in found
        ]

    context = Context(NETWORK, {}, {3: "节", 4: "假"})
    lists = [named_(rows, "x"), named_(other, "y")]
    book = Book(
        "v", "book", None, tuple(one.table for found in lists for one in found), (*lists[0], *lists[1])
    )
    all_ = together.Together("transit", lists_of([book]), context)
    for facts in parcels + parcels:
        for day in range(9):
            expected = {
                match.row
                for found in lists
                if (match := PriceList(found, context).best(day, facts)) is not None
            }
            assert {one.row for rivals in all_.find(day, facts).adjustments for one in rivals} == expected


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgetting changes no answer."""
    one = row((5,), table(), named=(Between("weight", 3, MOST_MEASURE),))
    more = row((7,), table(kind="surcharge", name="s"), named=(Words("zone", ("z",)),))
    zones = row((), table(fee="", kind="zones", name="zone", shape="zone"), text="z")
    tariffs = Tariffs([book_of_rows([one, more, zones])], NETWORK)
    monkeypatch.setattr(remembered, "MOST", 2)
    for day in [*range(9), *range(9)]:
        quote = tariffs.rate("transit", day, Trial(origin="SHA", destination="XAB", weight_g=4))
        assert quote is not None
        assert quote.steps.count("surcharge") == 1
    assert max(len(tariffs.fees["transit"].base._best), len(tariffs.fees["transit"].more._found)) <= 2  # type: ignore[union-attr]


def test_texts_that_are_remembered_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "MOST_TEXTS", 3)
    monkeypatch.setattr(exact, "_known", {})
    monkeypatch.setattr(measures, "MOST_TEXTS", 3)
    monkeypatch.setattr(measures, "_known", {})
    for n in [*range(9), *range(9)]:
        assert exact.text_of(n * 10_000) == f"{n}.00"
        assert measures.decimal(n * 1_000, 1_000) == str(n)
        assert len(exact._known) <= 3
        assert len(measures._known) <= 3


def test_specificity_is_told_once_for_rows_of_a_kind() -> None:
    """A million rows of one kind share it."""
    a, b = (
        row((1,), table(), level="city", origin=code, destination="610100") for code in ("310100", "330100")
    )
    assert specificity(a) is specificity(b)
