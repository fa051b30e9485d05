"""Whether two conditions exclude each other: told only of such as join comparisons of a fact with a constant by &&.

`pieces > 3` and `(pieces <= 3)` do, `channel == 'a'` and `channel == 'b' && pieces > 1`; of all others nothing is
known.
"""

import operator
import re
from collections.abc import Callable, Sequence
from functools import cache

_HOLDS: dict[str, Callable[[int | str, int | str], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TERM = re.compile(
    r"""\s*(?P<open>\()?\s*(?:([A-Za-z_]\w*)\s*([!=]=|[<>]=?)\s*(-?\d+\b|'[^'\\]*'|"[^"\\]*")"""
    r"""|(-?\d+\b|'[^'\\]*'|"[^"\\]*")\s*([!=]=|[<>]=?)\s*([A-Za-z_]\w*))\s*(?(open)\))\s*(&&|$)""",
    re.ASCII,
)

Said = tuple[str, str, int | str]
"""A fact, an operator and a constant."""


def exclusive(one: str, other: str) -> bool:
    """Whether no parcel fulfils both of these conditions, as far as that is plain."""
    said = _terms(one), _terms(other)
    if not all(said):
        return False
    together: dict[str, list[tuple[str, int | str]]] = {}
    for name, compared, value in (*said[0], *said[1]):
        together.setdefault(name, []).append((compared, value))
    return not all(map(_possible, together.values()))


@cache
def _terms(text: str) -> tuple[Said, ...]:
    """What a condition says; nothing where it says anything else, too."""
    found: list[Said] = []
    at, joined = 0, "&&"
    while joined:
        term = _TERM.match(text, at)
        if term is None:
            return ()
        _, name, compared, value, turned_value, turned, turned_name, joined = term.groups()
        made = _value(value or turned_value)
        compared = compared or _TURNED.get(turned, turned)
        if isinstance(made, str) and compared not in ("==", "!="):
            return ()
        found.append((name or turned_name, compared, made))
        at = term.end()
    return tuple(found)


def _value(text: str) -> int | str:
    return text[1:-1] if text[0] in "'\"" else int(text)


def _possible(said: Sequence[tuple[str, int | str]]) -> bool:
    """Whether some value is all of this: a whole number or a text."""
    for compared, value in said:
        if compared == "==":
            return all(_HOLDS[also](value, other) for also, other in said)
    numbers = [(compared, value) for compared, value in said if isinstance(value, int)]
    least = max((value + (compared == ">") for compared, value in numbers if ">" in compared), default=None)
    most = min((value - (compared == "<") for compared, value in numbers if "<" in compared), default=None)
    if least is None or most is None:
        return True
    without = {value for compared, value in numbers if compared == "!=" and least <= value <= most}
    return most - least + 1 > len(without)
