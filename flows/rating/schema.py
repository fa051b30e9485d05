"""JSON Schema of book.toml for editors: `python -m flows.rating.schema` (or `make schemas`).

It is not written but recorded: the reader of settings reads each kind and shape of table once, and what it asks for
is what the schema allows. So a new shape, kind or setting is in it without another word. Editors find it by the
book's first line, `#:schema …` (https://taplo.tamasfe.dev/configuration/directives.html).
"""

import sys
from collections.abc import Iterable, Mapping
from itertools import product as combinations
from pathlib import Path
from typing import Any

import msgspec

from flows.rating import settings
from flows.rating.findings import Broken, Findings
from flows.rating.measures import MEASURES
from flows.rating.model import FEES
from flows.rating.policy import ADOPTIONS
from flows.rating.shapes import SHAPES
from flows.rating.weights import MEASURES as WEIGHED

FILE = Path(__file__).parent / "book.schema.json"
CHOICES = {"layout": ("list", "matrix"), "measure": tuple(MEASURES), "weight": WEIGHED}
"""Settings on whose value it depends which others there are."""

WORDS = {
    "fee": "费用 which fee",
    "kind": "base 基础价格, surcharge 附加费, discount 优惠, bounds 保底封顶",
    "shape": "计价方式 how a row is a price; see FORMAT.md",
    "file": "the CSV file with the rows",
    "name": "名称",
    "effective_from": "生效日 first day in force",
    "effective_to": "失效日 last day in force, inclusive",
    "priority": "优先级 among equally specific rows the larger wins",
    "weight": "计费重量 actual 实际, volumetric 体积, larger 取大",
    "divisor": "抛比 cm³ per kg",
    "money_rounding": "金额舍入 to the fen",
    "otherwise": "free 没有价格的一律不收: what no row is for is free, and no warning says so",
    "group": "互斥组 of the discounts of a group only the largest is given",
    "measure": "计量 what is counted",
    "of": "按什么的比例 what a percentage is taken of",
    "holidays": "节假日表 a CSV of date,name",
    "words": "词表 all the channels, services… that there are, joined by |",
    "adjustments": "附加费与优惠的次序 surcharges_first 先附加费后优惠, as_listed 按表的先后",
    "adopt": "何时采信 when a class of weight may be adopted",
}


class _Recorder(settings._Section):
    """A section that has every setting, and remembers what it was asked for."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__("", values, {}, Findings())
        self.asked: dict[str, tuple[Mapping[str, object], bool]] = {}

    def take(self, key: str, check: settings.Check[Any], default: Any, *, needed: bool = True) -> Any:
        """The chosen value, or the default."""
        self.asked[key] = check.schema, needed
        return self._values.get(key, default)

    def has(self, key: str) -> bool:
        """Optional settings are asked for, too."""
        return key == "divisor" or super().has(key)

    def broken(self, key: str, broken: Broken) -> None:
        """Nothing is wrong here."""


def schema() -> dict[str, Any]:
    """The whole schema."""
    book = {
        "name": settings._text.schema,
        "currency": {"enum": ["CNY"]},
        "holidays": settings._file_of(()).schema,
        "adjustments": settings._one_of(settings.ORDERS).schema,
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Waybook tariff book",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "table"],
        "properties": {
            **{key: _described(key, value) for key, value in book.items()},
            "weight": _weight(),
            "words": _words(),
            "table": {"type": "array", "minItems": 1, "items": _tables()},
            "zones": {"type": "array", "minItems": 1, "items": _zones()},
        },
    }


def _object(recorders: Iterable[_Recorder]) -> dict[str, Any]:
    """Settings that any of these sections asked for; those are required that all of them need."""
    asked = [recorder.asked for recorder in recorders]
    properties: dict[str, Any] = {}
    for key, found, _ in ((key, *value) for one in asked for key, value in one.items()):
        properties[key] = _merged(properties.get(key), _described(key, found))
    required = [key for key in properties if all(key in one and one[key][1] for one in asked)]
    return {"properties": properties, "required": required}


def _described(key: str, found: Mapping[str, object]) -> dict[str, Any]:
    words = list(found["enum"]) if isinstance(found.get("enum"), list) else []  # type: ignore[call-overload]
    numbers: list[object] = [float(word) for word in words if word.replace(".", "", 1).isdigit()]
    made = {**found, **({"enum": words + numbers} if words else {})}
    return made | ({"description": WORDS[key]} if key in WORDS else {})


def _merged(one: dict[str, Any] | None, other: dict[str, Any]) -> dict[str, Any]:
    if one is None or "enum" not in one:
        return other
    return {**one, "enum": list(dict.fromkeys([*one["enum"], *other["enum"]]))}


def _closed(made: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, **made}


def _tables() -> dict[str, Any]:
    recorders: list[_Recorder] = []
    cases: list[dict[str, Any]] = []
    for kind in settings.KINDS:
        shapes = settings._shapes(kind)
        chosen = {"kind": {"const": kind}}
        needed = [] if kind == "base" else ["kind"]
        cases.append(
            {
                "if": {"properties": chosen, "required": needed},
                "then": {"properties": {"shape": {"enum": shapes}}},
            }
        )
        for shape in shapes:
            found = list(_recorded(kind, shape))
            recorders += found
            made = _object(found)
            cases.append(
                {
                    "if": {
                        "properties": {**chosen, "shape": {"const": shape}},
                        "required": [*needed, "shape"],
                    },
                    "then": {
                        "propertyNames": {"enum": list(made["properties"])},
                        "required": made["required"],
                        "properties": {
                            key: {"enum": made["properties"][key]["enum"]}
                            for key in ("of",)
                            if key in made["properties"]
                        },
                    },
                }
            )
    return _closed({**_object(recorders), "allOf": cases})


def _recorded(kind: str, shape: str) -> Iterable[_Recorder]:
    choices = CHOICES if SHAPES[shape].measured else {"layout": CHOICES["layout"]}
    share = next(fee for fee, of in FEES.items() if of)
    for fee, *values in combinations(("", share), *choices.values()):
        section = _Recorder(
            {"fee": fee, "kind": kind, "shape": shape, **dict(zip(choices, values, strict=True))}
        )
        settings._table(section, (), FEES)
        yield section


def _zones() -> dict[str, Any]:
    found = [_Recorder({"layout": layout}) for layout in CHOICES["layout"]]
    for section in found:
        settings._zones(section, ())
    return _closed(_object(found))


def _words() -> dict[str, Any]:
    section = _Recorder({})
    settings._words(section)
    return _described("words", _closed(_object([section])))


def _weight() -> dict[str, Any]:
    places = [_Recorder({"adopt": rule}) for rule in ADOPTIONS]
    for place in places:
        settings._precedence(place)
    precedence = {"type": "array", "minItems": 1, "items": _closed(_object(places))}
    section, special = _Recorder({"precedence": [], "policy": []}), _Recorder({"precedence": []})
    usual, _ = settings._policy(section, {}, Findings())
    settings._special(special, usual, 0, 0, {}, Findings())
    made, line = _object([section]), _object([special])
    line["properties"]["precedence"] = precedence
    policy = {"type": "array", "minItems": 1, "items": _closed(line)}
    made["properties"] |= {"precedence": precedence, "policy": policy}
    return _closed(made)


def document() -> bytes:
    """The schema as it is stored."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2) + b"\n"


def main() -> None:
    """Write it."""
    FILE.write_bytes(document())
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
