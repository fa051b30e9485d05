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


class Made(msgspec.Struct, frozen=True, gc=False):
    """A column ready to go."""

    arrow: pa.Array
    canonical: tuple[bytes | memoryview, ...]


def ints(values: Sequence[int]) -> Ints:
    """A column of whole numbers."""
    return np.array(values, np.int64)


def _int64(values: Ints) -> bytes:
    return values.astype("<i8", copy=False).tobytes()


def numbers(values: Ints, kind: str) -> Made:
    """Whole numbers as the Arrow integer type `kind` (`uint32`…)."""
    return Made(pa.array(values.astype(kind, copy=False)), (_int64(values),))


def constant(value: int, rows: int, kind: str) -> Made:
    """The same whole number in every row."""
    return numbers(np.full(rows, value, np.int64), kind)


def money(units: Ints) -> Made:
    """Amounts in units of 0.0001 yuan as `Decimal(18, 4)`."""
    raw = _int64(units)
    return Made(pa.Array.from_buffers(pa.decimal64(18, 4), len(units), [None, pa.py_buffer(raw)]), (raw,))


def times(ms: Ints) -> Made:
    """UTC milliseconds as `DateTime64(3)`."""
    return Made(pa.array(ms, pa.timestamp("ms")), (_int64(ms),))


def dates(days: Ints) -> Made:
    """Days since 1970-01-01 as `Date`."""
    return Made(pa.array(days.astype(np.int32), pa.date32()), (_int64(days),))


def ids(values: Id128) -> Made:
    """128-bit ids as `FixedString(16)`."""
    raw = values.tobytes()
    return Made(pa.Array.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(raw)]), (raw,))


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
        body = "".join(values).encode()
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        if len(body) != lengths.sum():  # not ASCII alone
            lengths = np.fromiter((len(value.encode()) for value in values), np.int64, len(values))
        self.lengths.append(lengths)
        self.bodies.append(body)

    @staticmethod
    def joined(parts: Sequence["Texts"]) -> Made:
        """All runs of all parts, one after the other, as `String`."""
        lengths = np.concatenate([run for part in parts for run in part.lengths])
        return _text(lengths, b"".join([body for part in parts for body in part.bodies]))


def _text(lengths: Ints, body: bytes) -> Made:
    ends = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    buffers = pa.py_buffer(ends.tobytes()), pa.py_buffer(body)
    return Made(pa.StringArray.from_buffers(len(lengths), *buffers), (_int64(lengths), body))


def texts(values: Sequence[str | bytes] | pa.Array) -> Made:
    """Strings or bytes of any length as `String`."""
    if not isinstance(values, pa.Array) and len(values) and isinstance(values[0], str):
        one = Texts()
        one.add(values)  # type: ignore[arg-type]
        return Texts.joined([one])
    array = values if isinstance(values, pa.Array) else pa.array(values, pa.binary())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    body = memoryview(data)[ends[0] : ends[-1]] if len(array) and data is not None else b""
    return Made(array, (_int64(np.diff(ends)), body))


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

    def order(self) -> tuple[Ints, list[bytes], pa.Array]:
        """Each number's place among the words in order of their bytes; those words, and as Arrow has them."""
        if self._size != len(self):
            ordered = sorted((word.encode(), number) for word, number in self.items())
            self._place = np.empty(len(ordered), np.int64)
            self._place[[number for _, number in ordered]] = np.arange(len(ordered))
            self._lines = [word + b"\n" for word, _ in ordered]
            self._arrow = pa.array([word.decode() for word, _ in ordered], pa.string())
            self._size = len(self)
        return self._place, self._lines, self._arrow


def words(codes: Ints, vocabulary: Vocabulary) -> Made:
    """Words as `LowCardinality(String)`, given by their numbers. Only those that are used are sent."""
    place, lines, arrow = vocabulary.order()
    places = place[codes]
    used = np.bincount(places, minlength=len(lines)) > 0
    index = (np.cumsum(used) - 1).astype("<u4")[places]
    distinct = np.flatnonzero(used)
    dictionary = pa.DictionaryArray.from_arrays(
        pa.array(index.view(np.int32)), arrow.take(pa.array(distinct))
    )
    return Made(dictionary, (b"".join([lines[n] for n in distinct.tolist()]), index.tobytes()))


def word(name: str, rows: int) -> Made:
    """The same word in every row."""
    return words(np.zeros(rows, np.int32), Vocabulary([name]))


def spelled(values: Sequence[str]) -> Made:
    """Words given one by one, for columns of few rows or without codes at hand."""
    vocabulary = Vocabulary()
    return words(vocabulary.codes(values), vocabulary)
