"""Which records hang together, as `components` asks it: indexes from keys to dues, payments and decisions.

They are derived from the records, so they are not stored. What is over is found nowhere, whether or not it is
still in an index.
"""

from collections.abc import Callable, Iterable, Sequence

from flows.reconciliation.components import ALWAYS, NUMBER, keys_of_due, keys_of_payment
from flows.reconciliation.decisions import moved_by, subjects_of
from flows.reconciliation.facts import current, moved, paid_of
from flows.reconciliation.model import Due, Paid
from flows.reconciliation.quoted import numbers_of_payment
from flows.reconciliation.record import (
    DecisionRecord,
    DueRecord,
    PaymentRecord,
    Record,
    due_key,
    payment_key,
)
from flows.reconciliation.rules import MatchingRules
from schemas.identity import person_of

MOST_SHARING = 1_000
"""Dues that may share a number; one that more of them have names none of them."""


class Index(dict[str, str | dict[str, None]]):
    """Keys → names of what has them; most keys have one."""

    def add(self, key: str, name: str) -> None:
        """It has the key."""
        found = self.get(key)
        if found is None:
            self[key] = name
        elif isinstance(found, dict):
            found[name] = None
        elif found != name:
            self[key] = {found: None, name: None}

    def drop(self, key: str, name: str) -> None:
        """It has the key no more."""
        found = self.get(key)
        if found == name:
            del self[key]
        elif isinstance(found, dict) and name in found:
            del found[name]
            if not found:
                del self[key]

    def names(self, key: str) -> Sequence[str]:
        """What has the key."""
        found = self.get(key, ())
        return (found,) if isinstance(found, str) else tuple(found)

    def count(self, key: str) -> int:
        """How many have it."""
        found = self.get(key, ())
        return 1 if isinstance(found, str) else len(found)


class Links:
    """What is known in one group of merchants. `known`: a record by its key, unless it is over."""

    def __init__(
        self,
        group: str,
        known: Callable[[str], Record | None],
        rules: MatchingRules,
        party_of: Callable[[str], str],
    ) -> None:
        self.group, self.known, self.rules, self.party_of = group, known, rules, party_of
        self._dues, self._payments, self._decisions = Index(), Index(), Index()
        """Dues by their documents; payments and decisions by their records' keys, which are in memory already."""
        self._paid: dict[str, Paid | None] = {}
        self._fresh = set[str]()
        """Payments that are found by all their keys because nobody has said yet whether a number leads to a due."""

    def add(self, record: Record) -> None:
        """A record is there, or says something else now: what it said before was dropped."""
        match record:
            case DueRecord(due=due) if due is not None:
                for key in keys_of_due(due, self.rules):
                    if not record.settled or key.startswith(NUMBER):
                        self._dues.add(key, record.document)
            case PaymentRecord():
                paid = self._read(record)
                for key in keys_of_payment(paid, self.rules) if paid is not None else ():
                    self._payments.add(key, record.key)
                self._fresh.add(record.key)
            case DecisionRecord(said=said) if said is not None:
                for key in subjects_of(said):
                    self._decisions.add(key, record.key)

    def drop(self, record: Record) -> None:
        """A record is gone, or is about to change."""
        match record:
            case DueRecord(due=due) if due is not None:
                for key in keys_of_due(due, self.rules):
                    self._dues.drop(key, record.document)
            case PaymentRecord():
                paid = self._read(record)
                self._paid.pop(record.key[2:], None)
                for key in keys_of_payment(paid, self.rules) if paid is not None else ():
                    self._payments.drop(key, record.key)
            case DecisionRecord(said=said) if said is not None:
                for key in subjects_of(said):
                    self._decisions.drop(key, record.key)

    def settle(self, record: DueRecord, settled: bool) -> None:
        """A due that numbers and decisions settle is found by its numbers alone, until it is open again."""
        assert record.due is not None
        change = self._dues.drop if settled else self._dues.add
        for key in keys_of_due(record.due, self.rules):
            if not key.startswith(NUMBER):
                change(key, record.document)
        record.settled = settled

    def pool(self, record: PaymentRecord, pooled: bool) -> None:
        """A payment whose number leads to a due is found by its numbers alone, until none does."""
        key = record.key
        if record.pooled == pooled and key not in self._fresh:
            return
        self._fresh.discard(key)
        paid = self._read(record)
        change = self._payments.add if pooled else self._payments.drop
        for one in keys_of_payment(paid, self.rules) if paid is not None else ():
            if not one.startswith(ALWAYS):
                change(one, key)
        record.pooled = pooled

    def sift(self) -> None:
        """Payments of this block whose numbers lead to a due: nobody looks for them otherwise."""
        for key in sorted(self._fresh):
            record = self.known(key)
            if isinstance(record, PaymentRecord) and not record.pooled and self._is_called(record):
                self.pool(record, False)

    def _is_called(self, record: PaymentRecord) -> bool:
        paid = self._read(record)
        numbers = numbers_of_payment(paid) if paid is not None else ()
        return any(True for number in numbers for _ in self.dues_by(NUMBER + number))

    def forget(self) -> None:
        """Nothing is read ahead any more: a block is over."""
        self._paid.clear()
        self._fresh.clear()

    def about(self, record: Record) -> tuple[list[str], list[str]]:
        """Documents and payments from which what hangs together with a record is found."""
        match record:
            case DueRecord():
                return [record.document], list(record.status[-1])
            case PaymentRecord():
                return record.documents, [record.key[2:]]
            case DecisionRecord(said=said) if said is not None:
                documents = [share.document for share in said.shares] + [said.document] * bool(said.document)
                payments = [share.payment for share in said.shares] + [said.payment] * bool(said.payment)
                return documents, payments
        return [], []

    # What `components` asks

    def due(self, document: str) -> Due | None:
        """The due of a document."""
        record = self.known(due_key(self.group, document))
        return record.due if isinstance(record, DueRecord) else None

    def payment(self, key: str) -> Paid | None:
        """The payment of a key, when money moved; another group's is none."""
        if key in self._paid:
            return self._paid[key]
        record = self.known(payment_key(key))
        if not isinstance(record, PaymentRecord) or record.group != self.group:
            return None
        return self._read(record)

    def dues_by(self, key: str) -> Iterable[str]:
        """Documents of the dues that have a key."""
        if key.startswith(NUMBER) and self._dues.count(key) > MOST_SHARING:
            return ()
        return self._dues.names(key)

    def payments_by(self, key: str) -> Iterable[str]:
        """Keys of the payments that have a key."""
        return [one[2:] for one in self._payments.names(key)]

    def pooled(self, key: str) -> bool:
        """Whether no number leads from the payment to a due."""
        record = self.known(payment_key(key))
        return isinstance(record, PaymentRecord) and record.pooled

    def settled(self, document: str) -> bool:
        """Whether numbers and decisions alone leave nothing of the due open."""
        record = self.known(due_key(self.group, document))
        return isinstance(record, DueRecord) and record.settled

    def decided_with(self, name: str) -> Iterable[str]:
        """Payments that people's shares give to a document; documents that they give a payment to."""
        if not self._decisions:
            return
        for key in (due_key(self.group, name), payment_key(name)):
            for decision in self.decisions_on(key):
                for share in decision.said.shares if decision.said is not None else ():
                    if share.document == name:
                        yield share.payment
                    if share.payment == name:
                        yield share.document

    def decisions_on(self, key: str) -> list[DecisionRecord]:
        """Decisions about a record."""
        if not self._decisions:
            return []
        found = [self.known(one) for one in self._decisions.names(key)]
        return [one for one in found if isinstance(one, DecisionRecord)]

    def decided_beside(self, record: DecisionRecord) -> list[DecisionRecord]:
        """A decision, and those of its person whose amounts may add up with its own."""
        found = {record.key: record}
        waiting = [record.said] if record.said is not None else []
        while waiting:
            said = waiting.pop()
            for other in [one for key in moved_by(said) for one in self.decisions_on(key)]:
                beside = other.said
                if (
                    other.key not in found
                    and beside is not None
                    and person_of(beside.by) == person_of(said.by)
                ):
                    found[other.key] = other
                    waiting.append(beside)
        return list(found.values())

    def _read(self, record: PaymentRecord) -> Paid | None:
        key = record.key[2:]
        if key not in self._paid:
            payment = current(record)
            party = self.party_of(payment.payer) if payment is not None and payment.payer else ""
            self._paid[key] = paid_of(payment, party) if payment is not None and moved(payment) else None
        return self._paid[key]
