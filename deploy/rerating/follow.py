"""A draft beside live traffic: the charges of every sealed block rated by it, differences into ClickHouse, no posting.

How far a run is, is what its rows in `draft_difference` say: a block's rows go in at once, under a token of run and
block, so a follower that is killed goes on where the rows end, and two of them do no more than one. Blocks without
charges have no rows; to look at them again costs nothing.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from clickhouse_connect.driver.client import Client

from dashboards.blocks import BLOCK, LANE, STORES
from dashboards.library import files_of_version, network_of, newest_directory, versions_in_force
from dashboards.queries import rows
from deploy.rerating.charged import Charged
from deploy.rerating.compare import Bools, Lines, Rated, beside, column_of, differing, rate_by, summed
from deploy.rerating.read import Reader, Sample
from deploy.rerating.runs import BEGUN, RENEWED, STOPPED, Row, begins, counting, next_row, run_of, said
from deploy.rerating.work import rerater
from flows.fees.model import Fees
from flows.governance.network import Network
from flows.rating.book import read_book
from flows.rating.model import Book
from flows.rating.rerate import Coded, Ints, Rerater
from flows.storage.assess import Assessor
from sinks import columns, tables
from sinks.encode import Encoded, encode

AT_ONCE = 64
"""Blocks of a lane that are read together, at most."""
SEALED = "SELECT lane, toUInt32(max(n) - 1) AS n FROM block GROUP BY lane ORDER BY lane"
WRITTEN = """
SELECT toUInt16(bitShiftRight(seq, 32)) AS lane, toUInt32(bitAnd(max(seq), 4294967295)) AS n
FROM draft_difference WHERE run = {run:String} GROUP BY lane"""
THERE = "SELECT count() AS n FROM draft_difference WHERE run = {run:String} AND seq = {seq:UInt64}"

ReadDraft = Callable[[Network], Book]
"""Reads the draft under a directory. Raises DocumentError."""


class Follower:
    """Follows live traffic with one draft. `reader` sees all shards, `writer` writes to its own."""

    def __init__(
        self, reader: Client, writer: Client, version: str, read: ReadDraft, fees: Fees, by: str = ""
    ) -> None:
        self._reader, self._writer, self._read, self._fees, self._by = reader, writer, read, fees, by
        self.version = version
        self.run: list[Row] = []
        self._done: dict[int, int] = {}
        self._sure: set[int] = set()
        """Lanes of which a block was written by this process: no other attempt is under way."""
        self._made: dict[tuple[str, ...], tuple[Rerater, Network]] = {}

    def begin(self, *, from_now: bool = True) -> None:
        """Begin with the blocks from now on (or with all there are), or go on with a run that was not stopped."""
        self.run = run_of(self._reader, self.version)
        if not self.run or self.run[-1].status == STOPPED:
            self._say(BEGUN, _numbers(self._reader, SEALED) if from_now else {})
        self._done = begins(self.run)
        for lane, block in _numbers(self._reader, WRITTEN, run=self.version).items():
            self._done[lane] = max(block, self._done.get(lane, 0))

    def stopped(self) -> bool:
        """Whether someone has stopped the run, as far as was asked last."""
        return self.run[-1].status == STOPPED

    def step(self) -> int:
        """Rate some sealed blocks; how many. 0: there is none, or the run is stopped."""
        self.run = run_of(self._reader, self.version)
        if self.stopped():
            return 0
        blocks = {
            lane: (self._done.get(lane, 0) + 1, min(sealed, self._done.get(lane, 0) + AT_ONCE))
            for lane, sealed in _numbers(self._reader, SEALED).items()
            if sealed > self._done.get(lane, 0)
        }
        if not blocks:
            return 0
        self._renew()
        if self.stopped():
            return 0
        of_stores = {lane: ends for lane, ends in blocks.items() if lane in STORES}
        for sample, after, unpriced in (
            self._parcels({lane: ends for lane, ends in blocks.items() if lane not in of_stores}),
            self._stores(of_stores),
        ):
            for made in self._encoded(sample, after, unpriced):
                self._insert(*made)
        self._done |= {lane: last for lane, (_, last) in blocks.items()}
        self._sure |= set(blocks)
        return sum(last - first + 1 for first, last in blocks.values())

    def _say(self, status: str, after: Mapping[int, int]) -> None:
        books, network = self._in_force()
        draft = self._read(network_of(self._reader, network))
        row = next_row(self.run, self.version, draft.name, status, books, network, after, self._by)
        self.run = said(self._reader, self._writer, row)

    def _in_force(self) -> tuple[list[str], str]:
        """Versions of the books in force and of the newest directory."""
        return versions_in_force(self._reader), newest_directory(self._reader)

    def _renew(self) -> None:
        """Other documents are in force than the run knows: from the next blocks on they count."""
        newest = next(row for row in reversed(self.run) if row.status != STOPPED)
        if self._in_force() != (newest.books, newest.network):
            self._say(RENEWED, self._done)

    def _rerater(self, row: Row) -> tuple[Rerater, Network]:
        key = (*row.books, row.network)
        if key not in self._made:
            network = network_of(self._reader, row.network)
            standing = [
                read_book(files_of_version(self._reader, version), network, self._fees.prices)
                for version in row.books
            ]
            self._made[key] = rerater([*standing, self._read(network)], network, self._fees), network
        return self._made[key]

    def _parcels(self, blocks: Mapping[int, tuple[int, int]]) -> tuple[Sample, Ints, Bools]:
        """What was charged in blocks of parcels, and what that comes to."""
        _, network = self._rerater(self.run[-1])
        facts = set[str]().union(*(self._rerater(row)[0].facts for row in self.run))
        sample = Reader(self._reader, facts, network.hubs).as_charged(blocks)
        ways = self._ways(sample.known)
        return sample, *rate_by(sample, ways, {way: self._rerater(self.run[way])[0] for way in _each(ways)})

    def _stores(self, blocks: Mapping[int, tuple[int, int]]) -> tuple[Sample, Ints, Bools]:
        """The same of stores."""
        charged = Charged(self._reader, blocks, self._fees)
        ways = self._ways(charged.sample.known)
        return charged.sample, *charged.rate(
            ways, {way: self._assessor(self.run[way]) for way in _each(ways)}
        )

    def _assessor(self, row: Row) -> Assessor:
        rates, network = self._rerater(row)
        return Assessor(rates.tariffs, network, self._fees)

    def _ways(self, known: Ints) -> Ints:
        """Which of the run's rows counts for blocks."""
        seqs, of = np.unique(known, return_inverse=True)
        ways: Ints = np.array(
            [counting(self.run, seq >> LANE, seq & BLOCK) for seq in seqs.tolist()], np.int64
        )[of]
        return ways

    def _encoded(self, sample: Sample, after: Ints, unpriced: Bools) -> Iterator[tuple[int, Encoded]]:
        """The rows of each block that has charges, in order."""
        for seq in np.unique(sample.seqs).tolist():
            here = np.flatnonzero(sample.seqs == seq)
            found = beside(sample.take(here), after[here], unpriced[here])
            _, network = self._rerater(self.run[counting(self.run, seq >> LANE, seq & BLOCK)])
            yield seq, _rows(self.version, seq, found, network)

    def _insert(self, seq: int, made: Encoded) -> None:
        """Insert a block's rows once; where an earlier attempt may have been under way, look afterwards."""
        token = f"{self.version}-{seq >> LANE}-{seq & BLOCK}"
        self._attempt(made, token)
        if seq >> LANE in self._sure:
            return
        for attempt in range(3):  # a token can outlive its rows when the store is killed in between
            if _count(self._reader, self.version, seq) == made.rows:
                return
            self._attempt(made, f"{token}-again-{attempt}")
        raise RuntimeError(f"block {seq >> LANE}:{seq & BLOCK} of run {self.version} cannot be inserted")

    def _attempt(self, made: Encoded, token: str) -> None:
        self._writer.raw_insert(
            made.table,
            insert_block=bytes(made.body),
            fmt="ArrowStream",
            settings={"insert_deduplication_token": token, "max_insert_threads": 1},
        )

    def unsure(self) -> None:
        """The store was away: what is inserted next may have been inserted."""
        self._sure.clear()


def stop(reader: Client, writer: Client, version: str, by: str) -> None:
    """Stop a run. Raises LookupError for one that does not run."""
    run = run_of(reader, version)
    if not run or run[-1].status == STOPPED:
        raise LookupError(f"no draft {version} runs")
    last = run[-1]
    after = {**begins(run), **_numbers(reader, WRITTEN, run=version)}
    row = next_row(run, version, last.name, STOPPED, last.books, last.network, after, by)
    if said(reader, writer, row)[-1].status != STOPPED:
        stop(reader, writer, version, by)


def _each(ways: Ints) -> list[int]:
    found: list[int] = np.unique(ways).tolist()
    return found


def _count(client: Client, run: str, seq: int) -> int:
    return int(rows(client, THERE, run=run, seq=seq)[0]["n"])


def _numbers(client: Client, sql: str, **parameters: object) -> dict[int, int]:
    return {int(row["lane"]): int(row["n"]) for row in rows(client, sql, **parameters)}


def _rows(run: str, seq: int, found: Rated, network: Network) -> Encoded:
    """A block's rows: sums of what differs in full, of what does not by fee alone; in order of their words."""
    lines, differs = Lines(network), differing(found)
    by = [found.sample.charges.fees] + [
        _where(differs, column_of(found.sample, name, lines)) for name in ("line", "outlet", "customer")
    ]
    groups = sorted(summed(found, by))
    words = list(zip(*(group for group, _ in groups), strict=True))
    sums = [columns.ints(one) for one in zip(*(numbers for _, numbers in groups), strict=True)]
    counts = dict(zip(("charges", "changed", "unpriced"), sums, strict=False))
    return encode(
        tables.DRAFT_DIFFERENCE,
        seq,
        {
            "run": columns.word(run, len(groups)),
            "fee": columns.spelled(words[0]),
            "route": columns.spelled(words[1]),
            "payer": columns.spelled(words[2]),
            "customer": columns.texts(words[3]),
            **{name: columns.numbers(values, "int64") for name, values in counts.items()},
            "before": columns.money(sums[3]),
            "after": columns.money(sums[4]),
        },
    )


def _where(rows_: Ints, column: Coded) -> Coded:
    """A column in some rows; empty in the others."""
    return Coded(np.where(rows_, column.codes + 1, 0), ["", *column.values])
