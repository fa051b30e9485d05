"""Writes books into a store as a lane does: plans with receipts and a chain, then rows in blocks.

Rows are either made by the flow's own code or given by hand, as values by column.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from flows.engine.block import Receipt
from flows.engine.plans import next_plan
from sinks import columns, tables
from sinks.columns import Made
from sinks.encode import Encoded, encode

ValuesByColumn = Mapping[str, Any]


class Writer:
    """One lane's blocks, one after the other."""

    def __init__(self, client: Client, lane: int = 0) -> None:
        self.client, self.lane = client, lane
        self.receipt = Receipt()
        self.upto: dict[str, int] = {}
        self._chain = ""
        self._held: dict[str, list[bytes]] | None = None
        """By table what is not in the store yet; None: nothing is held back."""

    @property
    def next_seq(self) -> int:
        """The seq of the block that is written next."""
        return self.lane << 32 | self.receipt.n + 1

    def by_hand(self, rows: Mapping[str, Sequence[ValuesByColumn]], upto: Mapping[str, int]) -> None:
        """A block of rows given by table; columns that are left out are empty."""
        self.block([made(name, self.next_seq, rows[name]) for name in sorted(rows) if rows[name]], upto)

    def block(self, made: Sequence[Encoded], upto: Mapping[str, int]) -> None:
        """Store the next plan, then the rows of its block."""
        self._plan(upto)
        for table in made:
            self._insert(table.table, bytes(table.body), "ArrowStream")
        self.receipt = Receipt(
            self.receipt.n + 1,
            tuple(table.table for table in made),
            tuple(table.rows for table in made),
            tuple(table.digest for table in made),
            self._chain,
        )

    def close(self) -> None:
        """End well: a last plan, of an empty block."""
        self._plan({})

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is written meanwhile comes into the store at the end, a table's blocks in one insert: far cheaper.

        Within another one: at the end of that.
        """
        if self._held is not None:
            yield
            return
        self._held = {}
        yield
        held, self._held = self._held, None
        for table, bodies in held.items():
            if table == "block":
                self._insert(table, b"\n".join(bodies), "JSONEachRow")
            else:
                self._insert(table, _together(bodies), "ArrowStream")

    def _insert(self, table: str, body: bytes, fmt: str) -> None:
        if self._held is None:
            self.client.raw_insert(table, insert_block=body, fmt=fmt)
        else:
            self._held.setdefault(table, []).append(body)

    def _plan(self, upto: Mapping[str, int]) -> None:
        self.upto |= upto
        plan = next_plan(self.lane, "test", self.upto, self.receipt)
        self._insert("block", msgspec.json.encode(plan), "JSONEachRow")
        self._chain = plan.chain


def _together(bodies: Sequence[bytes]) -> bytes:
    """One Arrow stream of several."""
    whole = pa.concat_tables(pa.ipc.open_stream(body).read_all() for body in bodies).unify_dictionaries()
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, whole.schema) as writer:
        writer.write_table(whole.combine_chunks())
    return bytes(stream.getvalue())


def made(name: str, seq: int, rows: Sequence[ValuesByColumn]) -> Encoded:
    """Rows of a table, encoded."""
    table = tables.BY_NAME[name]
    unknown = {key for row in rows for key in row} - set(table.names)
    assert not unknown, f"{name} has no columns {unknown}"
    return encode(
        table, seq, {c.name: _column(c.type, [row.get(c.name) for row in rows]) for c in table.columns[2:]}
    )


def _column(kind: str, values: list[Any]) -> Made:
    if kind == tables.WORD:
        return columns.spelled([value or "" for value in values])
    if kind == tables.TEXT:
        return columns.texts([value or "" for value in values])
    if kind == tables.ID:
        raw = b"".join(value or bytes(16) for value in values)
        return columns.ids(np.frombuffer(raw, np.uint64).reshape(-1, 2))
    whole = np.array([value or 0 for value in values], np.int64)
    if kind == tables.MONEY:
        return columns.money(whole)
    if kind == tables.TIME:
        return columns.times(whole)
    if kind == tables.DATE:
        return columns.dates(whole)
    return columns.numbers(whole, kind.lower())
