"""The digest of a block's rows of one table, computed from what ClickHouse gives back.

SHA-256 over the table's columns in order, `seq` left out, rows in order of `line`. For each column its name and
a zero byte, then
  numbers, dates, times, money   little-endian int64: the number, days since 1970, ms, units of 0.0001 yuan
  fixed strings                  their bytes
  strings                        the lengths of all rows as int64, then all bytes
  words (LowCardinality)         the distinct words in order of their bytes, a newline after each, then for
                                 each row the index into them as uint32

Whole columns at a time: a million journal rows take about a second.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from deploy.audit.store import BLOCK_RANGE, LANE, Store
from sinks.tables import Table

Ints = np.ndarray[Any, np.dtype[Any]]
Piece = Callable[[int, int], Iterator[bytes | memoryview]]
"""The canonical bytes of rows from … to."""


def digests(store: Store, table: Table, first: int, last: int) -> Iterator[tuple[int, int, str, bool]]:
    """For each block with rows of a table: its seq, number of rows, digest, and whether lines count from 0."""
    names = ", ".join(f"`{name}`" for name in table.names)
    rows = store.arrow(
        f"SELECT {names} FROM ${table.name} WHERE {BLOCK_RANGE} ORDER BY seq, line",
        first=first,
        last=last,
    )
    if not rows.num_rows:
        return
    pieces = [(name.encode() + b"\0", piece(rows.column(name))) for name in table.names[1:]]
    seq, line = rows.column("seq").to_numpy(), rows.column("line").to_numpy()
    starts = np.flatnonzero(np.diff(seq, prepend=seq[0] ^ np.uint64(1)))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(seq)], strict=True):
        digest = hashlib.sha256()
        for name, canonical in pieces:
            digest.update(name)
            for part in canonical(start, end):
                digest.update(part)
        counted = bool((line[start:end] == np.arange(end - start)).all())
        yield int(seq[start]), end - start, digest.hexdigest(), counted


def piece(column: pa.ChunkedArray) -> Piece:
    """How a column's rows become canonical bytes."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _words(array)
    if pa.types.is_fixed_size_binary(kind):
        return _fixed(array, kind.byte_width)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _texts(array)
    return _numbers(_int64(array))


def _int64(array: pa.Array) -> Ints:
    kind = array.type
    if pa.types.is_decimal128(kind):  # an amount fits into the lower half: two's complement of 64 bits
        halves = np.frombuffer(array.buffers()[1], "<i8")
        return halves[2 * array.offset : 2 * (array.offset + len(array)) : 2].copy()
    if pa.types.is_decimal64(kind):
        return np.frombuffer(array.buffers()[1], "<i8")[array.offset : array.offset + len(array)]
    if pa.types.is_date32(kind):
        array = array.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        array = array.cast(pa.int64())
    return np.ascontiguousarray(array.to_numpy(zero_copy_only=False).astype("<i8", copy=False))


def _numbers(values: Ints) -> Piece:
    def numbers(start: int, end: int) -> Iterator[memoryview]:
        yield values[start:end].data

    return numbers


def _fixed(array: pa.Array, width: int) -> Piece:
    body = memoryview(array.buffers()[1])[array.offset * width :]

    def fixed(start: int, end: int) -> Iterator[memoryview]:
        yield body[start * width : end * width]

    return fixed


def _texts(array: pa.Array) -> Piece:
    array = array.cast(pa.large_binary())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, "<i8")[array.offset : array.offset + len(array) + 1]
    body = memoryview(data) if data is not None else memoryview(b"")
    lengths = np.diff(ends)

    def texts(start: int, end: int) -> Iterator[memoryview]:
        yield lengths[start:end].data
        yield body[ends[start] : ends[end]]

    return texts


def _words(array: pa.DictionaryArray) -> Piece:
    order = pc.array_sort_indices(array.dictionary)
    words = [word + b"\n" for word in array.dictionary.take(order).to_pylist()]
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    places = rank[array.indices.to_numpy(zero_copy_only=False)]

    def spelled(start: int, end: int) -> Iterator[bytes]:
        used, index = np.unique(places[start:end], return_inverse=True)
        yield b"".join(words[word] for word in used.tolist())
        yield index.astype("<u4").tobytes()

    return spelled


def place(seq: int) -> str:
    """Where a block is, for people."""
    return f"lane {seq >> LANE} block {seq & ((1 << LANE) - 1)}"
