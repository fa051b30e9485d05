"""Until when each lane took the books for closed: the same in all, and within the rules. On which day what it booked
therefore stands is asked in `rules.py`."""

from bisect import bisect_right
from collections import defaultdict

import msgspec

from deploy.audit.chain import Log, complete
from deploy.audit.report import Check, Findings
from deploy.audit.store import BLOCKS, LANE, LAST, Store
from schemas.identity import person_of
from schemas.topics import CONTROL

_CLOSES = """
    SELECT seq, event_id, toString(status) AS status, toInt32(through) AS through,
           toInt32(toDate(event_time, 'Asia/Shanghai')) AS said_on, published_by, reason
    FROM $books_close ORDER BY seq, line"""


class Close(msgspec.Struct, frozen=True):
    """A word about closed days, as a lane took it. Days since 1970-01-01."""

    seq: int
    event: str
    status: str
    through: int
    said_on: int
    by: str
    reason: str

    @property
    def said(self) -> tuple[object, ...]:
        """The same in every lane."""
        return msgspec.structs.astuple(self)[1:]


class Closes:
    """All closes and reopenings, by lane in order."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lanes: dict[int, list[Close]] = defaultdict(list)
        for row in store.rows(_CLOSES):
            one = Close(*row.values())
            self._lanes[one.seq >> LANE].append(one)

    @property
    def latest(self) -> int:
        """The last day that was ever closed; 0: none was."""
        return max((one.through for closes in self._lanes.values() for one in closes), default=0)

    def booked_on(self, seq: int, day: int) -> int:
        """On which day a block books what belongs to a day."""
        closes = self._lanes.get(seq >> LANE, ())
        known = bisect_right(closes, seq, key=lambda one: one.seq)
        return max(day, closes[known - 1].through + 1) if known else day

    def check_said(self, log: Log) -> Check:
        """Each lane took all that it had read, and the same in the same order; days were over that were closed, and
        another person reopened."""
        found = Findings(
            "closes_said", "关账与反关账：各分道读到即生效、彼此一致，日期已过，反关账由他人提出"
        )
        self._check_read(log, found)
        longest = max(self._lanes.values(), key=len, default=[])
        for lane, closes in self._lanes.items():
            found.seen += len(closes)
            for one, other in zip(closes, longest, strict=False):
                if one.said != other.said:
                    found.add(f"lane {lane} was told {one.said}, another one {other.said}")
        through, by = -1, ""
        for one in longest:
            closed = one.status == "closed"
            if closed and not through < one.through < one.said_on:
                found.add(f"{one.event}: closed through {one.through} on {one.said_on}, after {through}")
            if not closed and (one.through >= through or person_of(one.by) == person_of(by)):
                found.add(
                    f"{one.event}: {one.by} reopened after {one.through} what {by} had closed through {through}"
                )
            through, by = one.through, one.by
        return found.check("closes")

    def _check_read(self, log: Log, found: Findings) -> None:
        """What one lane took, every lane took that has read so far, in the block that read it.

        Which record it was the blocks tell that took it: one that all of them have read, and none had read before.
        """
        read = _control(log)
        where: dict[str, tuple[int, int]] = {}
        for one in (close for closes in self._lanes.values() for close in closes):
            first, beyond = read.get(one.seq >> LANE, {}).get(one.seq & BLOCKS, (0, LAST))
            low, high = where.get(one.event, (0, LAST))
            where[one.event] = max(low, first), min(high, beyond)
        for event, (first, beyond) in where.items():
            if first >= beyond:
                found.add(f"{event}: lanes took it from different records")
        whole = complete(log)
        for lane, blocks in read.items():
            upto = max((beyond for n, (_, beyond) in blocks.items() if n <= whole[lane]), default=0)
            taken = {one.event for one in self._lanes.get(lane, ())}
            for event, (_, beyond) in where.items():
                if beyond <= upto and event not in taken:
                    found.add(f"lane {lane} has read {event}, and did not take it")


def _control(log: Log) -> dict[int, dict[int, tuple[int, int]]]:
    """By lane and block the records of the control topic that it read: the first, and the one after the last."""
    name = f"{CONTROL.name}:0"
    found: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
    before: dict[int, int] = defaultdict(int)
    for plan in log.plans:
        upto = dict(zip(plan.inputs, plan.upto, strict=False)).get(name)
        if upto is not None:
            found[plan.lane][plan.n] = before[plan.lane], upto
            before[plan.lane] = upto
    return found
