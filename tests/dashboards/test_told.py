"""What someone is told who waits for a long table, and what becomes of one for which nobody waits any more."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from dashboards.live.told import STORE_AWAY, CannotError, File, Progress, telling
from sinks.clickhouse import StoreAwayError

FILE = File("answers.csv", "text/csv", b"content\n")
ROWS = [["from", "error"], ["SHC", ""], ["nowhere", "is no outlet"], ["XAD", ""]]


class Work:
    """Answers rows one by one, each when it is let."""

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self.let = threading.Semaphore(0)
        self.seen = 0
        self.ended = threading.Event()

    def __call__(self, progress: Progress) -> File:
        """The file, once all rows are answered or nobody wants them."""
        self.progress.append(progress)
        progress.of = len(ROWS) - 1
        for _ in progress.over(self._rows()):
            self.seen += 1
        self.ended.set()
        return FILE

    def _rows(self) -> Iterator[list[str]]:
        for row in ROWS:
            self.let.acquire()
            yield row


async def until(lines: AsyncGenerator[bytes], **wanted: object) -> dict[str, Any]:
    """The first line that says this."""
    async for line in lines:
        said: dict[str, Any] = json.loads(line)
        if wanted.items() <= said.items():
            return said
    raise AssertionError(wanted)


def test_how_far_it_is_and_then_the_file() -> None:
    async def play() -> None:
        work = Work()
        lines = telling(asyncio.Lock(), work)
        for rows in range(len(ROWS) - 1):
            assert await until(lines, rows=rows, of=3) == {"rows": rows, "of": 3}
            work.let.release(2 if rows == 0 else 1)  # the header, too
        last = await until(lines, name="answers.csv")
        assert last == {"rows": 3, "failed": 1, "name": "answers.csv", "type": "text/csv", "size": 8}
        assert [piece async for piece in lines] == [FILE.content]

    asyncio.run(play())


def test_another_table_waits_for_its_turn() -> None:
    async def play() -> None:
        work, turn = Work(), asyncio.Lock()
        first, second = telling(turn, work), telling(turn, work)
        await until(first, rows=0, of=3)
        assert await until(second, waits=True)
        assert len(work.progress) == 1
        work.let.release(2 * len(ROWS))
        await until(first, rows=3, name="answers.csv")
        assert await until(second, rows=3, name="answers.csv")

    asyncio.run(play())


def test_nobody_waits_any_more() -> None:
    """The turn is free at once, and no further row is answered."""
    work = Work()

    async def play() -> None:
        turn = asyncio.Lock()
        lines = telling(turn, work)
        await until(lines, of=3)
        await lines.aclose()
        assert not turn.locked()

    asyncio.run(play())
    work.let.release(len(ROWS))
    work.ended.wait()
    assert work.seen == 0


@pytest.mark.parametrize(
    ("error", "told"), [(CannotError("50000 rows"), "50000 rows"), (StoreAwayError("gone"), STORE_AWAY)]
)
def test_what_is_wrong_is_said(error: Exception, told: str) -> None:
    def work(_: Progress) -> File:
        raise error

    async def play() -> None:
        turn = asyncio.Lock()
        assert await until(telling(turn, work), wrong=told)
        assert not turn.locked()

    asyncio.run(play())
