"""A lane in small: facts one by one, each time only what hangs together with the new one is matched again."""

from collections import defaultdict
from collections.abc import Iterable

from flows.reconciliation.components import component, keys_of_due, keys_of_payment
from flows.reconciliation.model import Decisions, Difference, Due, Match, Open, Paid
from flows.reconciliation.outcome import outcome
from flows.reconciliation.rules import MatchingRules


class Lane:
    """Indexes, what the last outcome said, and what is booked."""

    def __init__(self, rules: MatchingRules, now: int) -> None:
        self.rules, self.now = rules, now
        self.dues: dict[str, Due] = {}
        self.paid: dict[str, Paid] = {}
        self.matches: dict[str, list[Match]] = {}
        self.exceptions: dict[str, list[Open]] = {}
        self.differences: dict[str, list[Difference]] = {}
        self.seen = 0
        """Dues and payments that were looked at, all in all."""
        self._dues_by: dict[str, set[str]] = defaultdict(set)
        self._payments_by: dict[str, set[str]] = defaultdict(set)
        self._pooled: set[str] = set()
        self._settled: set[str] = set()

    def due(self, document: str) -> Due | None:
        """As `Facts` asks."""
        return self.dues.get(document)

    def payment(self, key: str) -> Paid | None:
        """As `Facts` asks."""
        return self.paid.get(key)

    def dues_by(self, key: str) -> Iterable[str]:
        """As `Facts` asks."""
        return self._dues_by.get(key, ())

    def payments_by(self, key: str) -> Iterable[str]:
        """As `Facts` asks."""
        return self._payments_by.get(key, ())

    def pooled(self, key: str) -> bool:
        """As `Facts` asks."""
        return key in self._pooled

    def settled(self, document: str) -> bool:
        """As `Facts` asks."""
        return document in self._settled

    def decided_with(self, name: str) -> Iterable[str]:
        """Nobody decides here."""
        return ()

    def take(self, *facts: Due | Paid) -> None:
        """New facts, together."""
        documents = [fact.document for fact in facts if isinstance(fact, Due)]
        keys = [fact.key for fact in facts if isinstance(fact, Paid)]
        before = component(documents, keys, self, self.rules)
        for fact in facts:
            if isinstance(fact, Due):
                if (old := self.dues.get(fact.document)) is not None:
                    for key in keys_of_due(old, self.rules):
                        self._dues_by[key].discard(fact.document)
                self.dues[fact.document] = fact
                for key in keys_of_due(fact, self.rules):
                    self._dues_by[key].add(fact.document)
            else:
                self.paid[fact.key] = fact
                for key in keys_of_payment(fact, self.rules):
                    self._payments_by[key].add(fact.key)
        documents += [due.document for due in before[0]]
        keys += [paid.key for paid in before[1]]
        self._match(*component(documents, keys, self, self.rules))

    def _match(self, dues: list[Due], payments: list[Paid]) -> None:
        self.seen += len(dues) + len(payments)
        result = outcome(dues, payments, Decisions(), self.rules, self.now)
        self._settled.difference_update(due.document for due in dues)
        self._settled |= result.settled
        for paid in payments:
            self._pooled.discard(paid.key)
            self.matches[paid.key], self.exceptions[paid.key], self.differences[paid.key] = [], [], []
        for match in result.matches:
            self.matches[match.payment].append(match)
        for one in result.exceptions:
            self.exceptions[one.subject].append(one)
        for difference in result.differences:
            self.differences[difference.payment].append(difference)
        self._pooled |= result.pooled

    def booked(self) -> tuple[list[Match], list[Open], list[Difference]]:
        """Everything in force, in order."""
        return (
            sorted(one for some in self.matches.values() for one in some),
            sorted(one for some in self.exceptions.values() for one in some),
            sorted(one for some in self.differences.values() for one in some),
        )
