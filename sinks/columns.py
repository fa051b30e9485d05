"""Columns of a block's rows: what ClickHouse takes (Arrow) and what the digest reads, made together.

A builder makes one `Made` from a whole column at a time. The digest's form is canonical, so that an auditor
can compute it from what ClickHouse gives back: numbers, dates, times and money as little-endian int64;
ids as their bytes; texts as all lengths (int64), then all bytes; words as the distinct words in order of
their bytes, each followed by a newline, then each row's index into them (uint32).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

Ints = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]
Id128 = np.ndarray[Any, np.dtype[np.uint64]]
"""Ids of 128 bits as pairs of uint64, shape (rows, 2)."""
_STRING = pa.string()


class Made(msgspec.Struct, frozen=True, gc=False):
    """A column ready to go."""

    arrow: pa.Array
    canonical: tuple[bytes | memoryview, ...]


def ints(values: Sequence[int]) -> Ints:
    """A column of whole numbers."""
    return np.fromiter(values, np.int64, len(values))


def rows_of(indices: Ints, column: pa.Array) -> pa.Array:
    """The column's rows with these numbers, one for each of them."""
    return column.take(_over(len(indices), np.ascontiguousarray(indices, np.int64), pa.int64()))


def _int64(values: Ints) -> bytes:
    return values.astype("<i8", copy=False).tobytes()


def _over(rows: int, raw: Any, kind: pa.DataType) -> pa.Array:
    """An Arrow column of so many rows of a fixed width over these bytes: anything with a buffer.

    Not `pa.array`: its first call imports pandas where that is installed (chDB brings it), 0.2 s and 44 MiB of each
    process, to ask whether it was given something of pandas.
    """
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(raw)])


def numbers(values: Ints, kind: str) -> Made:
    """Whole numbers as the Arrow integer type `kind` (`uint32`…)."""
    exact = np.ascontiguousarray(values, kind)
    return Made(_over(len(exact), exact, pa.type_for_alias(kind)), (_int64(values),))


def constant(value: int, rows: int, kind: str) -> Made:
    """The same whole number in every row."""
    return numbers(np.full(rows, value, np.int64), kind)


def money(units: Ints) -> Made:
    """Amounts in units of 0.0001 yuan as `Decimal(18, 4)`."""
    raw = _int64(units)
    return Made(_over(len(units), raw, pa.decimal64(18, 4)), (raw,))


def times(ms: Ints) -> Made:
    """UTC milliseconds as `DateTime64(3)`."""
    raw = _int64(ms)
    return Made(_over(len(ms), raw, pa.timestamp("ms")), (raw,))


def dates(days: Ints) -> Made:
    """Days since 1970-01-01 as `Date`."""
    return Made(_over(len(days), days.astype(np.int32), pa.date32()), (_int64(days),))


def ids(values: Id128) -> Made:
    """128-bit ids as `FixedString(16)`."""
    raw = values.tobytes()
    return Made(_over(len(values), raw, pa.binary(16)), (raw,))


class Texts:
    """A column of strings that comes in runs, each of which is turned into bytes at once."""

    def __init__(self) -> None:
        self.lengths: list[Ints] = []
        self.bodies: list[bytes] = []

    @staticmethod
    def blank(rows: int) -> "Texts":
        """So many empty strings."""
        texts = Texts()
        texts.lengths.append(np.zeros(rows, np.int64))
        return texts

    def add(self, values: Sequence[str]) -> None:
        """Add a run."""
        text = "".join(values)
        if text.isascii():
            body, lengths = text.encode(), map(len, values)
        else:
            texts = [value.encode() for value in values]
            body, lengths = b"".join(texts), map(len, texts)
        self.lengths.append(np.fromiter(lengths, np.int64, len(values)))
        self.bodies.append(body)

    @staticmethod
    def joined(parts: Sequence["Texts"]) -> Made:
        """All runs of all parts, one after the other, as `String`."""
        lengths = np.concatenate([run for part in parts for run in part.lengths])
        return _text(lengths, b"".join([body for part in parts for body in part.bodies]))


def _text(lengths: Ints, body: bytes) -> Made:
    return Made(_strings(lengths, body), (_int64(lengths), body))


def _strings(lengths: Ints, body: bytes, kind: pa.DataType = _STRING) -> pa.Array:
    """Strings by their lengths in bytes and all their bytes."""
    ends = np.zeros(len(lengths) + 1, np.int32)
    lengths.cumsum(out=ends[1:])
    return pa.Array.from_buffers(kind, len(lengths), [None, pa.py_buffer(ends), pa.py_buffer(body)])


def texts(values: Sequence[str] | Sequence[bytes] | pa.StringArray) -> Made:
    """Strings or bytes of any length as `String`."""
    if isinstance(values, pa.Array):
        _, offsets, data = values.buffers()
        ends = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
        body = memoryview(data)[ends[0] : ends[-1]] if len(values) and data is not None else b""
        return Made(values, (_int64(np.diff(ends)), body))
    if len(values) and isinstance(values[0], bytes):
        lengths, body = ints(list(map(len, values))), b"".join(values)  # type: ignore[arg-type]
        return Made(_strings(lengths, body, pa.binary()), (_int64(lengths), body))
    one = Texts()
    one.add(values)  # type: ignore[arg-type]
    return Texts.joined([one])


def strings(values: Sequence[str]) -> pa.StringArray:
    """Strings as Arrow's, for columns that others are made from."""
    return texts(values).arrow


class Vocabulary(dict[str, int]):
    """Words met so far, each with a number; a new word gets the next. Numbers never leave the process."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        super().__init__()
        self._size = 0
        for word in words:
            self[word]

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number

    def codes(self, words: Sequence[str]) -> Ints:
        """The numbers of a column of words."""
        return np.fromiter(map(self.__getitem__, words), np.int32, len(words))

    def order(self) -> tuple[Ints, list[bytes], Ints]:
        """Each number's place among the words in order of their bytes; those words, and how long they are."""
        if self._size != len(self):
            ordered = sorted((word.encode(), number) for word, number in self.items())
            self._place = np.empty(len(ordered), np.int64)
            self._place[[number for _, number in ordered]] = np.arange(len(ordered))
            self._ordered = [word for word, _ in ordered]
            self._lengths = ints([len(word) for word in self._ordered])
            self._size = len(self)
        return self._place, self._ordered, self._lengths


def words(codes: Ints, vocabulary: Vocabulary) -> Made:
    """Words as `LowCardinality(String)`, given by their numbers. Only those that are used are sent."""
    place, ordered, lengths = vocabulary.order()
    places = place[codes]
    used = np.bincount(places, minlength=len(ordered)) > 0
    index = (used.cumsum() - 1).astype("<u4")[places]
    distinct = used.nonzero()[0]
    return _dictionary(index, [ordered[n] for n in distinct.tolist()], lengths[distinct])


def word(name: str, rows: int) -> Made:
    """The same word in every row."""
    only = name.encode()
    return _dictionary(np.zeros(rows, "<u4"), [only], ints([len(only)]))


def _dictionary(index: np.ndarray[Any, np.dtype[np.uint32]], distinct: list[bytes], lengths: Ints) -> Made:
    """Rows as places in a list of words."""
    known = _strings(lengths, b"".join(distinct))
    arrow = pa.DictionaryArray.from_arrays(_over(len(index), index, pa.int32()), known, safe=False)
    return Made(arrow, (b"".join([word + b"\n" for word in distinct]), index.tobytes()))


def spelled(values: Sequence[str]) -> Made:
    """Words given one by one, for columns of few rows or without codes at hand."""
    vocabulary = Vocabulary()
    return words(vocabulary.codes(values), vocabulary)
