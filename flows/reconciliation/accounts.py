"""Which bills of a channel for a merchant have come, and which movements of money they have not told of yet.

`Account` finds, when a day's bill is whole, the few movements that it lacks, without looking at the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from flows.reconciliation.model import Open
from schemas.money import FEN, yuan
from schemas.payments import BillLine, Sort
from schemas.times import DAY, HOUR, SHANGHAI_OFFSET, business_day

MOST_EVIDENCE = 1_024


class Terms(msgspec.Struct, frozen=True):
    """What is agreed with a channel about a merchant's bills."""

    sorts: tuple[Sort, ...] = ()
    """Sorts of bills that the channel gives for each day; none: nothing is ever missing from a bill."""
    notified: bool = True
    """Whether the channel notifies each movement; if not, its bills alone tell of them (a bank's statement)."""
    cut_off: int = DAY
    """When the channel's day ends: milliseconds after Shanghai's midnight."""
    grace_days: int = 3
    """So many later days' bills may still bring what its own day's bill lacks."""
    rate_ppm: int | None = None
    """The fee in millionths of the amount, rounded to the fen; None: not agreed, only a notified fee is compared."""
    fee_slack: int = FEN
    """A fee may differ by so much, in units of 0.0001."""
    due: int = 36 * HOUR
    """When a day's bill must be there: milliseconds after that day's beginning in Shanghai."""


def settlement_day(time: int, settled: int, terms: Terms) -> int:
    """The day in whose bill a movement has to be, days since 1970-01-01."""
    return settled or business_day(time + DAY - terms.cut_off)


class Sums(NamedTuple):
    """What lines of a bill come to: how many, and of the successful ones what was paid, refunded, and kept as fees."""

    lines: int = 0
    paid: int = 0
    refunded: int = 0
    fee: int = 0

    def and_of(self, lines: Iterable[BillLine]) -> "Sums":
        """With more lines."""
        count, paid, refunded, fee = self
        for line in lines:
            count += 1
            if line.state == "success":
                fee += line.fee_e4
                if line.kind == "refund":
                    refunded += line.amount_e4
                elif line.direction == "in":
                    paid += line.amount_e4
        return Sums(count, paid, refunded, fee)


class Bill(msgspec.Struct, array_like=True, gc=False):
    """A bill as far as it has come, in whichever order: whole when its end and all its parts are there, and agree."""

    parts: int = -1
    """How many there are; -1: the bill's end has not come yet."""
    seen: set[int] = msgspec.field(default_factory=set)
    """Parts that have come, as long as it is not whole."""
    is_whole: bool = False
    time: int = 0
    """Of its end; of two bills of a day the later one counts."""
    sums: Sums = Sums()
    """What the lines that have come add up to."""
    said: Sums = Sums()
    """What its end says that they add up to."""
    statement: str = ""
    """Which of the day's statements it is; empty: it does not say."""

    def is_new(self, part: int, lines: Sequence[BillLine]) -> bool:
        """Note a part; False: it has come before, or is none of the bill's."""
        if self.is_whole or self._is_all or part in self.seen or 0 <= self.parts < part:
            return False
        self.seen.add(part)
        self.sums = self.sums.and_of(lines)
        self._look()
        return True

    def end(self, parts: int, said: Sums) -> None:
        """The bill's end has come."""
        if not self.is_whole:
            self.parts, self.said = parts, said
            self._look()

    @property
    def is_wrong(self) -> bool:
        """Whether all of it is there, and its lines do not come to what its end says."""
        return self._is_all and not self.is_whole

    @property
    def _is_all(self) -> bool:
        return len(self.seen) == self.parts

    def _look(self) -> None:
        if self._is_all and self.sums == self.said:
            self.is_whole, self.seen = True, set()


class Account:
    """What a channel's bills for a merchant have not told yet. Derived: never stored, but from records in any order."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._whole: dict[Sort, set[int]] = {}
        self._newest: dict[Sort, int] = {}
        self._waiting: dict[int, set[str]] = {}

    def is_whole(self, sort: Sort, day: int) -> bool:
        """Whether the day's bill is known as a whole."""
        return day in self._whole.get(sort, ())

    def newest(self, sort: Sort) -> int:
        """The newest day whose bill is whole; -1: there is none."""
        return self._newest.get(sort, -1)

    def expect(self, key: str, day: int) -> None:
        """Money was notified that no bill, or not each sort of bill, has told of. `day`: of its settlement."""
        self._waiting.setdefault(day, set()).add(key)

    def has(self, key: str, day: int) -> None:
        """All sorts of bills have told of the money now, or it is none any more."""
        waiting = self._waiting.get(day)
        if waiting is not None:
            waiting.discard(key)
            if not waiting:
                del self._waiting[day]

    def close(self, sort: Sort, day: int) -> list[str]:
        """A day's bill is whole: keys whose findings may be others now, in order."""
        days = self._whole.setdefault(sort, set())
        if day in days:
            return []
        days.add(day)
        before = self.newest(sort)
        self._newest[sort] = now = max(before, day)
        grace = self.terms.grace_days
        looked = {day} | {one for one in self._waiting if before < one + grace <= now}
        return sorted(key for one in looked for key in self._waiting.get(one, ()))

    def due(self, day: int) -> int:
        """Data time at which a day's bill must be there."""
        return day * DAY - SHANGHAI_OFFSET + self.terms.due


def missing_bill(subject: str) -> Open:
    """The exception of a bill that has not come."""
    return Open("bill_missing", subject, 0, "no such bill has come")


def refused_bill(subject: str, refused: Mapping[str, str]) -> Open:
    """The exception of a day whose bills are not believed; by file why."""
    texts = [f"{bill}: {why}" for bill, why in sorted(refused.items())]
    return Open("bill_refused", subject, 0, "; ".join(texts)[:MOST_EVIDENCE])


def disagreement(bill: Bill) -> str:
    """In what the lines of a bill and its end do not agree, for people."""
    return ", ".join(
        f"{name} {there if name == 'lines' else yuan(there)} instead of {said if name == 'lines' else yuan(said)}"
        for name, there, said in zip(Sums._fields, bill.sums, bill.said, strict=True)
        if there != said
    )
