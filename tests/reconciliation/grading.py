"""How the matcher does on labelled traffic: precision and recall by kind."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from flows.reconciliation.model import Due, Paid
from flows.reconciliation.rules import default_rules
from schemas.times import DAY
from tests.reconciliation.lane import Lane
from tests.reconciliation.traffic import DAYS, START, Label, Traffic


@dataclass
class Grade:
    """Payments of one kind. Matched wrongly: for another document, or with another amount."""

    payments: int = 0
    right: int = 0
    wrong: int = 0
    decidable: int = 0
    decided: int = 0
    """Of the decidable ones those that are right."""

    @property
    def precision(self) -> float:
        """Of what was matched, what is right."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Of what can be decided, what was."""
        return self.decided / self.decidable if self.decidable else 1.0

    def add(self, other: "Grade") -> None:
        """Both together."""
        for name in ("payments", "right", "wrong", "decidable", "decided"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def play(traffic: Traffic, seed: int, at_once: int = 50) -> Lane:
    """A lane that has heard all of it, out of order and in part twice, some facts at a time."""
    chance = random.Random(seed)
    everything: list[Due | Paid] = [*traffic.dues, *traffic.payments]
    facts = [(fact.time + chance.choice((0, 0, 0, DAY)), n, fact) for n, fact in enumerate(everything)]
    facts.sort(key=lambda one: one[:2])
    heard = [fact for _, _, fact in facts]
    lane = Lane(default_rules(), START + (DAYS + 60) * DAY)
    for start in range(0, len(heard), at_once):
        some = heard[start : start + at_once]
        lane.take(*some, *(fact for fact in some if chance.random() < 0.02))
    return lane


def graded(traffic: Traffic, lane: Lane) -> dict[str, Grade]:
    """By kind of story. Equal amounts of one customer are the same to everyone."""
    same = {
        due.document: (due.party, due.amount) if due.party != "散客" else due.document for due in traffic.dues
    }
    grades: dict[str, Grade] = {}
    for key, label in traffic.labels.items():
        grade = grades.setdefault(label.kind, Grade())
        said = Counter({match.document: 0 for match in lane.matches[key]})
        for match in lane.matches[key]:
            said[match.document] += match.amount
        right = _alike(said, label, same)
        grade.payments += 1
        if said:
            grade.right += right
            grade.wrong += not right
        if label.decidable and label.amounts:
            grade.decidable += 1
            grade.decided += right
    return grades


def _same(traffic: Traffic) -> Mapping[str, object]:
    """By document: what it is the same as."""
    return {
        due.document: (due.party, due.amount) if due.party != "散客" else due.document for due in traffic.dues
    }


def _alike(said: Counter[str], label: Label, same: Mapping[str, object]) -> bool:
    return Counter((same[name], amount) for name, amount in said.items()) == Counter(
        (same[name], amount) for name, amount in label.amounts.items()
    )


def wrong(traffic: Traffic, lane: Lane) -> list[str]:
    """Payments that were matched wrongly or, though decidable, not at all: for whoever looks into it."""
    same = _same(traffic)
    lines = []
    for key, label in traffic.labels.items():
        said = Counter({match.document: match.amount for match in lane.matches[key]})
        if not _alike(said, label, same) and (said or label.decidable):
            lines.append(f"{key} {label.kind}: is {label.amounts}, said {dict(said)}")
    return lines
