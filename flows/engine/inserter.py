"""The thread that writes blocks: plan 1, rows 1, plan 2, rows 2… first in, first out.

So a stored plan n + 1 proves that block n is complete in every table. A block is inserted at once, not after
a commit, each table with the token `table-lane-n`: whoever inserts it again inserts the same bytes, and
ClickHouse drops them. What the block says to other flows (`Letter`) is sent after its rows and is with Kafka
before the next plan. A token can outlive its rows (ClickHouse killed between the two), and rows their token
(it remembers so many, and other lanes go on while this one is away). So a block that some earlier attempt may
have inserted is counted before and afterwards: what is there is not inserted, and what is missing then is
inserted under a new token.
A store that is away is waited for; any other failure ends the process, which is then started again.

Plan n + 1 also seals block n. So that nothing stays unsealed while nobody works, a lane that ends well stores one
more plan, of an empty block (`close`): it ends where the block before it ended.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from clickhouse_connect.driver.client import Client

from flows.engine import crash, metrics
from flows.engine.block import Block, Receipt
from flows.engine.log import log
from flows.engine.messages import Letter
from flows.engine.plans import OutdatedError, PlanLog, next_plan
from sinks.clickhouse import AWAY, is_away
from sinks.encode import Encoded
from sinks.kafka import Records

TRY_AGAIN = 75
"""Exit code of a process that asks to be started again: outdated, or out of luck."""


MOST_PACE = 1.0
"""Seconds: for no longer does a lane put off its next block because the store is slow."""
SLOW = 5.0
"""Seconds after which a store that has not answered counts as away: it hangs, or the way to it is broken."""


class Inserter:
    """Takes blocks in order; `drain` waits until all that was taken is in the store."""

    def __init__(
        self, client: Client, plans: PlanLog, version: str, kafka: Callable[[], Records] | None = None
    ) -> None:
        self.client, self.plans, self.version = client, plans, version
        self._kafka = kafka
        self._records: Records | None = None
        """Made when a block sends something for the first time."""
        self.receipt = Receipt()
        self._chain = ""
        self._upto: dict[str, int] = {}
        self._closed = False
        """Whether the newest plan is that of an empty block."""
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._room = threading.Semaphore(2)  # one block is inserted while one waits
        self._took = 0.0
        """Seconds that the last blocks took, the newest of them counting most."""
        self._asked: float | None = None
        """Since when the store has owed an answer; by the monotonic clock."""
        metrics.STORE_AWAY.set_function(lambda: float(self._slow()))

    @property
    def pace(self) -> float:
        """Seconds between two blocks with which the store keeps up.

        Small blocks cost it about as much as large ones. So where it is busy, blocks that come as fast as it takes them
        wait for each other, and fewer are in it sooner.
        """
        return min(2 * self._took, MOST_PACE)

    def begin(self, upto: Mapping[str, int]) -> None:
        """Blocks begin at these offsets."""
        self._upto = dict(upto)

    def start(self, receipt: Receipt) -> None:
        """Begin after the block of this receipt: the newest that the recovery store knows."""
        self.receipt = receipt
        threading.Thread(target=self._work, name="inserter", daemon=True).start()

    def plan(self, n: int, upto: Mapping[str, int]) -> None:
        """Block n ends at these offsets. Its rows follow with `rows`."""
        frozen = dict(upto)
        self._jobs.put(lambda: self._plan(n, frozen))

    def rows(self, block: Block, made: Sequence[Encoded], letters: Sequence[Letter] = ()) -> None:
        """The rows of a planned block, tables in order of name, and what it sends.

        Waits while two blocks are under way.
        """
        self._room.acquire()
        self._jobs.put(lambda: self._rows(block, made, letters))

    def close(self) -> None:
        """The lane ends well: seal the newest block, if there is one that is not sealed."""
        self._jobs.put(self._close)
        self.drain()

    def drain(self) -> None:
        """Wait until everything is inserted."""
        done = threading.Event()
        self._jobs.put(done.set)
        done.wait()

    def _slow(self) -> bool:
        asked = self._asked
        return asked is not None and time.monotonic() >= asked + SLOW

    def _work(self) -> None:
        try:
            while True:
                self._jobs.get()()
        except OutdatedError as error:
            log("outdated", error=str(error))
        except BaseException as error:
            log("failed", error=repr(error))
        os._exit(TRY_AGAIN)

    def _plan(self, n: int, upto: Mapping[str, int]) -> None:
        if self.receipt.n != n - 1:
            raise RuntimeError(f"plan {n} after the rows of block {self.receipt.n}")
        self._closed = upto == self._upto
        version = self.version
        if self._closed and (known := self.plans.stored.get(n)) is not None:
            version = known.version  # an empty block has no rows that depend on it
        self._upto = dict(upto)
        plan = next_plan(self.plans.lane, version, upto, self.receipt)
        self._patiently(lambda: self.plans.store(plan))
        self._chain = plan.chain

    def _close(self) -> None:
        if self.receipt.n and not self._closed:
            self._plan(self.receipt.n + 1, self._upto)

    def _rows(self, block: Block, made: Sequence[Encoded], letters: Sequence[Letter]) -> None:
        seq, began = self.plans.lane << 32 | block.n, time.monotonic()
        if block.n >= self.plans.newest:  # a newer stored plan proves that this block is complete
            doubtful = block.n == self.plans.doubtful
            for table in made:
                write = partial(self._write, table, seq, doubtful=doubtful)
                doubtful |= self._patiently(write)
                crash.point(f"after_{table.table}")
            if doubtful:
                self._patiently(lambda: self._verify(seq, made))
            crash.point("after_rows")
            if letters:
                self._send(letters)
            self._took += (time.monotonic() - began - self._took) / 4
        self.receipt = Receipt(
            block.n,
            tuple(table.table for table in made),
            tuple(table.rows for table in made),
            tuple(table.digest for table in made),
            self._chain,
        )
        self._room.release()
        metrics.written(self.plans.lane, block, time.time())

    def _write(self, table: Encoded, seq: int, *, doubtful: bool) -> None:
        """A table's rows of a block."""
        if not doubtful or self._found(table, seq) != table.rows:
            self._insert(table, _token(table, seq))

    def _insert(self, table: Encoded, token: str) -> None:
        self.client.raw_insert(
            table.table,
            insert_block=bytes(table.body),
            fmt="ArrowStream",
            settings={"insert_deduplication_token": token, "max_insert_threads": 1, "max_threads": 1},
        )

    def _send(self, letters: Sequence[Letter]) -> None:
        """Kafka has all of them when this returns. Raises DeliveryError."""
        if self._records is None:
            if self._kafka is None:
                raise RuntimeError("a block has something to send, and there is no Kafka")
            self._records = self._kafka()
        for letter in letters:
            self._records.produce(letter.topic, letter.key, letter.value, partition=letter.partition)
        crash.point("handed_over")
        self._records.flush()
        crash.point("after_letters")

    def _verify(self, seq: int, made: Sequence[Encoded]) -> None:
        """Are the rows of a block that was perhaps inserted before really there, all of them?"""
        for table in made:
            for attempt in range(3):
                found = self._found(table, seq)
                if found == table.rows:
                    break
                if found:
                    raise RuntimeError(f"block {seq}: {found} of {table.rows} rows in {table.table}")
                log("token outlived its rows", table=table.table, seq=seq)
                self._insert(table, f"{_token(table, seq)}-again-{attempt}")
            else:
                raise RuntimeError(f"block {seq} cannot be inserted into {table.table}")

    def _found(self, table: Encoded, seq: int) -> int:
        """How many rows a table has of a block."""
        sql = f"SELECT count() FROM {table.table} WHERE seq = {{seq:UInt64}}"  # noqa: S608
        return int(self.client.raw_query(sql, parameters={"seq": seq}, fmt="TSV"))

    def _patiently(self, job: Callable[[], None]) -> bool:
        """Do it, waiting for a store that is away. True: it did not succeed at once."""
        pause = 0.1
        tries = 0
        self._asked = time.monotonic()
        while True:
            try:
                job()
            except AWAY as error:
                if not is_away(error):
                    raise
                log("waiting for the store", error=str(error)[:200])
            else:
                self._asked = None
                return tries > 0
            self._asked = min(self._asked, time.monotonic() - SLOW)
            tries += 1
            time.sleep(pause)
            pause = min(pause * 2, 10.0)


def _token(table: Encoded, seq: int) -> str:
    """By which the store knows a table's rows of a block: `table-lane-n`."""
    return f"{table.table}-{seq >> 32}-{seq & 0xFFFFFFFF}"
