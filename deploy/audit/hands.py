"""Who runs an outlet when, by the auditor's own reading of the changes of hands."""

from collections.abc import Mapping
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
    merges: bool
    outlet: str
    party: str
    day: int
    published: int
    offset: int
    """Of its record on the control topic."""


class Hands(msgspec.Struct, frozen=True):
    """All changes of hands that have been published by some moment, in order of publication."""

    changes: tuple[Change, ...] = ()

    @property
    def outlets(self) -> set[str]:
        """Outlets that change hands at some time."""
        return {change.outlet for change in self.changes}

    def party(self, outlet: str, day: int) -> str:
        """Who runs an outlet on a day: the newest change that has come by then decides."""
        found = outlet
        for change in self.changes:
            if change.outlet == outlet and change.day <= day:
                found = self.party(change.party, day) if change.merges else change.party
        return found

    def spans(self, outlet: str) -> list[tuple[int, str]]:
        """The days on which an outlet's party changes, and to whom; first itself, since ever."""
        found = [(EVER, outlet)]
        for day in sorted({change.day for change in self.changes}):
            if (party := self.party(outlet, day)) != found[-1][1]:
                found.append((day, party))
        return found


def read_changes(store: Store) -> list[Change]:
    """Table `operator`."""
    rows = store.rows(
        "SELECT seq, change_id, kind = 'parties_merged' AS merges, outlet, party, first_day AS day, "
        "toUnixTimestamp64Milli(published_at) AS published, offset FROM $operator ORDER BY seq, line"
    )
    return [
        Change(
            row["seq"],
            row["change_id"],
            bool(row["merges"]),
            row["outlet"],
            row["party"],
            row["day"],
            row["published"],
            row["offset"],
        )
        for row in rows
    ]


def check_changes(hands: Hands) -> Check:
    """Changes of an outlet come in order of days, on the open day or later, and none after it was absorbed."""
    found = Findings("changes_of_hands", "网点转让与合并按日期先后，不早于开放日")
    newest: dict[str, Change] = {}
    for change in hands.changes:
        found.seen += 1
        before = newest.get(change.outlet)
        if before is not None and (before.merges or before.day >= change.day):
            found.add(f"{change.change_id}: {change.outlet} was given away by {before.change_id} before")
        if change.day < (change.published + EAST_8) // DAY:
            found.add(f"{change.change_id}: the day was over when it was published")
        if change.party in (change.outlet, HQ, CUSTOMER) and (change.merges or change.party != change.outlet):
            found.add(f"{change.change_id}: {change.party} cannot take {change.outlet} over")
        newest[change.outlet] = change
    return found.check("changes")


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
    prefixes = [Hands(hands.changes[:n]) for n in range(len(hands.changes) + 1)]
    for first, last in store.ranges("charge", 1_000_000):
        found.rows(store.rows(_STRANGE, first=first, last=last, changing=changing))
        for row in store.rows(_CHANGING, first=first, last=last, changing=changing) if changing else ():
            if row["party"] not in {known.party(row["outlet"], row["day"]) for known in prefixes}:
                found.add(_strange(row), row["rows"])
    return found.check("charges")


def _strange(row: Mapping[str, Any]) -> str:
    return f"{row['parcel']}: {row['party']} never ran {row['outlet']} on day {row['day']}"
