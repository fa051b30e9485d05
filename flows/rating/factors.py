"""The factors that a row of prices may name, how their cells are written, and which of them count for more.

A cell is blank (any), a word, a list of words (`STD|EXP`), or a range. Ranges of measures leave out their lower
end and include their upper one, as tiers are written in the trade: `1..3` is more than 1 up to 3, `3..` more than
3, `..1` up to 1. Ranges of counts, weekdays and dates include both ends. Of these, and of amounts, a cell may be a
value or a list of values, too (`6|7`); of what is measured it may not, since nothing weighs just 3 kg.

`flows.rating.matching.specificity` decides which of two rows is more specific: the first factor in which they differ,
one exact word or value before a list, a list before a range, anything named before a blank. Places come in by their
level (`flows.rating.levels`).
"""

import re
from collections.abc import Callable
from decimal import Decimal

import msgspec

from flows.rating.conditions import Condition, condition
from flows.rating.findings import Broken
from schemas.money import MOST, YUAN
from schemas.problems import hint
from schemas.times import calendar_date, day_of

LEAST, MOST_MEASURE = -1, 1 << 60
"""A range without a lower or upper end."""

DIRECTIONS = ("forward", "return", "redirect")


class Words(msgspec.Struct, frozen=True, gc=False):
    """A factor is one of these; `words` are in order of their text."""

    factor: str
    words: tuple[str, ...]


class Between(msgspec.Struct, frozen=True, gc=False):
    """A factor's number is more than `over` and at most `upto`."""

    factor: str
    over: int
    upto: int


class Numbers(msgspec.Struct, frozen=True, gc=False):
    """A factor's number is one of these, in order."""

    factor: str
    numbers: tuple[int, ...]


class When(msgspec.Struct, frozen=True):
    """A condition in CEL holds."""

    condition: Condition
    factor: str = "condition"


Named = Words | Between | Numbers | When
"""What a row says of a factor that is no place and no product."""


class Factor(msgspec.Struct, frozen=True):
    """A factor: its column, how its cells are read, and whether rows are found by it or looked through for it."""

    column: str
    name: str
    read: Callable[[str, str], Named | Broken]
    keyed: bool
    per: int = 1
    """Parts in the unit in which people write the factor."""


def no_empty_word(text: str) -> Broken:
    """What is wrong with a list of words with nothing between two marks."""
    return Broken("empty_word", f"{text!r} has an empty word; write A or A|B")


def words(allowed: tuple[str, ...] = ()) -> Callable[[str, str], Named | Broken]:
    """Reads a word or a list of words."""

    def read(factor: str, text: str) -> Named | Broken:
        found = sorted({word.strip() for word in text.split("|")})
        for word in found:
            if not word:
                return no_empty_word(text)
            if allowed and word not in allowed:
                message = f"{word!r} is none of {', '.join(allowed)}{hint(word, list(allowed))}"
                return Broken("unknown_word", message)
        return Words(factor, tuple(found))

    return read


def spans(named: Named) -> tuple[Between, ...]:
    """The numbers that a factor may have, as ranges; none of words and conditions."""
    if isinstance(named, Numbers):
        return tuple(Between(named.factor, number - 1, number) for number in named.numbers)
    return (named,) if isinstance(named, Between) else ()


def amounts(factor: str, text: str) -> Named | Broken:
    """Reads an amount of yuan, a list of amounts, or a range, open at its lower end."""
    if ".." in text and "|" not in text:
        return measure(YUAN, "yuan")(factor, text)

    def amount(word: str) -> int | Broken:
        found = part(word, YUAN, "yuan")
        if not isinstance(found, Broken) or found.rule not in ("not_a_number", "missing_value"):
            return found
        return Broken(
            "not_an_amount",
            f"{text!r} is no amount of yuan as 1000, no list of amounts as 500|1000, "
            "and no range as 500..1000 (more than 500 up to 1000), 500.. or ..1000",
        )

    return _values(factor, text, amount)


def measure(per: int, unit: str) -> Callable[[str, str], Named | Broken]:
    """Reads a range of a measure, open at its lower end, in units of which one has `per` parts."""

    def read(factor: str, text: str) -> Named | Broken:
        ends = split_range(text)
        if ends is None:
            return Broken(
                "not_a_range", f"{text!r} is no range; write 1..3 (more than 1 up to 3 {unit}), 3.. or ..1"
            )
        over, upto = (part(end, per, unit) if end else None for end in ends)
        if isinstance(over, Broken) or isinstance(upto, Broken):
            return over if isinstance(over, Broken) else upto  # type: ignore[return-value]
        return _between(factor, text, LEAST if over is None else over, MOST_MEASURE if upto is None else upto)

    return read


def counts(unit: str) -> Callable[[str, str], Named | Broken]:
    """Reads a count, a list of counts, or a range of counts with both ends in it."""

    def read(factor: str, text: str) -> Named | Broken:
        def count(word: str) -> int | Broken:
            if word.isascii() and word.isdigit() and len(word) < 10:
                return int(word)
            return Broken(
                "not_a_range", f"{text!r} is no range of {unit}; write 2..5 (2 to 5), 3.., 7 or 2|7"
            )

        return _range(factor, text, count)

    return read


def dates(factor: str, text: str) -> Named | Broken:
    """Reads a date, a list of dates, or a range of dates with both ends in it."""

    def date(word: str) -> int | Broken:
        try:
            return day_of(calendar_date(word))
        except ValueError:
            return Broken(
                "not_a_date",
                f"{text!r} is no date as 2025-11-01, no list as 2025-11-01|2025-11-11, "
                "and no range as 2025-11-01..2025-11-11",
            )

    return _range(factor, text, date)


def _range(factor: str, text: str, read: Callable[[str], int | Broken]) -> Named | Broken:
    """A range with both ends in it, or what `_values` reads; a range of one value is that value."""
    ends = split_range(text)
    if ends is None:
        return _values(factor, text, read)
    low, high = (read(end) if end else None for end in ends)
    if isinstance(low, Broken) or isinstance(high, Broken):
        return low if isinstance(low, Broken) else high  # type: ignore[return-value]
    if low is not None and low == high:
        return Numbers(factor, (low,))
    return _between(factor, text, LEAST if low is None else low - 1, MOST_MEASURE if high is None else high)


def _values(factor: str, text: str, read: Callable[[str], int | Broken]) -> Named | Broken:
    """A value, or a list of values with | between."""
    found = [read(word.strip()) for word in text.split("|")]
    wrong = next((one for one in found if isinstance(one, Broken)), None)
    return wrong or Numbers(factor, tuple(sorted({one for one in found if isinstance(one, int)})))


def when(factor: str, text: str) -> Named | Broken:  # noqa: ARG001
    """Reads a condition."""
    made = condition(text)
    return made if isinstance(made, Broken) else When(made)


def split_range(text: str) -> tuple[str, str] | None:
    """The ends of `a..b`, either of which may be missing; None for another text.

    >>> split_range("1..3"), split_range("..1"), split_range("3.."), split_range("7"), split_range("..")
    (('1', '3'), ('', '1'), ('3', ''), None, None)
    """
    low, dots, high = text.partition("..")
    return (low.strip(), high.strip()) if dots and (low.strip() or high.strip()) else None


_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?", re.ASCII)


def part(text: str, per: int, unit: str, most: int = MOST) -> int | Broken:
    """A number of units, not negative, as whole parts of which a unit has `per`, up to `most` of them."""
    if not _NUMBER.fullmatch(text):
        if not text:
            return Broken("missing_value", f"is empty; write {unit}")
        return Broken("not_a_number", f"{text!r} is not a number; write {unit}")
    parts = Decimal(text) * per
    if parts != parts.to_integral_value():
        return Broken("too_many_decimals", f"{text!r} has more decimals than {unit} may have")
    if not 0 <= parts <= most:
        return Broken("out_of_range", f"{text!r} is not between 0 and {most // per}; write {unit}")
    return int(parts)


def _between(factor: str, text: str, over: int, upto: int) -> Named | Broken:
    if over >= upto:
        return Broken("empty_range", f"{text!r} ends before it begins")
    return Between(factor, over, upto)


KG, M3, CM = 1_000, 1_000_000, 10

FACTORS = (
    Factor("customer", "customer", words(), True),
    Factor("customer_level", "customer_level", words(), True),
    Factor("line", "line", words(), True),
    Factor("zone", "zone", words(), True),
    Factor("channel", "channel", words(), True),
    Factor("billing", "billing", words(), True),
    Factor("direction", "direction", words(DIRECTIONS), True),
    Factor("temperature", "temperature", words(), True),
    Factor("area", "area", words(), True),
    Factor("vehicle", "vehicle", words(), True),
    Factor("hub", "hub", words(), False),
    Factor("service", "service", words(), False),
    Factor("holiday", "holiday", words(), False),
    Factor("weekday", "weekday", counts("weekdays, 1 is Monday"), False),
    Factor("date", "date", dates, False),
    Factor("weight_kg", "weight", measure(KG, "kg"), False, KG),
    Factor("volume_m3", "volume", measure(M3, "m³"), False, M3),
    Factor("density", "density", measure(1, "kg/m³"), False),
    Factor("pieces", "pieces", counts("pieces"), False),
    Factor("longest_cm", "longest", measure(CM, "cm"), False, CM),
    Factor("insured", "insured", amounts, False, YUAN),
    Factor("cod", "cod", amounts, False, YUAN),
    Factor("promised_h", "promised", counts("hours"), False),
    Factor("month_parcels", "month_parcels", counts("parcels in the month"), False),
    Factor("condition", "condition", when, False),
)
"""In order of weight. `flows.rating.matching.specificity` says where places and the product come in."""

BY_NAME = {factor.name: factor for factor in FACTORS}
BY_COLUMN = {factor.column: factor for factor in FACTORS}
OPEN = ("customer", "customer_level", "channel", "billing", "service", "temperature", "area", "vehicle")
"""Factors whose words nobody but their users knows; a book may list them (`[words]` of book.toml)."""
KEYED = tuple(factor.name for factor in FACTORS if factor.keyed)
FILTERS = tuple(factor.name for factor in FACTORS if not factor.keyed)
ANY_HOLIDAY = "*"
"""In a holiday cell: any of the calendar's days."""

CALENDAR = ("holiday", "weekday", "date")
"""Factors that depend on the day alone."""

EXACT, LIST, RANGE, ANY = 3, 2, 1, 0


def exactness(named: Named | None) -> int:
    """How exactly a factor is named: one word or value, a list; a range, a condition or any holiday; not at all."""
    if named is None:
        return ANY
    if isinstance(named, Numbers):
        return EXACT if len(named.numbers) == 1 else LIST
    if isinstance(named, Words) and named.words != (ANY_HOLIDAY,):
        return EXACT if len(named.words) == 1 else LIST
    return RANGE
