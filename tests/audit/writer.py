"""Writes books into a store as a lane does: plans with receipts and a chain, then rows in blocks.

Rows are either made by the flow's own code or given by hand, as values by column.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
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
            self.client.raw_insert(table.table, insert_block=bytes(table.body), fmt="ArrowStream")
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

    def _plan(self, upto: Mapping[str, int]) -> None:
        self.upto |= upto
        plan = next_plan(self.lane, "test", self.upto, self.receipt)
        self.client.raw_insert("block", insert_block=msgspec.json.encode(plan), fmt="JSONEachRow")
        self._chain = plan.chain


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
