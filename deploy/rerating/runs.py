"""Runs of drafts beside live traffic, as table `draft_run` has them: from which blocks on by which documents.

A row is stored before a block is rated by what it says, and what is stored counts: so a block's rows are the same
whoever writes them, and whenever.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows

BEGUN, RENEWED, STOPPED = "begun", "renewed", "stopped"
RUNS = "SELECT * FROM draft_run WHERE run = {run:String} ORDER BY n, at LIMIT 1 BY n"
NEWEST = """
SELECT run, argMax(name, n) AS name, argMax(status, n) AS status, argMin(by, n) AS by, min(draft_run.at) AS since
FROM draft_run GROUP BY run ORDER BY since, run"""


class Row(msgspec.Struct, frozen=True):
    """A row of `draft_run`."""

    run: str
    n: int
    status: str
    name: str
    books: list[str]
    network: str
    lanes: list[int]
    blocks: list[int]
    by: str

    @property
    def after(self) -> dict[int, int]:
        """By lane, after which block it counts; of other lanes from their beginning."""
        return dict(zip(self.lanes, self.blocks, strict=True))


class Known(msgspec.Struct, frozen=True):
    """A run as people see it."""

    run: str
    name: str
    status: str
    by: str
    since: datetime


def known(client: Client) -> list[Known]:
    """All runs, the oldest first."""
    return [Known(**row) for row in rows(client, NEWEST)]


def run_of(client: Client, run: str) -> list[Row]:
    """A run's rows in order."""
    return [Row(**{name: row[name] for name in Row.__struct_fields__}) for row in rows(client, RUNS, run=run)]


def said(reader: Client, writer: Client, row: Row) -> list[Row]:
    """Store a row, unless another with its number is there; the run's rows afterwards.

    Whoever comes second finds what the first has stored.
    """
    for attempt in range(3):  # a token can outlive its row when the store is killed in between
        if row.n in {one.n for one in run_of(reader, row.run)}:
            break
        writer.raw_insert(
            "draft_run",
            insert_block=msgspec.json.encode(row),
            fmt="JSONEachRow",
            settings={"insert_deduplication_token": f"{row.run}-{row.n}-{attempt}"},
        )
    return run_of(reader, row.run)


def next_row(
    before: Sequence[Row], run: str, name: str, status: str, books: Sequence[str], network: str,
    after: Mapping[int, int], by: str,
) -> Row:  # fmt: skip
    """The row that comes after a run's other ones."""
    lanes = sorted(after)
    n = before[-1].n + 1 if before else 1
    return Row(run, n, status, name, list(books), network, lanes, [after[lane] for lane in lanes], by)


def counting(run: Sequence[Row], lane: int, block: int) -> int:
    """Which of a run's rows says by what a block is rated: the newest that counts there, at least the first."""
    found = 0
    for place, row in enumerate(run):
        if row.status != STOPPED and row.after.get(lane, 0) < block:
            found = place
    return found


def begins(run: Sequence[Row]) -> dict[int, int]:
    """By lane, after which block the run goes on since it was begun the last time."""
    return next((row.after for row in reversed(run) if row.status == BEGUN), {})
