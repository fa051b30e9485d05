"""Reading the books out of ClickHouse: SQL in, Arrow tables out, in pieces that fit into memory.

SQL names Waybook's tables as `$journal`: the books as they are, or, while a flow is writing, up to the newest
block that is certainly complete.
"""

import io
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from string import Template
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from sinks.tables import DRAFT_DIFFERENCE, FACTS

Row = dict[str, Any]

SETTINGS: dict[str, Any] = {
    "output_format_arrow_low_cardinality_as_dictionary": 1,
    "output_format_arrow_string_as_string": 0,
    "output_format_arrow_fixed_string_as_fixed_byte_array": 1,
    "max_bytes_before_external_group_by": 1 << 30,
    "max_bytes_before_external_sort": 1 << 30,
}
"""Words come as dictionaries and texts as bytes; what does not fit into a gigabyte is sorted on disk."""

LANE = 32
"""`seq` is the lane's number shifted by this many bits, and the block's number."""
BLOCKS = (1 << LANE) - 1
LAST = (1 << 64) - 1

AT_ONCE = 250_000
"""Rows of one table that are held in memory at a time."""

WORTH_THREADS = 1 << 20
"""Bytes of an answer from which on several threads read it sooner than one: most are small."""

BLOCK_RANGE = "seq BETWEEN {first:UInt64} AND {last:UInt64}"
"""Condition for the rows of a range (`Store.ranges`)."""


def shard_of(key: str) -> str:
    """Condition for the rows of a shard (`Store.shards`) by the hash of a key."""
    return f"cityHash64({key}) % {{shards:UInt64}} = {{shard:UInt64}}"


OF_SHARD = shard_of("waybill")
"""Condition for the rows of a shard of parcels."""


def up_to(blocks: Mapping[int, int], column: str = "seq") -> str:
    """Condition for the rows of each lane's blocks up to one of them."""
    lanes = [f"{column} BETWEEN {lane << LANE} AND {lane << LANE | n}" for lane, n in blocks.items()]
    return " OR ".join(lanes) or "false"


_BLOCK = re.compile("([0-9]{1,9}):([0-9]{1,19})")


def read_blocks(text: str) -> dict[int, int]:
    """By lane a block, from words as `0:118`. What is no such word, because somebody has altered it, names no block.

    >>> read_blocks("0:118 1:7"), read_blocks("0:118~ 1 :7")
    ({0: 118, 1: 7}, {})
    """
    pairs = map(_BLOCK.fullmatch, text.split())
    return {int(pair[1]): min(int(pair[2]), BLOCKS) for pair in pairs if pair is not None}


class Store:
    """The books as they are during one audit, read-only.

    `upto`: by lane, the newest block to look at; None: all that is there.
    """

    def __init__(self, client: Client, upto: Mapping[int, int] | None = None) -> None:
        self._client, self._upto = client, upto
        self._blocks: dict[str, list[tuple[int, int]]] = {}
        by_block = (*FACTS, DRAFT_DIFFERENCE)
        self._tables = {table.name: table.name for table in by_block}
        self._tables |= {"block": "block", "cost_share": "cost_share"}
        self._tables |= {"service_level": "service_level"}
        if upto is not None:
            known = up_to(upto)
            self._tables |= {table.name: f"(SELECT * FROM {table.name} WHERE {known})" for table in by_block}

    def reaches(self, blocks: Mapping[int, int]) -> bool:
        """Whether all these blocks are looked at."""
        return self._upto is None or all(n <= self._upto.get(lane, 0) for lane, n in blocks.items())

    def arrow(self, sql: str, settings: Mapping[str, Any] | None = None, **parameters: Any) -> pa.Table:
        """The result of a query; words as dictionaries, one chunk a column."""
        raw = self._client.raw_query(
            Template(sql).substitute(self._tables),
            parameters=parameters,
            settings={**SETTINGS, **(settings or {})},
            fmt="ArrowStream",
        )
        options = pa.ipc.IpcReadOptions(use_threads=len(raw) > WORTH_THREADS)
        with pa.ipc.open_stream(io.BytesIO(raw), options=options) as stream:
            return stream.read_all().unify_dictionaries().combine_chunks()

    def columns(
        self, sql: str, settings: Mapping[str, Any] | None = None, **parameters: Any
    ) -> dict[str, list[Any]]:
        """The result by column as Python values: texts of bytes, tuples of structs, days and milliseconds of times."""
        table = self.arrow(sql, settings, **parameters)
        return {name: _values(_whole(table.column(name))) for name in table.column_names}

    def rows(self, sql: str, settings: Mapping[str, Any] | None = None, **parameters: Any) -> list[Row]:
        """The result by row."""
        columns = self.columns(sql, settings, **parameters)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def value(self, sql: str, **parameters: Any) -> Any:
        """The only value of a result."""
        ((only,),) = self.columns(sql, **parameters).values()
        return only

    def blocks(self, table: str) -> list[tuple[int, int]]:
        """The blocks that have rows in a table: seq and number of rows, in order. Asked once."""
        if table not in self._blocks:
            found = self.columns(f"SELECT seq, count() AS rows FROM ${table} GROUP BY seq ORDER BY seq")
            self._blocks[table] = list(zip(found["seq"], found["rows"], strict=True))
        return self._blocks[table]

    def count(self, table: str) -> int:
        """Rows of a table."""
        return sum(rows for _, rows in self.blocks(table))

    def ranges(self, table: str, most: int = AT_ONCE) -> Iterator[tuple[int, int]]:
        """Ranges of `seq`, both ends inclusive, that cover everything, each with about `most` rows of a table.

        A block is never cut, so whatever belongs together in a block is looked at together.
        """
        first, held = 0, 0
        for seq, rows in self.blocks(table):
            if held and held + rows > most:
                yield first, seq - 1
                first, held = seq, 0
            held += rows
        yield first, LAST

    def shards(self, table: str, most: int) -> Iterator[tuple[int, int]]:
        """(shard, shards), so that a shard by hash has about `most` rows of a table."""
        shards = self.count(table) // most + 1
        for shard in range(shards):
            yield shard, shards


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _values(array: pa.Array) -> list[Any]:
    """Python values: texts of bytes, tuples of structs, whole numbers of times and dates."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return [*map(_values(array.dictionary).__getitem__, array.indices.to_pylist())]
    if pa.types.is_struct(kind):
        return list(zip(*map(_values, array.flatten()), strict=True))
    if pa.types.is_list(kind):
        inside, ends = _values(array.values), array.offsets.to_pylist()
        return [inside[start:end] for start, end in pairwise(ends)]
    if pa.types.is_binary(kind):
        return _texts(array)
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.int64())
    elif pa.types.is_date(kind):
        array = array.cast(pa.int32())
    values: list[Any] = array.to_pylist()
    return values


def _texts(array: pa.Array) -> list[str]:
    try:
        values: list[str] = array.cast(pa.string()).to_pylist()
    except pa.ArrowInvalid:  # what is no UTF-8 is escaped
        return [value.decode("utf-8", "backslashreplace") for value in array.to_pylist()]
    return values
