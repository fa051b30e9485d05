"""What an audit says: named checks, each passed or not, with examples of what is wrong."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from schemas.counted import counted

MOST_EXAMPLES = 5


class Check(msgspec.Struct, frozen=True):
    """One question to the books and its answer."""

    name: str
    label: str
    """For people, in Chinese."""
    passed: bool
    detail: str
    """How much was looked at, or how much is wrong."""
    examples: tuple[str, ...] = ()


class Counts(msgspec.Struct, frozen=True):
    """What the books hold. Amounts in yuan with four decimals."""

    parcels: int
    events: int
    charges: int
    journal_rows: int
    debit: str
    credit: str
    blocks: int
    unsealed_rows: int
    """Rows of each lane's newest block: no later plan carries their digest yet."""


class Head(msgspec.Struct, frozen=True):
    """The end of a lane's hash chain. Kept elsewhere, it shows later that nothing before it was changed."""

    lane: int
    n: int
    chain: str


class Report(msgspec.Struct, frozen=True):
    """The outcome of an audit."""

    counts: Counts
    checks: tuple[Check, ...]
    heads: tuple[Head, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def verdict(self) -> str:
        """In a word."""
        wrong = sum(not check.passed for check in self.checks)
        return (
            f"failed: {wrong} of {len(self.checks)} checks" if wrong else f"passed: {len(self.checks)} checks"
        )

    def check(self, name: str) -> Check:
        """The check of this name. Raises KeyError."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def to_text(self) -> str:
        """For a terminal."""
        return "\n".join(self._lines())

    def to_json(self) -> bytes:
        """For programs, the verdict included."""
        fields = msgspec.to_builtins(self)
        return msgspec.json.encode({"passed": self.passed, "verdict": self.verdict, **fields})

    def _lines(self) -> Iterator[str]:
        counts = self.counts
        yield (
            f"parcels {counts.parcels:,}  events {counts.events:,}  charges {counts.charges:,}  "
            f"journal rows {counts.journal_rows:,}"
        )
        yield (
            f"debit {counts.debit}  credit {counts.credit}  blocks {counts.blocks:,}  "
            f"rows not sealed yet {counts.unsealed_rows:,}"
        )
        for check in self.checks:
            yield f"{'ok  ' if check.passed else 'FAIL'}  {check.name}  {check.label}: {check.detail}"
            for example in check.examples:
                yield f"        {example}"
        yield f"audit {self.verdict} ({self.seconds:.1f} s)"


class Findings:
    """Counts what is wrong in one check and keeps the first examples."""

    def __init__(self, name: str, label: str) -> None:
        self.name, self.label = name, label
        self.wrong = 0
        self.seen = 0
        self._examples: list[str] = []
        self._own: list[str] = []

    def own(self, what: str) -> None:
        """Whoever runs the simulation did this: it is told, and not compared."""
        self._own.append(what)

    def add(self, example: str, times: int = 1) -> None:
        """Something is wrong."""
        self.wrong += times
        if len(self._examples) < MOST_EXAMPLES:
            self._examples.append(example)

    def rows(self, rows: Iterable[dict[str, Any]]) -> None:
        """Each of these rows is wrong."""
        for row in rows:
            self.add(", ".join(f"{key} {value}" for key, value in row.items()))

    def check(self, unit: str) -> Check:
        """The check, having looked at `seen` things of this unit."""
        detail = f"{self.seen:,} {unit}"
        if self.wrong:
            detail = f"{self.wrong:,} wrong, {detail}"
        if self._own:
            detail += f"; {counted(len(self._own), 'event')} of your own, not compared"
        named = (f"your own: {what}" for what in self._own[:MOST_EXAMPLES])
        return Check(self.name, self.label, not self.wrong, detail, (*self._examples, *named))
