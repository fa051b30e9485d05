"""How far the books are complete, by lane, the condition that a row is of these blocks, and answers as of them."""

from collections.abc import Mapping

from clickhouse_connect.driver.client import Client

from sinks.tables import FACTS

SEALED = "SELECT lane, max(n) - 1 AS n FROM block GROUP BY lane HAVING n > 0 ORDER BY lane"
STORES = range(2000, 3000)
"""Numbers of storage lanes."""
LANE = 32
"""`seq` is the lane's number shifted by this many bits, and the block's number."""
BLOCK = (1 << LANE) - 1
"""The bits of the block's number."""


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
    """The client, whose every answer is from now on as of these blocks (by lane, the last one).

    What several questions find agrees, then: a block that lands between them is in no answer, nor is a part of one. The
    store itself adds the condition wherever a question, or a view in it, reads a table of blocks, as they lie in order
    of `seq`. What jobs write beside blocks (`sinks.tables.BESIDE`) is found as it is.
    """
    tables = ", ".join(f"'{table.name}': '{within(last)}'" for table in FACTS)
    client.set_client_setting("additional_table_filters", f"{{{tables}}}")
    return client


def as_of_now(client: Client) -> Client:
    """The same of the blocks that are complete now."""
    return as_of(client, sealed(client))
