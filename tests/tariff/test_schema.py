"""The schema for editors: that of the reader, and of one mind with it."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from flows.rating import schema
from flows.rating.book import read_book
from flows.rating.settings import FILE, KINDS, _shapes
from flows.rating.shapes import SHAPES
from schemas.problems import DocumentError
from tests.rating.material import FILES, NETWORK, TRANSIT, book_toml, files_in

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float, Decimal),
}  # fmt: skip


def valid(value: Any, rules: Mapping[str, Any]) -> bool:
    """Whether a value is what a schema says: the keywords that ours has, dates being their text."""
    kinds = rules.get("type", [])
    wanted = [kind for name in ([kinds] if isinstance(kinds, str) else kinds) for kind in TYPES[name]]
    properties = rules.get("properties", {})
    one = isinstance(value, dict)
    checks = (
        not wanted or isinstance(value, tuple(wanted)),
        "enum" not in rules or value in rules["enum"],
        "const" not in rules or value == rules["const"],
        "minimum" not in rules or value >= rules["minimum"],
        "maximum" not in rules or value <= rules["maximum"],
        isinstance(value, str) or "exclusiveMinimum" not in rules or value > rules["exclusiveMinimum"],
        not isinstance(value, str) or re.search(rules.get("pattern", ""), value) is not None,
        not isinstance(value, str) or len(value) >= rules.get("minLength", 0),
        not isinstance(value, list) or all(valid(item, rules.get("items", {})) for item in value),
        not one or all(key in value for key in rules.get("required", [])),
        not one or all(valid(value[key], properties[key]) for key in properties if key in value),
        not one or rules.get("additionalProperties", True) or set(value) <= set(properties),
        not one or all(valid(key, rules.get("propertyNames", {})) for key in value),
        all(valid(value, one) for one in rules.get("allOf", [])),
        "if" not in rules or not valid(value, rules["if"]) or valid(value, rules["then"]),
    )
    return all(checks)


def texts(value: Any) -> Any:
    """Dates as an editor sees them."""
    if isinstance(value, dict):
        return {key: texts(one) for key, one in value.items()}
    if isinstance(value, list):
        return [texts(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def accepts(toml: str) -> bool:
    """Whether the schema takes a book.toml."""
    return valid(texts(tomllib.loads(toml, parse_float=Decimal)), _schema())


_schema = cache(schema.schema)


def test_the_stored_schema_is_that_of_the_reader() -> None:
    """Run `make schemas` after a change."""
    assert schema.FILE.read_bytes() == schema.document()


def test_the_books_that_are_there_are_taken() -> None:
    default = files_in(schema.FILE.parent / "default")
    assert default[FILE].startswith("#:schema ../book.schema.json\n")
    assert (schema.FILE.parent / "default" / "../book.schema.json").resolve() == schema.FILE
    assert accepts(default[FILE])
    assert accepts(FILES[FILE])


@pytest.mark.parametrize(("kind", "shape"), [(kind, shape) for kind in KINDS for shape in _shapes(kind)])
def test_every_kind_and_shape_is_taken_with_the_settings_it_needs(kind: str, shape: str) -> None:
    needs = next(
        case["then"]["required"]
        for case in schema.schema()["properties"]["table"]["items"]["allOf"]
        if case["if"]["properties"].get("shape") == {"const": shape}
        and case["if"]["properties"]["kind"] == {"const": kind}
    )
    words = {
        **TRANSIT, "name": '"甲"', "kind": f'"{kind}"', "shape": f'"{shape}"', "slab": "0.5", "of": '"insured"',
        "continued_unit_kg": '"0.5"',
    }  # fmt: skip
    table = {key: words[key] for key in {*needs, "kind", "shape"}}
    if SHAPES[shape].measured:
        table["weight"] = '"actual"'
    assert accepts(book_toml(table))
    rules = {problem.rule for problem in refused(book_toml(table))}
    assert not rules & {"missing_setting", "unknown_setting", "wrong_setting"}, rules
    for broken in (
        {**table, "unknown": "1"},
        {**table, "effective_from": ""},
        {**table, "shape": '"stairs"'},
    ):
        assert not accepts(book_toml(broken))
        assert refused(book_toml(broken))


def refused(toml: str) -> list[Any]:
    """What the reader says."""
    try:
        read_book({FILE: toml, "prices.csv": "price\n1\n"}, NETWORK)
    except DocumentError as error:
        return error.problems
    return []


@pytest.mark.parametrize(
    "changed",
    [
        {"divisor": "8000", "weight": '"heavier"'},
        {"continued_unit_kg": '"2"'},
        {"slab": "0.5"},
        {"priority": "1.5"},
        {"priority": "2000000"},
        {"file": '"prices.txt"'},
        {"fee": '"transti"'},
        {"kind": '"bounds"'},
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(changed: dict[str, str]) -> None:
    assert accepts(book_toml(TRANSIT))
    toml = book_toml({**TRANSIT, **changed})
    assert not accepts(toml)
    assert refused(toml)
