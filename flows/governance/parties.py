"""The parties of the network and who belongs to whom when: `parties.csv`, a tree with dated membership.

    party,kind,name,parent,legal_entity,settlement_account,customer_level,from,to

A party may have several rows for periods that do not overlap (`from` and `to` inclusive, empty: open); in each it
has one parent, a party that exists for the whole of the period and of a kind that may have such members. Each
outlet of `sites.csv` is a party by its code whether or not it has a row here.
"""

import csv
import io
from bisect import bisect_right
from collections.abc import Container, Iterator, Mapping
from itertools import pairwise

import msgspec

from schemas.limits import MOST_IDENTIFIER
from schemas.parties import CUSTOMER, HQ
from schemas.problems import Problem
from schemas.rows import A_DAY, ALWAYS, FOR_EVER, Rows, day_in, wrong
from schemas.times import date_of

FILE = "parties.csv"
COLUMNS = (
    "party",
    "kind",
    "name",
    "parent",
    "legal_entity",
    "settlement_account",
    "customer_level",
    "from",
    "to",
)

PARENTS: dict[str, tuple[str, ...]] = {
    "headquarters": ("",),
    "province": ("headquarters",),
    "hub": ("headquarters", "province"),
    "outlet": ("headquarters", "province", "outlet"),
    "contractor": ("outlet",),
    "station": ("outlet", "contractor"),
    "courier": ("outlet", "contractor", "station"),
    "customer": ("", "headquarters", "province", "outlet"),
    "supplier": ("", "headquarters", "province", "outlet"),
    "carrier": ("", "headquarters", "province"),
}
"""By kind of party: the kinds of its parent; "" is none."""
RUNS_OUTLETS = ("province", "outlet", "contractor")
"""Kinds of parties that an outlet may be transferred to."""


KEEP_ACCOUNTS = ("province", "customer", "supplier", "carrier")
"""Kinds of parties that keep virtual accounts beside the outlets: all that owe headquarters, or are owed by it."""


class Membership(msgspec.Struct, frozen=True, gc=False):
    """A party in one period; business days since 1970-01-01, both inclusive."""

    party: str
    kind: str
    name: str
    parent: str
    legal_entity: str
    settlement_account: str
    """Sensitive: stands in the published document's record alone; tables have its last four characters."""
    customer_level: str
    first_day: int
    last_day: int


Parties = dict[str, tuple[Membership, ...]]
"""By party: its periods in order of time."""


def member(parties: Parties, party: str, day: int) -> Membership | None:
    """A party as it is on a business day; None: there is no such party then."""
    periods = parties.get(party)
    if periods is None:
        return None
    if len(periods) == 1:  # as nearly all have
        return periods[0] if periods[0].first_day <= day <= periods[0].last_day else None
    at = bisect_right(periods, day, key=lambda one: one.first_day) - 1
    return periods[at] if at >= 0 and day <= periods[at].last_day else None


def of_kinds(parties: Parties, kinds: Container[str]) -> frozenset[str]:
    """The parties of these kinds, whenever they are there; a party keeps its kind."""
    return frozenset({party for party, periods in parties.items() if periods[0].kind in kinds})


_MASK = "****"


def masked(account: str) -> str:
    """What may be shown of a settlement account; of what is shown so already, as in an exported directory, the same.

    >>> masked("6222021234567890123"), masked("****0123"), masked("123"), masked("")
    ('****0123', '****0123', '****', '')
    """
    shown = len(account) > 8 or (len(account) == 8 and account.startswith(_MASK))
    return _MASK + account[-4:] * shown if account else ""


def without_accounts(text: str) -> str:
    """The file as it may be shown: of settlement accounts only what may be shown of them."""
    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    header = [name.strip() for name in lines[0]] if lines else []
    if "settlement_account" not in header:
        return text
    at = header.index("settlement_account")
    made = io.StringIO(newline="")
    shown = ([*line[:at], *map(masked, line[at : at + 1]), *line[at + 1 :]] for line in lines[1:])
    csv.writer(made, lineterminator="\n").writerows([lines[0], *shown])
    return made.getvalue()


def read_parties(rows: Rows, problems: list[Problem]) -> Parties:
    """The parties in these rows; what is wrong is added to `problems`, and the result is then of no use."""
    held: dict[str, list[tuple[int, Membership]]] = {}
    for number, row in rows:
        made = _membership(number, row, problems)
        if made is not None:
            held.setdefault(made.party, []).append((number, made))
    for periods in held.values():
        periods.sort(key=lambda one: one[1].first_day)
        problems += _clashes(periods)
    parties = {party: tuple(one for _, one in periods) for party, periods in held.items()}
    if not problems:
        for periods in held.values():
            for number, one in periods:
                problems += _upwards(number, one, parties)
    return parties


def _membership(number: int, row: Mapping[str, str], problems: list[Problem]) -> Membership | None:
    first, last = day_in(row["from"], ALWAYS), day_in(row["to"], FOR_EVER)
    found = len(problems)
    if not 0 < len(row["party"]) <= MOST_IDENTIFIER or row["party"] == CUSTOMER:
        problems.append(
            wrong(FILE, number, "party", f"is a code of 1 to {MOST_IDENTIFIER} characters, not {CUSTOMER}")
        )
    if row["kind"] not in PARENTS:
        problems.append(wrong(FILE, number, "kind", f"is one of {', '.join(PARENTS)}"))
    if (row["party"] == HQ) != (row["kind"] == "headquarters"):
        problems.append(wrong(FILE, number, "kind", f"is headquarters for {HQ}, and only there"))
    for column, day in (("from", first), ("to", last)):
        if day is None:
            problems.append(wrong(FILE, number, column, f"{A_DAY}, not {row[column]!r}", "not_a_date"))
    if first is not None and last is not None and first > last:
        problems.append(wrong(FILE, number, "to", "is not before from", "wrong_period"))
    if row["customer_level"] and row["kind"] != "customer":
        problems.append(wrong(FILE, number, "customer_level", "is for customers only"))
    if len(problems) > found or first is None or last is None:
        return None
    return Membership(
        row["party"],
        row["kind"],
        row["name"],
        row["parent"],
        row["legal_entity"],
        row["settlement_account"],
        row["customer_level"],
        first,
        last,
    )


def _clashes(periods: list[tuple[int, Membership]]) -> Iterator[Problem]:
    """What is wrong between one party's periods, in order of time."""
    for (earlier_row, earlier), (number, later) in pairwise(periods):
        if later.first_day <= earlier.last_day:
            message = f"{later.party} is already described {_from(later.first_day)} in row {earlier_row}"
            yield wrong(FILE, number, "from", f"overlaps: {message}", "overlapping_rows")
        if later.kind != earlier.kind:
            message = f"is {_a(earlier.kind)} in row {earlier_row}: a party keeps its kind"
            yield wrong(FILE, number, "kind", message)


def _upwards(number: int, one: Membership, parties: Parties) -> Iterator[Problem]:
    """What is wrong with a period's parent."""
    if not one.parent:
        if "" not in PARENTS[one.kind]:
            kinds = " or ".join(map(_a, PARENTS[one.kind]))
            yield wrong(FILE, number, "parent", f"is missing: {_a(one.kind)} belongs to {kinds}", "no_parent")
        return
    day = one.first_day
    for above in parties.get(one.parent, ()):
        if above.first_day <= day <= above.last_day:
            if above.kind not in PARENTS[one.kind]:
                kinds = " or ".join(map(_a, filter(None, PARENTS[one.kind]))) or "nobody"
                message = f"{one.parent} is {_a(above.kind)}; {_a(one.kind)} belongs to {kinds}"
                yield wrong(FILE, number, "parent", message, "wrong_parent")
                return
            if _leads_to(one.party, above, day, parties):
                yield wrong(FILE, number, "parent", f"{one.parent} belongs to {one.party} itself", "cycle")
                return
            day = above.last_day + 1
    if day <= one.last_day:
        message = f"{one.parent} is no party of this file {_from(day)}"
        yield wrong(FILE, number, "parent", message, "unknown_parent")


def _from(day: int) -> str:
    """A day on which something is wrong first; an empty `from` has no date."""
    return "from the beginning" if day <= ALWAYS else f"on {date_of(day)}"


def _a(kind: str) -> str:
    """A kind of party, or one of them.

    >>> _a("outlet"), _a("courier"), _a("headquarters")
    ('an outlet', 'a courier', 'headquarters')
    """
    if kind == "headquarters":
        return kind
    return f"an {kind}" if kind == "outlet" else f"a {kind}"


def _leads_to(party: str, above: Membership | None, day: int, parties: Parties) -> bool:
    """Whether the way up from a period leads back to a party, on its first common day."""
    passed = set[str]()
    while above is not None and above.party not in passed:
        if above.party == party:
            return True
        passed.add(above.party)
        above = member(parties, above.parent, max(day, above.first_day))
    return False
