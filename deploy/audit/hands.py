"""Who runs an outlet when, by the auditor's own reading of the changes of hands and of what was taken back of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from deploy.audit.postings import ROLES
from deploy.audit.report import Check, Findings
from deploy.audit.store import BLOCK_RANGE, Store
from schemas.parties import CUSTOMER, HQ

EAST_8, DAY = 8 * 3_600_000, 24 * 3_600_000
EVER = -1
"""Before all days."""


class Change(msgspec.Struct, frozen=True):
    """A row of table `operator`; `day` is days since 1970-01-01, `published` UTC ms."""

    seq: int
    change_id: str
    kind: str
    outlet: str
    party: str
    day: int
    published: int
    offset: int
    """Of its record on the control topic."""

    @property
    def merges(self) -> bool:
        """Whether an outlet is absorbed by another."""
        return self.kind == "parties_merged"

    @property
    def withdraws(self) -> bool:
        """Whether this says that what was announced of the outlet for that day does not take place."""
        return self.kind == "handover_withdrawn"

    def takes_back(self, other: "Change") -> bool:
        """Whether it is about another one."""
        return self.withdraws and (self.outlet, self.party, self.day) == (
            other.outlet,
            other.party,
            other.day,
        )


class Hands(msgspec.Struct, frozen=True):
    """What has been published of changes of hands by some moment, in order of publication."""

    said: tuple[Change, ...] = ()
    standing: Mapping[str, tuple[Change, ...]] = {}
    """By outlet, those that were not withdrawn."""

    @classmethod
    def of(cls, said: Iterable[Change]) -> "Hands":
        """What stands of all that was said."""
        *_, last = cls.growing(said)
        return last

    @classmethod
    def growing(cls, said: Iterable[Change]) -> Iterator["Hands"]:
        """What stood before anything was said, and after each change."""
        known = cls()
        yield known
        for one in said:
            of_outlet = known.standing.get(one.outlet, ())
            now = (
                tuple(other for other in of_outlet if not one.takes_back(other))
                if one.withdraws
                else (*of_outlet, one)
            )
            known = cls((*known.said, one), {**known.standing, one.outlet: now})
            yield known

    @property
    def outlets(self) -> set[str]:
        """Outlets of which it was ever said that they change hands."""
        return {one.outlet for one in self.said}

    def party(self, outlet: str, day: int) -> str:
        """Who runs an outlet on a day: the newest change that has come by then decides."""
        found = outlet
        for change in self.standing.get(outlet, ()):
            if change.day <= day:
                found = self.party(change.party, day) if change.merges else change.party
        return found

    def spans(self, outlet: str) -> list[tuple[int, str]]:
        """The days on which an outlet's party changes, and to whom; first itself, since ever."""
        found = [(EVER, outlet)]
        for day in sorted({change.day for changes in self.standing.values() for change in changes}):
            if (party := self.party(outlet, day)) != found[-1][1]:
                found.append((day, party))
        return found


def read_changes(store: Store) -> list[Change]:
    """Table `operator`."""
    rows = store.rows(
        "SELECT seq, change_id, kind, outlet, party, first_day AS day, "
        "toUnixTimestamp64Milli(published_at) AS published, offset FROM $operator ORDER BY seq, line"
    )
    return [
        Change(
            row["seq"],
            row["change_id"],
            row["kind"],
            row["outlet"],
            row["party"],
            row["day"],
            row["published"],
            row["offset"],
        )
        for row in rows
    ]


def check_changes(hands: Hands) -> Check:
    """Changes of an outlet come in order of days, on the open day or later, and none after it was absorbed.

    One is withdrawn once, before its day.
    """
    found = Findings("changes_of_hands", "网点转让与合并按日期先后，不早于开放日，撤回早于其生效日")
    for change, before in zip(hands.said, Hands.growing(hands.said), strict=False):
        found.seen += 1
        wrongs = _wrong_withdrawal if change.withdraws else _wrong_change
        for wrong in wrongs(change, before.standing.get(change.outlet, ())):
            found.add(f"{change.change_id}: {wrong}")
    return found.check("changes")


def _wrong_withdrawal(change: Change, standing: Sequence[Change]) -> Iterator[str]:
    if not any(change.takes_back(other) for other in standing):
        yield f"{change.outlet} was not to go to {change.party} then"
    if change.day <= _open(change):
        yield "the day had come when it was withdrawn"


def _wrong_change(change: Change, standing: Sequence[Change]) -> Iterator[str]:
    for one in standing[-1:]:
        if one.merges or one.day >= change.day:
            yield f"{change.outlet} was given away by {one.change_id} before"
    if change.day < _open(change):
        yield "the day was over when it was published"
    if change.party in (change.outlet, HQ, CUSTOMER) and (change.merges or change.party != change.outlet):
        yield f"{change.party} cannot take {change.outlet} over"


def _open(change: Change) -> int:
    """The day on which it was published."""
    return (change.published + EAST_8) // DAY


_HAS = "has({{changing:Array(String)}}, toString({}))"


def _wrong(role: str, party: str) -> str:
    """SQL for a party that cannot have its role; outlets that change hands are looked at by day."""
    ends = ", ".join(
        f"{role} = '{end}', toString({party}) != toString({end}) AND NOT {_HAS.format(end)}"
        for end in ("origin", "destination")
    )
    fixed = f"{role} = 'customer', {party} != '{CUSTOMER}', {role} = 'headquarters', {party} != '{HQ}'"
    return f"multiIf({fixed}, {ends}, 0)"


_STRANGE = f"""
    SELECT waybill, fee, payer, payee FROM $charge AS c LEFT JOIN {ROLES} AS f USING (fee)
    WHERE {BLOCK_RANGE}
        AND (pays = '' OR payer = payee OR payer = '' OR payee = ''
             OR {_wrong("pays", "payer")} OR {_wrong("gets", "payee")})
    LIMIT 1000"""
_CHANGING = f"""
    SELECT toString(if(end.1 = 'origin', origin, destination)) AS outlet, end.2 AS party, business_date AS day,
           any(waybill) AS parcel, count() AS rows
    FROM (
        SELECT origin, destination, business_date, waybill,
               arrayJoin([(pays, toString(payer)), (gets, toString(payee))]) AS end
        FROM $charge AS c LEFT JOIN {ROLES} AS f USING (fee)
        WHERE {BLOCK_RANGE}
            AND ({_HAS.format("origin")} OR {_HAS.format("destination")})
    )
    WHERE end.1 IN ('origin', 'destination') AND has({{changing:Array(String)}}, outlet)
    GROUP BY outlet, party, day"""


def check_parties(store: Store, hands: Hands) -> Check:
    """Payer and payee are those of the fee: whoever ran the outlet on the day as far as was then published."""
    found = Findings("parties", "付款方与收款方符合费用定义及网点当日的经营方")
    found.seen = store.count("charge")
    changing = sorted(hands.outlets)
    stages = [*Hands.growing(hands.said)]
    for first, last in store.ranges("charge", 1_000_000):
        found.rows(store.rows(_STRANGE, first=first, last=last, changing=changing))
        for row in store.rows(_CHANGING, first=first, last=last, changing=changing) if changing else ():
            if row["party"] not in {known.party(row["outlet"], row["day"]) for known in stages}:
                found.add(_strange(row), row["rows"])
    return found.check("charges")


def _strange(row: Mapping[str, Any]) -> str:
    return f"{row['parcel']}: {row['party']} never ran {row['outlet']} on day {row['day']}"
