"""What people are asked about payments: exceptions are opened and closed in turn, and open ones are still true."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from deploy.audit.names import content_name
from deploy.audit.receipts import Bounds
from deploy.audit.report import Check, Findings
from deploy.audit.store import LANE, Store, shard_of
from schemas.reasons import EXCEPTION

_ROWS = f"""
    SELECT exception_id, groupArray((seq, line, toString(status), toString(group), toString(kind), subject,
           reinterpretAsInt64(amount), since, until, time, candidates, evidence)) AS rows
    FROM $payment_exception WHERE {shard_of("exception_id")} GROUP BY exception_id"""
_NOW = f"""
    SELECT lane, max(newest) AS newest FROM (
        SELECT bitShiftRight(seq, {LANE}) AS lane, time AS newest FROM $payment_exception
        UNION ALL SELECT bitShiftRight(seq, {LANE}), time FROM $payment_match
        UNION ALL SELECT bitShiftRight(seq, {LANE}), time FROM $order_status
    ) GROUP BY lane"""
_OF_PAYMENT = frozenset(
    {
        *("unknown_payment", "ambiguous", "amount_over", "amount_under", "duplicate_payment"),
        *("currency_mismatch", "cancelled_paid", "too_complex"),
    }
)
_OF_REFUND = frozenset({"refund_orphan", "refund_over", "ambiguous", "amount_over"})
_PATIENT = frozenset({"unknown_payment", "refund_orphan"})
"""Kinds that people are told of only when the other side has had some time to come."""
_REPEATED, _UNDER = "duplicate_payment", "amount_under"
"""What is told of the second is what is missing of the documents, not what is left of the payment."""
MOST_CANDIDATES = 20
"""Documents that an exception names: beyond, what is missing cannot be added up from them, and another may
have been paid first."""
_OVER = frozenset({"amount_over", "duplicate_payment", "cancelled_paid"})
_AFTER = {
    **dict.fromkeys(("", "closed"), ("opened", "ignored", "accepted")),
    **dict.fromkeys(("ignored", "accepted"), ("opened", "ignored", "accepted", "closed")),
    **dict.fromkeys(("opened", "changed"), ("changed", "ignored", "accepted", "closed")),
}


def names_in(text: str) -> list[str]:
    """Names that stand in one text, in which a blank within a name is `%20`."""
    return [one.replace("%20", " ").replace("%25", "%") for one in text.split(" ")] if text else []


class One(NamedTuple):
    """A row of an exception."""

    seq: int
    line: int
    status: str
    group: str
    kind: str
    subject: str
    units: int
    since: int
    until: int
    time: int
    candidates: str
    evidence: str


class Over(NamedTuple):
    """Money beyond what a document asks for, of which people are asked."""

    group: str
    subject: str
    candidates: list[str]
    units: int


class Repeat(NamedTuple):
    """A payment that people are asked about because another one was for the same."""

    group: str
    subject: str
    candidates: list[str]
    evidence: str


class Missing(msgspec.Struct):
    """A payment of less than is open of the documents that it names."""

    group: str
    subject: str
    documents: list[str]
    units: int
    left: int = 0
    """Of the payment."""
    open: int = 0
    """Of the documents."""


class Asked:
    """All exceptions. Those that are not closed, accepted ones, too, are kept: by group and subject, and by kind, the
    amount."""

    def __init__(self, store: Store, bounds: Sequence[Bounds], data_time: int) -> None:
        self._patience = max((one.patience for one in bounds), default=0)
        self._now: dict[int, int] = {row["lane"]: max(row["newest"], data_time) for row in store.rows(_NOW)}
        self._data_time = data_time
        self._open: dict[tuple[str, str], dict[str, int]] = {}
        self.over: list[Over] = []
        self.repeats: list[Repeat] = []
        self._under: dict[tuple[str, str], Missing] = {}
        self._named: dict[tuple[str, str], list[Missing]] = defaultdict(list)
        """By group and document: what is asked about for less than is open of it."""
        self.accepted: set[tuple[str, str, str]] = set()
        """Group, subject and kind of those that people accepted."""
        self.unmatched: set[tuple[str, str]] = set()
        """Group and payment: those of which something is left, of all that were looked at."""
        self.found = Findings("exceptions", "例外的开启与关闭前后一致，未关闭的例外仍然成立")
        for shard, shards in store.shards("payment_exception", 1_000_000):
            for row in store.rows(_ROWS, shard=shard, shards=shards):
                self._exception(row["exception_id"], [One(*one) for one in sorted(row["rows"])])

    def _exception(self, number: str, rows: Sequence[One]) -> None:
        self.found.seen += len(rows)
        first = rows[0]
        if number != content_name("ex", first.group, first.kind, first.subject):
            self.found.add(f"{number}: is not the id of {first.kind} of {first.subject}")
        if first.kind not in EXCEPTION:
            self.found.add(f"{number}: {first.kind} is no kind of exception")
        before, since = "", 0
        for one in rows:
            if (one.group, one.kind, one.subject) != (first.group, first.kind, first.subject):
                self.found.add(f"{number}: changes what it is about")
            if one.status not in _AFTER.get(before, ()):
                self.found.add(f"{number}: is {one.status} after it was {before or 'not there'}")
            if before in ("", "closed"):
                since = one.time
            if one.since != since:
                self.found.add(f"{number}: is open since {one.since}, was opened at {since}")
            if one.status != "closed" and (one.status == "ignored") != (one.until > one.time):
                self.found.add(f"{number}: is {one.status}, and sleeps until {one.until}")
            before = one.status
        if before != "closed":
            self._keep(rows[-1])

    def _keep(self, newest: One) -> None:
        """Something that people are asked about."""
        about, looked_at = (newest.group, newest.subject), names_in(newest.candidates)
        self._open.setdefault(about, {})[newest.kind] = newest.units
        if newest.status == "accepted":
            self.accepted.add((*about, newest.kind))
        if newest.kind in _OVER:
            self.over.append(Over(*about, looked_at, newest.units))
        if newest.kind == _REPEATED:
            self.repeats.append(Repeat(*about, looked_at, newest.evidence))
        if newest.kind == _UNDER:
            self._under[about] = under = Missing(*about, looked_at, newest.units)
            for document in looked_at:
                self._named[newest.group, document].append(under)

    def now(self, lane: int) -> int:
        """A lane's data time, at least."""
        return self._now.get(lane, self._data_time)

    def of(self, group: str, subject: str) -> Mapping[str, int]:
        """What people are asked about something: by kind, the amount."""
        return self._open.get((group, subject), {})

    def open_of(self, kinds: frozenset[str]) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
        """Group and subject of all that people are asked about in these ways, and in which."""
        for about, there in self._open.items():
            if found := kinds & there.keys():
                yield about, found

    def amount(self, group: str, subject: str) -> int:
        """What people are asked about a payment or refund."""
        there = self.of(group, subject)
        return sum(units for kind, units in there.items() if kind in _OF_PAYMENT | _OF_REFUND)

    def there(self, group: str, subject: str, kind: str) -> int | None:
        """The amount of an open exception; None: it is not open."""
        return self.of(group, subject).get(kind)

    def nothing(self, group: str, key: str) -> None:
        """No money moved, or it is none that has to find a due."""
        if self.amount(group, key):
            self.found.add(f"{key}: people are asked about it, and it is no money that pays a due")

    def payment(
        self, key: str, group: str, kind: str, left: int, time: int, lane: int, *, goes_back: bool
    ) -> None:
        """So much of a payment is unmatched: people are asked about exactly that, once."""
        self.found.seen += 1
        kinds = _OF_PAYMENT if kind == "payment" else _OF_REFUND
        there = {one: units for one, units in self.of(group, key).items() if one in _OF_PAYMENT | _OF_REFUND}
        if _UNDER in there:
            self._under[group, key].left = there[_UNDER] = left
        wanted = {} if goes_back or not left else {left}
        if not kinds.issuperset(there) or len(there) > 1 or (there and set(there.values()) != wanted):
            self.found.add(f"{key}: people are asked about {there}, unmatched is {left}")
        elif not there and wanted and self.now(lane) >= time + self._patience:
            self.found.add(f"{key}: nobody is asked about {left} that is unmatched")

    def owed(self, group: str, document: str, units: int) -> None:
        """So much of a document is open."""
        for under in self._named.get((group, document), ()):
            under.open += units

    def check(self) -> Check:
        """The outcome."""
        for under in self._under.values():
            missing = under.open - under.left
            if under.units != missing and len(under.documents) < MOST_CANDIDATES:
                self.found.add(
                    f"{under.subject}: people are told that {under.units} are missing, it is {missing}"
                )
        return self.found.check("exceptions and payments")
