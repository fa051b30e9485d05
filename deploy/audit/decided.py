"""People's decisions about payments: who may decide what alone, and that what counts is what is booked."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from deploy.audit.receipts import Bounds
from deploy.audit.report import Check, Findings
from deploy.audit.store import Store

_ROWS = """
    SELECT seq, line, event_id, toString(group) AS group, event_time, toString(decision) AS decision,
           toString(state) AS state, by, exception_id, shares, payment, document,
           reinterpretAsInt64(amount) AS units, of
    FROM $payment_decision ORDER BY seq, line"""
_BOOKS = ("match", "write_off", "refund")
_ASLEEP = """
    SELECT exception_id, argMax((toString(status), until), (seq, line)) AS newest FROM $payment_exception
    GROUP BY exception_id HAVING newest.1 = 'ignored'"""


class Voucher(NamedTuple):
    """What stands of a match, a difference or a write-off."""

    what: str
    group: str
    payment: str
    document: str
    units: int
    currency: str
    party: str
    posting: str
    rule: str
    evidence: str
    time: int


class Decision(msgspec.Struct):
    """A decision, who agreed to it, and whether it was taken back."""

    group: str
    number: str
    time: int
    decision: str
    by: str
    shares: dict[tuple[str, str], int]
    payment: str
    document: str
    units: int
    agreed: set[str]
    withdrawn: bool = False

    @property
    def about(self) -> int:
        """How much it is about."""
        return self.units + sum(self.shares.values())


class Decided:
    """All decisions; those that count by document and payment."""

    def __init__(self, store: Store, bounds: Sequence[Bounds]) -> None:
        self.found = Findings("payment_decisions", "裁决遵守双人复核与限额，撤回的不再生效，生效的已入账")
        self._alone = (
            min((one.alone for one in bounds), default=0),
            max((one.alone for one in bounds), default=0),
        )
        self._most = max((one.write_off for one in bounds), default=0)
        self._all: dict[tuple[str, str], Decision] = {}
        words: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for row in store.rows(_ROWS):
            self.found.seen += 1
            key, of = (row["group"], row["event_id"]), (row["group"], row["of"])
            said: list[tuple[str, str]] = words[key]
            if row["decision"] in ("approve", "withdraw"):
                words[of].append((row["decision"], row["by"]))
                if row["state"] != "noted":
                    self.found.add(f"{key[1]}: is {row['state']}, should be noted")
                continue
            shares = {
                (one["payment"], one["document"]): one["amount_e4"] for one in json.loads(row["shares"])
            }
            one = Decision(
                *(row["group"], row["event_id"], row["event_time"], row["decision"], row["by"], shares),
                *(row["payment"], row["document"], row["units"], set()),
            )
            self._all[key] = one
            self._stated(one, row["state"], said)
        for key, said in words.items():
            if key in self._all:
                self._all[key].agreed = {by for word, by in said if word == "approve"}
                self._all[key].withdrawn = any(word == "withdraw" for word, _ in said)
        self._take()
        self._asleep(store)

    def _stated(self, one: Decision, state: str, said: Sequence[tuple[str, str]]) -> None:
        """Its state when it came, by the words about it that had come before."""
        low, high = self._alone
        agreed = any(word == "approve" and by != one.by for word, by in said)
        needs = one.decision in _BOOKS and one.about > low and not agreed
        wanted = {"waiting" if needs else "in_force"} | ({"in_force"} if one.about <= high else set())
        if any(word == "withdraw" for word, _ in said):
            wanted = {"withdrawn"}
        if state not in wanted:
            self.found.add(f"{one.number}: is {state} when it comes, should be {' or '.join(sorted(wanted))}")
        if one.decision == "write_off" and one.units > self._most:
            self.found.add(f"{one.number}: writes off {one.units}, more than anyone may")

    def _counts(self, one: Decision) -> bool | None:
        """Whether it counts; None: it depends on which of the published rules it was judged by."""
        if one.withdrawn:
            return False
        if one.decision not in _BOOKS or one.agreed - {one.by} or one.about <= self._alone[0]:
            return True
        return None if one.about <= self._alone[1] else False

    def _take(self) -> None:
        self._to_refund: dict[tuple[str, str], int] = {}
        self.shared: set[tuple[str, str]] = set()
        """Group and payment: people said what it is for."""
        self._shares: dict[tuple[str, str, str], int] = {}
        self._written: dict[tuple[str, str], Decision] = {}
        self._touched: set[tuple[str, str]] = set()
        self._unsure: set[tuple[str, str]] = set()
        for one in sorted(self._all.values(), key=lambda one: (one.time, one.number)):
            about = {name for pair in one.shares for name in pair} | {one.payment, one.document}
            self._touched |= {(one.group, name) for name in about}
            counts = self._counts(one)
            if counts is None:
                self._unsure |= {(one.group, name) for name in about}
            elif counts and one.decision == "match":
                self.shared |= {(one.group, payment) for payment, _ in one.shares}
                self._shares |= {(one.group, *pair): units for pair, units in one.shares.items()}
            elif counts and one.decision == "write_off":
                self._written[one.group, one.document] = one
            elif counts and one.decision == "refund":
                self._to_refund[one.group, one.payment] = one.units

    def _asleep(self, store: Store) -> None:
        """Exceptions sleep because someone said so, and as long."""
        said: dict[str, set[int]] = defaultdict(set)
        for row in store.rows("SELECT exception_id, until FROM $payment_decision WHERE decision = 'ignore'"):
            said[row["exception_id"]].add(row["until"])
        for row in store.rows(_ASLEEP):
            if row["newest"][1] not in said[row["exception_id"]]:
                self.found.add(f"{row['exception_id']}: sleeps until {row['newest'][1]}, and nobody said so")

    def touches(self, group: str, *names: str) -> bool:
        """Whether a person decided about one of these payments and documents, whatever became of it."""
        return any((group, name) in self._touched for name in names)

    def goes_back(self, group: str, key: str, units: int) -> bool:
        """Whether people decided that so much of a payment goes back."""
        most = self._to_refund.get((group, key))
        return most is not None and units <= most

    def payment(self, key: str, group: str, kind: str, units: int, vouchers: Sequence[Voucher]) -> None:
        """What people said of a payment, and nothing else of what goes back, is booked."""
        if (group, key) in self._unsure:
            return
        for one in vouchers:
            if one.rule == "decided":
                said = self._shares.get((group, key, one.document), 0)
                if one.units > said:
                    self.found.add(f"{key}: {one.units} is matched with {one.document}, people said {said}")
            elif kind == "payment" and self.goes_back(group, key, units):
                self.found.add(f"{key}: has to go back, and pays {one.document}")

    def due(self, group: str, document: str, asked: int, vouchers: Sequence[Voucher]) -> None:
        """What is written off of a due is what people said."""
        if (group, document) in self._unsure:
            return
        decision = self._written.get((group, document))
        given_up = min(decision.units, asked) if decision is not None else 0
        wanted = [(given_up, f"decision {decision.number}")] if decision is not None and given_up else []
        there = [(one.units, one.evidence) for one in vouchers if one.what == "write_off"]
        if there != wanted:
            self.found.add(f"{document}: {there} is written off, should be {wanted}")

    def check(self) -> Check:
        """The outcome."""
        return self.found.check("decisions")
