"""Conditions written as CEL, for what columns cannot say: compiled once, checked for names, types and bounds.

The Common Expression Language (https://cel.dev) has no loops and no side effects; only comparisons, logic,
sums, products and a few functions on texts are allowed here. Numbers are whole: grams, cm³, mm, money units.
An expression whose numbers overflow is false.
"""

import re
from collections.abc import Mapping
from typing import Any

from flows.rating.findings import Broken

MOST_CHARACTERS = 400

SAMPLES: tuple[Mapping[str, Any], ...] = tuple(
    {
        "origin": text,
        "destination": text,
        "origin_city": text,
        "destination_city": text,
        "origin_province": text,
        "destination_province": text,
        "product": text,
        "customer": text,
        "customer_level": text,
        "channel": text,
        "billing": text,
        "direction": text,
        "hubs": [text],
        "weight_g": number,
        "volume_cm3": number,
        "longest_mm": number,
        "pieces": number,
        "insured": number,
        "cod": number,
        "promised_h": number,
        "month_parcels": number,
        "services": [text],
        "temperature": text,
        "area": text,
        "vehicle": text,
        "pallets": number,
        "days": number,
        "hours": number,
        "weekday": 1 + number % 7,
        "holiday": text,
    }
    for text in ("", "A", "310000")
    for number in (0, 1, 700_000)
)
"""Values of every name that an expression may use; each is tried when a book is read."""
NAMES = tuple(SAMPLES[0])

_ALLOWED = {
    "_&&_", "_||_", "!_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "_+_", "_-_", "-_", "_*_", "_?_:_",
    "startsWith", "endsWith", "contains", "size",
}  # fmt: skip


_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_FRACTION = re.compile(r"\d\.\d|\d[eE]|\.\d")


class Condition:
    """A compiled expression. Two of the same text are equal."""

    __slots__ = ("program", "text")

    def __init__(self, text: str) -> None:
        import cel  # noqa: PLC0415 - it brings a terminal along, a quarter of a flow's start; few books need it

        self.text = text
        self.program = cel.compile(text)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of these values (by `NAMES`)."""
        try:
            return self.program.execute(dict(values)) is True
        except OverflowError:
            return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> tuple[type["Condition"], tuple[str]]:
        """Another process compiles it again."""
        return Condition, (self.text,)


def condition(text: str) -> Condition | Broken:
    """The condition that a text says, or what is wrong with it."""
    if len(text) > MOST_CHARACTERS:
        return Broken("condition_too_long", f"has more than {MOST_CHARACTERS} characters")
    if _FRACTION.search(_QUOTED.sub("", text)):
        return Broken(
            "not_whole", "has a number with a fraction; numbers are whole: grams, cm³, mm, 0.0001 yuan"
        )
    try:
        made = Condition(text)
    except ValueError as error:
        return Broken("not_cel", " ".join(str(error).split())[:300])
    for name in made.program.variables():
        if name not in NAMES:
            return Broken("unknown_name", f"{name!r} is no fact of a parcel; there are {', '.join(NAMES)}")
    for name in made.program.functions():
        if name not in _ALLOWED:
            return Broken("not_allowed", f"{name.strip('_@')!r} may not be used in a condition")
    return _wrong_type(made.program) or made


def _wrong_type(program: Any) -> Broken | None:
    for sample in SAMPLES:
        try:
            answer = program.execute(dict(sample))
        except OverflowError:
            continue
        except (TypeError, ValueError, RuntimeError) as error:
            return Broken("wrong_type", " ".join(str(error).split())[:300])
        if not isinstance(answer, bool):
            return Broken("wrong_type", f"gives {answer!r}; a condition is true or false")
    return None
