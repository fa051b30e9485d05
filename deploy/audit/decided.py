"""People's decisions about payments: who may decide what alone, and that what counts is what is booked."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from deploy.audit.asked import Asked
from deploy.audit.movements import COMPARED
from deploy.audit.receipts import Bounds
from deploy.audit.report import Check, Findings
from deploy.audit.store import Store
from schemas.identity import person_of
from schemas.money import whole_fen

_ROWS = """
    SELECT event_id, toString(group) AS group, event_time, toString(decision) AS decision, by, exception_id, shares,
           payment, document, reinterpretAsInt64(amount) AS units, of, reason, bitShiftRight(seq, 32) AS lane
    FROM $payment_decision ORDER BY seq, line"""
_STATES = """
    SELECT toString(group) AS group, event_id, groupArray((seq, line, toString(state))) AS told FROM $decision_state
    GROUP BY group, event_id"""
_MOVES = ("match", "write_off", "refund")
"""Decisions about payments and documents, whose amounts add up."""
_WORDS = ("approve", "withdraw")
_REASONED = ("write_off", "accept", "withdraw")
_COUNT = ("in_force", "withdrawing")
IDLE = "decision_idle"
_OF_BILLS = {"bill_refused", "bill_missing"}
_OF_BOOKS = {"conflicting_states", "payout_missing", "return_orphan", "refund_over", IDLE}
_MAY_BE_ACCEPTED = (COMPARED - {"cut_off"}) | _OF_BILLS | _OF_BOOKS
_REMEMBERED = 90 * 86_400_000
"""A decision about an exception that is closed is kept so long, in ms."""
_ANSWERED = """
    SELECT toString(group) AS group, exception_id,
           argMax((toString(status), toString(kind), reinterpretAsInt64(amount), since, until), (seq, line)) AS newest
    FROM $payment_exception
    WHERE status IN ('ignored', 'accepted')
        OR exception_id IN (SELECT exception_id FROM $payment_decision WHERE decision = 'accept')
    GROUP BY group, exception_id HAVING newest.1 != 'closed'"""
Key = tuple[str, str]
"""Group and id."""


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
    """A decision, and the words about it: when and who."""

    group: str
    number: str
    time: int
    decision: str
    by: str
    shares: dict[tuple[str, str], int]
    payment: str
    document: str
    units: int
    exception: str
    lane: int
    approvals: list[tuple[int, str]] = []
    withdrawals: list[tuple[int, str]] = []
    told: str = ""
    """What became of it, as the newest row says."""

    @property
    def about(self) -> int:
        """How much it is about."""
        return self.units + sum(self.shares.values())

    @property
    def places(self) -> set[tuple[str, str]]:
        """Payments and documents that it is about."""
        found = {("payment", one) for one, _ in self.shares} | {("document", one) for _, one in self.shares}
        found |= {("payment", self.payment), ("document", self.document)}
        return {(kind, name) for kind, name in found if name}

    @property
    def counts(self) -> bool:
        """Whether it counts."""
        return self.told in _COUNT


class Decided:
    """All decisions; those that count by document and payment."""

    def __init__(self, store: Store, bounds: Sequence[Bounds]) -> None:
        self.found = Findings("payment_decisions", "裁决遵守双人复核与限额，撤回的不再生效，生效的已入账")
        self._most = max((one.write_off for one in bounds), default=0)
        self._all: dict[Key, Decision] = {}
        self._read(store)
        could = [_states(self._all.values(), limit) for limit in {one.alone for one in bounds} or {0}]
        told = {(row["group"], row["event_id"]): sorted(row["told"]) for row in store.rows(_STATES)}
        for key, one in self._all.items():
            said = [state for *_, state in told.pop(key, ())]
            one.told = said[-1] if said else ""
            if one.told not in (should := {states[key] for states in could}):
                self.found.add(
                    f"{one.number}: is {one.told or 'nothing'}, should be {' or '.join(sorted(should))}"
                )
            if any(state == after for state, after in pairwise(said)):
                self.found.add(f"{one.number}: is said to be the same twice: {said}")
        for _, number in told:
            self.found.add(f"{number}: is said to be something, and nobody decided it")
        self._take()
        self._answered(store)

    def _read(self, store: Store) -> None:
        words: list[tuple[Key, str, tuple[int, str]]] = []
        for row in store.rows(_ROWS):
            self.found.seen += 1
            shares = {
                (one["payment"], one["document"]): one["amount_e4"] for one in json.loads(row["shares"])
            }
            if row["decision"] in _REASONED and not row["reason"].strip():
                self.found.add(f"{row['event_id']}: nobody said why")
            if row["decision"] in _MOVES and not all(map(whole_fen, (row["units"], *shares.values()))):
                self.found.add(f"{row['event_id']}: is about a part of a fen")
            if row["decision"] in _WORDS:
                word = row["event_time"], person_of(row["by"])
                words.append(((row["group"], row["of"]), row["decision"], word))
                continue
            one = Decision(
                group=row["group"],
                number=row["event_id"],
                time=row["event_time"],
                decision=row["decision"],
                by=person_of(row["by"]),
                shares=shares,
                payment=row["payment"],
                document=row["document"],
                units=row["units"],
                exception=row["exception_id"],
                lane=row["lane"],
            )
            self._all[row["group"], row["event_id"]] = one
            if one.decision == "write_off" and one.units > self._most:
                self.found.add(f"{one.number}: writes off {one.units}, more than anyone may")
        for key, what, word in words:
            if of := self._all.get(key):
                (of.approvals if what == "approve" else of.withdrawals).append(word)

    def _take(self) -> None:
        self._to_refund: dict[tuple[str, str], int] = {}
        self.shared: set[tuple[str, str]] = set()
        """Group and payment: people said what it is for."""
        self._shares: dict[tuple[str, str, str], int] = {}
        self._of: dict[tuple[str, str, str], Decision] = {}
        """By group, payment and document: the decision that says what is matched, and how much is."""
        self._matched: Counter[tuple[str, str, str]] = Counter()
        self._written: dict[tuple[str, str], Decision] = {}
        self._accepted: dict[tuple[str, str], Decision] = {}
        self._touched = {(one.group, name) for one in self._all.values() for _, name in one.places}
        for one in sorted(self._all.values(), key=lambda one: (one.time, one.number)):
            if not one.counts:
                continue
            if one.decision == "match":
                self.shared |= {(one.group, payment) for payment, _ in one.shares}
                self._shares |= {(one.group, *pair): units for pair, units in one.shares.items()}
                self._of |= {(one.group, *pair): one for pair in one.shares}
            elif one.decision == "write_off":
                self._written[one.group, one.document] = one
            elif one.decision == "refund":
                self._to_refund[one.group, one.payment] = one.units
            elif one.decision == "accept":
                self._accepted[one.group, one.exception] = one

    def _answered(self, store: Store) -> None:
        """Exceptions sleep because someone said so, and as long; they are accepted as they are, or asked about."""
        said: dict[str, set[int]] = defaultdict(set)
        for row in store.rows("SELECT exception_id, until FROM $payment_decision WHERE decision = 'ignore'"):
            said[row["exception_id"]].add(row["until"])
        for row in store.rows(_ANSWERED):
            number = row["exception_id"]
            status, kind, units, since, until = row["newest"]
            if status == "ignored" and until not in said[number]:
                self.found.add(f"{number}: sleeps until {until}, and nobody said so")
            decision = self._accepted.get((row["group"], number))
            accepted = decision is not None and decision.units == units and kind in _MAY_BE_ACCEPTED
            if status == "accepted" and not accepted:
                self.found.add(f"{number}: is accepted, and nobody accepted {units} of {kind}")
            elif status != "accepted" and accepted and decision and since < decision.time + _REMEMBERED:
                self.found.add(f"{number}: was accepted with {units}, and people are asked all the same")

    def touches(self, group: str, *names: str) -> bool:
        """Whether a person decided about one of these payments and documents, whatever became of it."""
        return any((group, name) in self._touched for name in names)

    def acceptance(self, group: str, exception: str) -> Decision | None:
        """The decision that accepts an exception; None: there is none that counts."""
        return self._accepted.get((group, exception))

    def goes_back(self, group: str, key: str, units: int) -> bool:
        """Whether people decided that so much of a payment goes back."""
        most = self._to_refund.get((group, key))
        return most is not None and units <= most

    def payment(self, key: str, group: str, kind: str, units: int, vouchers: Sequence[Voucher]) -> None:
        """What people said of a payment, and nothing else of what goes back, is booked."""
        for one in vouchers:
            if one.what == "match":
                self._matched[group, key, one.document] += one.units
            if one.rule == "decided":
                said = self._shares.get((group, key, one.document), 0)
                if one.units > said:
                    self.found.add(f"{key}: {one.units} is matched with {one.document}, people said {said}")
            elif kind == "payment" and self.goes_back(group, key, units):
                self.found.add(f"{key}: has to go back, and pays {one.document}")

    def due(self, group: str, document: str, asked: int, vouchers: Sequence[Voucher]) -> None:
        """What is written off of a due is what people said."""
        decision = self._written.get((group, document))
        given_up = min(decision.units, asked) if decision is not None else 0
        wanted = [(given_up, f"decision {decision.number}")] if decision is not None and given_up else []
        vouchers = [one for one in vouchers if one.what == "write_off"]
        there = [(one.units, one.evidence) for one in vouchers]
        if there != wanted:
            self.found.add(f"{document}: {there} is written off, should be {wanted}")
        elif decision is not None and any(one.time < decision.time for one in vouchers):
            self.found.add(f"{document}: is written off before that was decided")

    def check(self, asked: Asked, patience: int) -> Check:
        """The outcome. Matches that have not done what they say are asked about."""
        idle: Counter[Key] = Counter()
        for place, one in self._of.items():
            idle[one.group, one.number] += max(self._shares[place] - self._matched[place], 0)
        for (group, number), decision in self._all.items():
            wanted, there = idle[group, number], asked.there(group, number, IDLE)
            over = asked.now(decision.lane) >= decision.time + patience
            if (there or 0) != wanted and (there is not None or over):
                self.found.add(f"{number}: {wanted} of it is not matched, people are asked about {there}")
        return self.found.check("decisions")


def _states(decisions: Iterable[Decision], limit: int) -> dict[Key, str]:
    """What becomes of decisions where one person alone decides about so much.

    Smaller ones of a person about the same payment or document add up, as far as nobody else has agreed to them.
    """
    found: dict[Key, str] = {}
    alone: dict[tuple[str, str, str, str], list[Decision]] = defaultdict(list)
    for one in sorted(decisions, key=lambda one: (one.time, one.number)):
        places = [(one.group, one.by, *place) for place in one.places] if one.decision in _MOVES else []
        before = {other.number: other.about for place in places for other in alone[place]}
        two = one.decision != "ignore" and one.about + sum(before.values()) > limit
        agreed = sorted(time for time, by in one.approvals if by != one.by)
        gone = sorted(one.withdrawals)
        if gone and (not two or not agreed or gone[0][0] < agreed[0] or len({by for _, by in gone}) > 1):
            state = "withdrawn"
        elif gone:
            state = "withdrawing"
        else:
            state = "waiting" if two and not agreed else "in_force"
        found[one.group, one.number] = state
        if state == "in_force" and not agreed:
            for place in places:
                alone[place].append(one)
    return found
