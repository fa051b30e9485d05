"""Bodies as fields: strict JSON, forms and CSV, every leaf a text as it was written, so that amounts stay exact.

What has the same name twice is refused, since two readers could believe two different things.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from schemas.names import NameTwiceError, object_of
from sources.channels.refused import RefusedError

Content = dict[str, Any]
"""Texts by name, and whatever JSON nests: objects, lists, True, False, None."""
MOST_FIELDS = 256
CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gbk", "gb2312": "gbk", "gb18030": "gb18030"}
"""What channels call their charsets, in lower case."""


def _unreadable(why: str) -> RefusedError:
    return RefusedError("body_unreadable", why)


def decoded(raw: bytes, charset: str) -> str:
    """Text of a charset of `CHARSETS`."""
    try:
        return raw.decode(CHARSETS[charset.lower()])
    except KeyError:
        raise _unreadable("names a charset that is not known") from None
    except UnicodeDecodeError:
        raise _unreadable(f"is not in {CHARSETS[charset.lower()]}") from None


def _constant(_text: str) -> None:
    raise _unreadable("has a number that is none")


_JSON = json.JSONDecoder(
    object_pairs_hook=object_of, parse_int=str, parse_float=str, parse_constant=_constant
)


def json_of(raw: bytes, charset: str = "utf-8") -> Content:
    """A JSON object."""
    text = decoded(raw, charset)
    try:
        content = _JSON.decode(text)
    except RecursionError:
        raise _unreadable("is nested too deep") from None
    except NameTwiceError:
        raise _unreadable("has a name twice in one object") from None
    except RefusedError:
        raise
    except ValueError:
        raise _unreadable("is not JSON") from None
    if not isinstance(content, dict):
        raise _unreadable("is no JSON object")
    return content


def form_of(raw: bytes) -> dict[bytes, bytes]:
    """A form's fields as bytes: what is signed is in the charset that the form itself names."""
    parts = raw.strip().replace(b"+", b" ").split(b"&")
    if len(parts) > MOST_FIELDS:
        raise _unreadable(f"has more than {MOST_FIELDS} fields")
    fields: dict[bytes, bytes] = {}
    for part in parts:
        name, equals, value = part.partition(b"=")
        if b"%" in part:
            name, value = unquote_to_bytes(name), unquote_to_bytes(value)
        if not equals or not name:
            raise _unreadable("is no form")
        if name in fields:
            raise _unreadable("has a field twice")
        fields[name] = value
    return fields


def texts_of(fields: Mapping[bytes, bytes], charset: str) -> Content:
    """A form's fields as texts, decoded at one go: a zero byte is part of no character but itself."""
    names = decoded(b"\0".join(fields), charset).split("\0")
    values = decoded(b"\0".join(fields.values()), charset).split("\0")
    if len(names) != len(fields) or len(values) != len(fields) or len(set(names)) != len(names):
        raise _unreadable("has fields that cannot be told apart")
    return dict(zip(names, values, strict=True))


def csv_of(raw: bytes, charset: str, columns: Sequence[str] = ()) -> Content:
    """One row, under a header unless the columns are known."""
    try:
        rows = [row for row in csv.reader(io.StringIO(decoded(raw, charset)), strict=True) if any(row)]
    except csv.Error:
        raise _unreadable("is not CSV") from None
    if not columns:
        columns, rows = rows[0] if rows else [], rows[1:]
    if len(rows) != 1 or len(rows[0]) != len(columns):
        raise _unreadable("is not one row of as many cells as there are columns")
    if len(set(columns)) < len(columns):
        raise _unreadable("has a column twice")
    return dict(zip(columns, rows[0], strict=True))
