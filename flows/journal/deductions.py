"""Dues that are to be paid from parties' virtual accounts, as the payments flow asks the accounts flow for them.

Asks travel in the numbered messages that also carry what was booked (`flows.engine.messages`), so each is heard once
and in order. A deduction is known by its number, which is never used for another one.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from schemas.partition import partition_of
from sinks import columns
from sinks.columns import Made

MOST = 3_000
"""Asks in one body: 800 kB at most."""


class Ask(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """So much of a due is to be taken from its party's account; `back`: no more, and it goes back if it was taken."""

    deduction: str
    party: str
    group: str
    document: str
    amount: int
    """In units of 0.0001 yuan."""
    time: int
    """Data time at which it was asked for, UTC ms."""
    back: bool


Asks = dict[Literal["asks"], list[Ask]]
"""What a body says; a map, so that it is told from a body of sums, which is an array."""


def bodies(asks: Iterable[Ask], partitions: int) -> dict[int, list[bytes]]:
    """Bodies of messages by the partition on which their parties lie, asks in their order."""
    found: dict[int, list[Ask]] = {}
    for ask in asks:
        found.setdefault(partition_of(ask.party, partitions), []).append(ask)
    return {
        partition: [
            msgspec.msgpack.encode({"asks": mine[start : start + MOST]})
            for start in range(0, len(mine), MOST)
        ]
        for partition, mine in found.items()
    }


Row = tuple[int, Ask, str, str, int, str]
"""Step, what is asked, status, reason, what the party may spend, cause."""


def deductions(rows: Sequence[Row], now: int) -> dict[str, Made]:
    """The columns of the table `deduction`, of either flow; `now`: data time, UTC ms."""
    step, ask, status, reason, available, cause = zip(*rows, strict=True)
    return {
        "step": columns.numbers(columns.ints(step), "uint32"),
        "deduction": columns.texts([one.deduction for one in ask]),
        "status": columns.spelled(status),
        "group": columns.spelled([one.group for one in ask]),
        "document": columns.texts([one.document for one in ask]),
        "party": columns.texts([one.party for one in ask]),
        "amount": columns.money(columns.ints([one.amount for one in ask])),
        "reason": columns.spelled(reason),
        "available": columns.money(columns.ints(available)),
        "event_time": columns.times(columns.ints([one.time for one in ask])),
        "time": columns.times(columns.ints([now] * len(rows))),
        "cause": columns.texts(cause),
    }
