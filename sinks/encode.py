"""Rows of one table in one block → the bytes that ClickHouse inserts, their number and their SHA-256."""

import hashlib
from collections.abc import Mapping

import msgspec
import numpy as np
import pyarrow as pa

from sinks.columns import Made, constant, numbers
from sinks.tables import Table

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


class Encoded(msgspec.Struct, frozen=True):
    """What one block inserts into one table."""

    table: str
    rows: int
    digest: str
    """SHA-256 in hexadecimal over the table's columns in order, without `seq`: see `sinks.columns`."""
    body: memoryview
    """An Arrow stream."""


def encode(table: Table, seq: int, columns: Mapping[str, Made]) -> Encoded:
    """Encode a block's rows. `columns` must be exactly the table's, without seq and line, of equal length."""
    rows = len(next(iter(columns.values())).arrow)
    made = {
        "seq": constant(seq, rows, "uint64"),
        "line": numbers(np.arange(rows, dtype=np.int64), "uint32"),
        **columns,
    }
    if made.keys() != set(table.names):
        raise ValueError(f"{table.name}: columns differ: {made.keys() ^ set(table.names)}")
    digest = hashlib.sha256()
    for name in table.names[1:]:
        digest.update(name.encode() + b"\0")
        for part in made[name].canonical:
            digest.update(part)
    batch = pa.RecordBatch.from_arrays([made[name].arrow for name in table.names], names=list(table.names))
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, batch.schema, options=_OPTIONS) as writer:
        writer.write_batch(batch)
    return Encoded(table.name, rows, digest.hexdigest(), memoryview(stream.getvalue()))
