"""How far the books are complete, by lane, the condition that a row is of these blocks, and answers as of them."""

import re
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from clickhouse_connect.driver.client import Client

from sinks.ddl import VIEWS
from sinks.tables import FACTS

SEALED = "SELECT lane, max(n) - 1 AS n FROM block GROUP BY lane HAVING n > 0 ORDER BY lane"
STORES = range(2000, 3000)
"""Numbers of storage lanes."""
LANE = 32
"""`seq` is the lane's number shifted by this many bits, and the block's number."""
BLOCK = (1 << LANE) - 1
"""The bits of the block's number."""

_WORD = re.compile(r"\w+")
_FACTS = {table.name for table in FACTS}
_AS_OF: WeakKeyDictionary[Client, str] = WeakKeyDictionary()
"""Clients that are answered as of a moment, with the condition that a row was complete then."""


def sealed(client: Client) -> dict[int, int]:
    """By lane, the newest block that a later one proves to be complete."""
    return {int(lane): int(n) for lane, n in client.query(SEALED).result_rows}


def is_sealed(client: Client, seq: int) -> bool:
    """Whether a later plan proves that all rows of a block are there."""
    return seq & BLOCK <= sealed(client).get(seq >> LANE, 0)


def within(last: Mapping[int, int], after: Mapping[int, int] | None = None) -> str:
    """The condition that a row is of these blocks: by lane, after one of them (default: none) up to another."""
    lanes = (
        f"seq BETWEEN {lane << LANE | (after or {}).get(lane, 0)} + 1 AND {lane << LANE | n}"
        for lane, n in last.items()
    )
    return f"({' OR '.join(lanes) or 'false'})"


def as_of(client: Client, last: Mapping[int, int]) -> Client:
    """The client, to whom every question of `dashboards.queries.rows` is from now on answered as of these blocks (by
    lane, the last one).

    What several questions find agrees, then: a block that lands between them is in no answer, nor is a part of one. The
    store itself adds the condition wherever a question, or a view in it, reads a table of blocks, as they lie in order
    of `seq`. What jobs write beside blocks (`sinks.tables.BESIDE`) is found as it is.
    """
    _AS_OF[client] = within(last)
    return client


def as_of_now(client: Client) -> Client:
    """The same of the blocks that are complete now."""
    return as_of(client, sealed(client))


def settings_of(client: Client, sql: str) -> dict[str, str]:
    """ClickHouse's settings with which a client's question is answered as of its moment; none where it has none."""
    if (condition := _AS_OF.get(client)) is None:
        return {}
    tables = ", ".join(f"'{table}': '{condition}'" for table in _read_by(sql))
    return {"additional_table_filters": f"{{{tables}}}"}


def _read_by(sql: str) -> list[str]:
    """The tables of blocks that a question names, itself or through views: each of them costs it some time."""
    known, new = set[str](), {*_WORD.findall(sql)}
    while new:
        known |= new
        new = {word for view in new & VIEWS.keys() for word in _WORD.findall(VIEWS[view])} - known
    return sorted(known & _FACTS)
