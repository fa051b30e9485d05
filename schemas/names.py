"""JSON in which a name stands twice in one object is refused: two readers could believe two different things."""

import json
from typing import Any


class NameTwiceError(ValueError):
    """How many names an object has, and how many of them differ."""


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for a decoder (`object_pairs_hook`). Raises NameTwiceError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NameTwiceError(f"of {len(pairs)} names of an object {len(found)} differ")
    return found


_decode = json.JSONDecoder(object_pairs_hook=object_of, parse_int=str, parse_float=str).decode


def no_name_twice(raw: bytes) -> None:
    """Look at JSON. Raises NameTwiceError, ValueError where it is none, and RecursionError where it is too deep."""
    _decode(raw.decode())
