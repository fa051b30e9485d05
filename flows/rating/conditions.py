"""Conditions written as CEL, for what columns cannot say: compiled once, checked for names, types and bounds.

The Common Expression Language (https://cel.dev) has no side effects and, without the macros that go through lists, no
loops; only comparisons, logic, sums, products and a few functions on texts are allowed here. Numbers are whole: grams,
cm³, mm, money units. Each operator's sides are checked to fit each other, also those that are seldom reached. An
expression whose numbers overflow is false.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from flows.rating.findings import Broken
from schemas.problems import hint

MOST_CHARACTERS = 400

TEXTS, NUMBER, TEXT = ("list", ("string",)), ("int", ()), ("string", ())
TYPES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("origin", "destination", "origin_city", "destination_city"), TEXT),
    **dict.fromkeys(("origin_province", "destination_province", "product"), TEXT),
    **dict.fromkeys(("customer", "customer_level", "channel", "billing", "direction"), TEXT),
    "hubs": TEXTS,
    **dict.fromkeys(
        ("weight_g", "volume_cm3", "longest_mm", "pieces", "insured", "cod", "promised_h"), NUMBER
    ),
    "month_parcels": NUMBER,
    "services": TEXTS,
    **dict.fromkeys(("temperature", "area", "vehicle"), TEXT),
    **dict.fromkeys(("pallets", "days", "hours", "weekday"), NUMBER),
    "holiday": TEXT,
}
"""Every name that an expression may use: CEL's type, and for a list what is in it."""
NAMES = tuple(TYPES)
AMOUNTS = ("insured", "cod")
"""Those of money: 0.0001 yuan in an expression, told in yuan."""
LARGE = 1_000_000_000
"""More than a parcel weighs: 1,000 t in grams. The product of two such numbers must not overflow."""
_SAMPLES = tuple(
    {name: {NUMBER: number, TEXT: "A", TEXTS: ["A"]}[kind] for name, kind in TYPES.items()}
    for number in (0, LARGE)
)
_ALLOWED = (
    *(
        "_&&_",
        "_||_",
        "!_",
        "_==_",
        "_!=_",
        "_<_",
        "_<=_",
        "_>_",
        "_>=_",
        "@in",
        "_+_",
        "_-_",
        "-_",
        "_*_",
        "_?_:_",
    ),
    *("startsWith", "endsWith", "contains", "size"),
)
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_TEXT = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_COMPARED = re.compile(
    rf"(\w+)\s*[!=]=\s*({_TEXT})|({_TEXT})\s*[!=]=\s*(\w+)|(\w+)\s+in\s*\[([^\]]*)\]|({_TEXT})\s+in\s+(\w+)",
    re.ASCII,
)
_FRACTION = re.compile(r"\d\.\d|\d[eE]|\.\d")
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ERROR = re.compile(r"ERROR: <input>:\d+:(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_UNFIT = re.compile(r"found no matching overload for '([^']*)' applied to '(.*)'")
_SHOWN = {
    "list(string)": "texts",
    "list(int)": "numbers",
    "string": "text",
    "uint": "unsigned number",
    "int": "number",
    "bool": "true or false",
}
"""CEL's types in words; longer names first."""


@cache
def _environment() -> Any:
    """What the names are and which functions there are, for CEL's compiler."""
    from cel_expr_python import cel  # noqa: PLC0415 - few books need it

    variables = [
        {"name": name, "type_name": kind, "params": [{"type_name": one} for one in of]}
        for name, (kind, of) in TYPES.items()
    ]
    functions = [{"name": name} for name in _ALLOWED]
    told = {"stdlib": {"disable_macros": True, "include_functions": functions}, "variables": variables}
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(msgspec.json.encode(told).decode()))  # JSON is YAML


class Condition:
    """A compiled expression. Two of the same text are equal. Raises RuntimeError for one that CEL refuses."""

    __slots__ = ("names", "program", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.program = _environment().compile(text)
        self.names = sorted(set(_WORD.findall(text)).intersection(NAMES))
        """The facts that it looks at, perhaps some more."""

    @property
    def texts(self) -> list[str]:
        """The texts that it compares with."""
        return [one or other for one, other in _QUOTED.findall(self.text)]

    @property
    def compared(self) -> list[tuple[str, str]]:
        """Facts and the whole texts that they are compared with, by ==, != and in."""
        found = []
        for match in _COMPARED.finditer(self.text):
            name = "".join(word or "" for word in match.group(1, 4, 5, 8))
            texts = "".join(text or "" for text in match.group(2, 3, 6, 7))
            found += [(name, one or other) for one, other in _QUOTED.findall(texts)]
        return found

    def works(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true or false of these values."""
        try:
            return isinstance(self.program.eval(data=values).value(), bool)
        except RuntimeError:  # too much work
            return False

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of these values (by `NAMES`)."""
        return self.program.eval(data=values).value() is True

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
    except RuntimeError as error:
        return _refused(text, str(error))
    kind = made.program.return_type().name().lower().replace("<", "(").replace(">", ")")
    if kind != "bool":
        return Broken("wrong_type", f"is true or false in no case, but {_in_words(kind)}")
    if not all(map(made.works, _SAMPLES)):
        return Broken("overflows", "has numbers so large that it could not be worked out")
    return made


def _refused(text: str, error: str) -> Broken:
    """What CEL says, for people. Other expressions than those allowed are unknown to it."""
    found = [(int(one[1]), one[2]) for one in _ERROR.finditer(error)]
    if not found:
        return Broken("not_cel", " ".join(error.split())[:300])
    functions = [(at, said) for at, said in found if _UNDECLARED.match(said) and text[at - 1 : at] == "("]
    place, message = (functions or found)[0]
    at = f"at character {place}: "
    if unfit := _UNFIT.match(message):
        operator = unfit[1].strip("_@").replace("_", " ")
        return Broken("wrong_type", f"{at}{operator!r} does not fit {_in_words(unfit[2][1:-1])}")
    if unknown := _UNDECLARED.match(message):
        name = unknown[1]
        if name[0].isalpha() and text[place - 1 : place] != "(":
            right = f"; a text stands in quotation marks, '{name}'; there are {', '.join(NAMES)}"
            return Broken("unknown_name", f"{name!r} is no fact of a parcel{hint(name, NAMES)}{right}")
        what = repr(name.strip("_").replace("_", " ")) if not name.startswith("@") else "what stands here"
        return Broken("not_allowed", f"{at}{what} may not be used in a condition")
    if text[place - 1 : place] == "=":
        return Broken("not_cel", f"{at}write == for what has to be equal")
    return Broken("not_cel", f"{at}{message.partition(' expecting ')[0]}"[:300])


def _in_words(types: str) -> str:
    for name, word in _SHOWN.items():
        types = types.replace(name, word)
    return types
