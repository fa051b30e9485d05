"""Until when each lane took the books for closed: the same in all, and within the rules. On which day what it booked
therefore stands is asked in `rules.py`."""

from bisect import bisect_right
from collections import defaultdict

import msgspec

from deploy.audit.report import Check, Findings
from deploy.audit.store import LANE, Store
from schemas.identity import person_of

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

    def check_said(self) -> Check:
        """Lanes were told the same in the same order, days were over that were closed, and another person reopened."""
        found = Findings("closes_said", "关账与反关账：各分道一致，日期已过，反关账由他人提出")
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
