"""A movement of money as its notifications and the lines of bills have it, and what therefore has to be in the books.

Written again from the description, by rules of its own: nothing of it is the flow's. Where the flow may choose between
equally good tellings, all choices are right.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from deploy.audit.agreed import Agreed

RANK = {"pending": 0, "failed": 1, "closed": 1, "success": 2}
"""Money that came is not undone by a later word."""
UNKNOWN = -1
SURPLUS = "long"
"""Money that only bills know; once it is matched, there is nothing to ask about it."""
ALONE = "fee_alone"
"""A fee of a trade that nobody knows; what a person accepts of it is booked."""
COMPARED = frozenset(
    {
        *(SURPLUS, "short", "cut_off", "bill_amount", "bill_status", "bill_currency"),
        *("bill_fee", ALONE, "bill_duplicate"),
    }
)
"""Questions that come of comparing bills with notifications, and of nothing else."""
Asked = frozenset[tuple[str, int]]
"""Kinds of questions, and amounts in 0.0001."""


class Told(NamedTuple):
    """A telling: a notification's content, or a line's. Amounts in 0.0001, times in ms, days since 1970-01-01."""

    state: str
    units: int
    currency: str
    direction: str
    fee: int | None
    time: int
    settled: int
    """0: not told."""


class Line(NamedTuple):
    """A line of a bill."""

    bill: str
    day: int
    sort: str
    state: str
    units: int
    currency: str
    direction: str
    fee: int
    time: int

    @property
    def told(self) -> Told:
        """As a notification would have told it."""
        return Told(self.state, self.units, self.currency, self.direction, self.fee, self.time, self.day)


class OfBill(NamedTuple):
    """All that one bill says of a movement in one currency: the largest of what differs between its lines."""

    bill: str
    day: int
    sort: str
    state: str
    units: int
    currency: str
    fee: int
    lines: int
    """Those that move money; the others tell a fee."""


class Wholes:
    """Of a merchant: by sort, the days whose bills are whole."""

    def __init__(self, days: Mapping[str, Collection[int]]) -> None:
        self._days = days
        self._newest = {sort: max(of, default=UNKNOWN) for sort, of in days.items()}

    def has(self, sort: str, day: int) -> bool:
        """Whether a day's bill is whole."""
        return day in self._days.get(sort, ())

    def newest(self, sort: str) -> int:
        """The newest such day."""
        return self._newest.get(sort, UNKNOWN)


def held(told: Collection[Told]) -> list[Told]:
    """What tellings come to: the best state as it was told first; what it lacks, the next best says."""
    if not told:
        return []
    ordered = sorted(told, key=_place)
    first = [one for one in ordered if _place(one) == _place(ordered[0])]
    fees = {one.fee for one in _nearest([one for one in ordered if one.fee is not None])}
    days = {one.settled for one in _nearest([one for one in ordered if one.settled])}
    return [
        one._replace(
            fee=one.fee if one.fee is not None else fee,
            settled=one.settled or day,
        )
        for one in first
        for fee in (fees or {None})
        for day in (days or {0})
    ]


def of_bills(lines: Iterable[Line]) -> list[OfBill]:
    """Lines by the bill that they are in, in order of bills."""
    found = []
    for (bill, day, sort, currency), some in groupby(sorted(lines, key=_of_bill), key=_of_bill):
        together = list(some)
        moving = [line for line in together if line.units]
        found.append(
            OfBill(
                *(bill, day, sort, max(line.state for line in moving or together)),
                *(max(line.units for line in together), currency),
                *(sum(line.fee for line in together), len(moving)),
            )
        )
    return found


def stated(
    told: Collection[Told],
    lines: Collection[Line],
    aside: Collection[Line] = (),
    *,
    accepted: bool = False,
) -> list[Told]:
    """As what the books may have it.

    `lines`: of bills that count; `aside`: of the others: what nothing else tells is closed. `accepted`: people accepted
    that it is a fee and nothing else, which is no success before.
    """
    known = held(told)
    if not any(one.state == "success" for one in known):
        known = held({*told, *(line.told for line in lines if line.units)})
    bills = of_bills(lines)
    if not known and bills:
        fees = held({line.told for line in lines if line.currency == _best(bills).currency})
        known = [one if accepted or one.state != "success" else one._replace(state="pending") for one in fees]
    if not known:
        former = held({line.told for line in aside if line.units} or {line.told for line in aside})
        return [one._replace(state="closed", fee=None) for one in former]
    if not bills:
        return known
    day = _best(bills).day
    return [one._replace(fee=_fee_of(one, bills), settled=one.settled or day) for one in known]


def asked(
    kind: str,
    told: Told | None,
    bills: Sequence[OfBill],
    agreed: Agreed,
    wholes: Wholes,
    *,
    unmatched: bool,
) -> Asked:
    """What people have to be asked about a movement. `unmatched`: something of it is left."""
    found = frozenset(_asked(kind, told, bills, agreed, wholes))
    return found if unmatched else frozenset(one for one in found if one[0] != SURPLUS)


def _asked(
    kind: str, told: Told | None, bills: Sequence[OfBill], agreed: Agreed, wholes: Wholes
) -> Iterator[tuple[str, int]]:
    there = [one for one in bills if one.lines]
    succeeded = {one.sort for one in there if one.state == "success"}
    moved = [one for one in there if one.state == "success" or one.sort not in succeeded]
    foreign = [one.currency for one in bills if one.fee and not one.lines and one.state == "success"]
    twice = [one for one in moved if _again(one, moved)]
    if twice:
        yield "bill_duplicate", min(twice, key=lambda one: (one.sort, one.bill, one.day)).units
    if told is None:
        if agreed.notified and any(one.state == "success" for one in moved):
            yield SURPLUS, moved[0].units
        if moved and set(foreign) - {moved[0].currency}:
            yield "bill_currency", moved[0].units
        if bills and not there and (fee := _best(bills)).state == "success" and fee.fee:
            yield ALONE, abs(fee.fee)
        return
    differs = [one.units for one in moved if one.units != told.units and one.currency == told.currency]
    if differs:
        yield "bill_amount", abs(differs[0] - told.units)
    if any(one.state != told.state for one in moved):
        yield "bill_status", told.units
    if {*foreign, *(one.currency for one in moved)} - {told.currency}:
        yield "bill_currency", told.units
    if told.state != "success":
        return
    off = [
        wrong
        for one in _taken([one for one in bills if one.currency == told.currency])
        if one.state == "success" and (wrong := _fee_off(kind, told, one.fee, agreed))
    ]
    if off:
        yield "bill_fee", off[0]
    day = agreed.day(told.time, told.settled)
    has = {one.sort for one in moved}
    lacking = [sort for sort in agreed.sorts if sort not in has and wholes.has(sort, day)]
    if lacking:
        over = any(wholes.newest(sort) >= day + agreed.grace for sort in lacking)
        yield ("short" if over else "cut_off"), told.units


def _best(bills: Sequence[OfBill]) -> OfBill:
    """The bill that knows best what was taken, or whose sort tells of nothing where another one does; fees of other
    currencies are not its own."""
    first = _taken(bills)[0]
    taken = _taken([one for one in bills if one.currency == first.currency])
    best = taken[0]
    elsewhere = [
        one.fee for one in taken if (one.state, one.sort != best.sort) == ("success", True) and one.fee
    ]
    return best._replace(fee=elsewhere[0]) if elsewhere and best.state == "success" and not best.fee else best


def _fee_of(told: Told, bills: Sequence[OfBill]) -> int | None:
    """What was taken, by bills in its currency, or else as it was told."""
    ours = [one for one in bills if one.currency == told.currency]
    return _best(ours).fee if ours else told.fee


def _of_bill(line: Line) -> tuple[str, int, str, str]:
    return line.bill, line.day, line.sort, line.currency


def _taken(bills: Sequence[OfBill]) -> list[OfBill]:
    """Bills with what each sort took, those of trades first: a success's fee has those that stand alone in others."""
    taken = []
    for sort in ("trade", "fund"):
        of = [one for one in bills if one.sort == sort]
        done = [one for one in of if one.state == "success"]
        moving = [one for one in done if one.lines]
        by_day = sorted(moving or done, key=lambda one: (one.day, one.bill))
        if by_day:
            alone = sum(one.fee for one in done if not one.lines)
            taken.append(by_day[0]._replace(fee=alone + (by_day[0].fee if moving else 0)))
            taken += by_day[1:] if moving else []
        rest = [one for one in of if one.state != "success"]
        taken += sorted(rest, key=lambda one: (not one.lines, one.day, one.bill))
    return taken


def _again(one: OfBill, moved: Sequence[OfBill]) -> bool:
    """Whether the same sort of bill has the money more than once: in one bill, in two statements, or on two days."""
    others = (other for other in moved if other is not one)
    return one.state == "success" and (one.lines > 1 or any(other.sort == one.sort for other in others))


def _fee_off(kind: str, told: Told, fee: int, agreed: Agreed) -> int:
    right = told.fee if told.fee is not None else agreed.fee(told.units)
    if right is None:
        return 0
    low, high = (right, right) if kind == "payment" or told.fee is not None else (-right, 0)
    off = max(low - fee, fee - high)  # of money that goes back, up to its fee may come back
    return off if off > agreed.slack else 0


def _place(one: Told) -> tuple[int, int]:
    return -RANK[one.state], one.time


def _nearest(ordered: Sequence[Told]) -> list[Told]:
    """The first ones, as many as are equally good."""
    return [one for one in ordered if _place(one) == _place(ordered[0])]
