"""A long piece of work that tells how far it is while someone waits for its file."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool

from sinks.clickhouse import AWAY

TOLD = "application/x-ndjson"
"""Whoever accepts this is told."""
EVERY = 0.25
"""Seconds between two words about it."""
STORE_AWAY = "账簿库暂时无法访问，稍后再试。 The store is away; nothing is lost. Try again in a moment."

Row = TypeVar("Row", bound=Sequence[str])


class CannotError(ValueError):
    """What is asked for cannot be had; the message is for people. `status`: HTTP's."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class File(NamedTuple):
    """What someone may save."""

    name: str
    media_type: str
    content: bytes


class Progress:
    """How far the rows of a table are."""

    def __init__(self) -> None:
        self.rows = self.failed = 0
        """Rows that are answered, and how many of them by an error."""
        self.of = 0
        """Rows that there are; 0: not known yet."""
        self.unwanted = False
        """Nobody waits any more: no further row is looked at."""

    def over(self, answers: Iterable[Row]) -> Iterator[Row]:
        """The header and the rows, as they come; the last column has the error."""
        for n, row in enumerate(answers):
            if self.unwanted:
                return
            self.rows, self.failed = n, self.failed + (n > 0 and row[-1] != "")
            yield row


async def telling(turn: asyncio.Lock, work: Callable[[Progress], File]) -> AsyncGenerator[bytes]:
    """Lines of JSON: that others come first, how far the work is, and at last what is `wrong`, or the `name`, `type`
    and `size` of the file, which follows.
    """
    progress = Progress()
    if turn.locked():
        yield line(waits=True)
    try:
        async with turn:
            task = asyncio.ensure_future(run_in_threadpool(work, progress))
            while not task.done():
                yield line(rows=progress.rows, of=progress.of)
                await asyncio.wait([task], timeout=EVERY)
            file = await task
    except CannotError as error:
        yield line(wrong=str(error))
        return
    except AWAY:
        yield line(wrong=STORE_AWAY)
        return
    finally:
        progress.unwanted = True
    told = {"rows": progress.rows, "failed": progress.failed}
    yield line(**told, name=file.name, type=file.media_type, size=len(file.content))
    yield file.content


def line(**said: object) -> bytes:
    """One line."""
    return msgspec.json.encode(said) + b"\n"
