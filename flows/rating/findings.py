"""Collecting what is wrong with a book: all of it, so that its editor mends it in one go, within reason."""

from typing import TypeVar

import msgspec

from schemas.problems import DocumentError, Problem

MOST = 200
"""Problems after which reading stops: nobody mends more at a time."""


class Broken(msgspec.Struct, frozen=True):
    """A value that could not be read: the rule it broke, and what would be right."""

    rule: str
    message: str


T = TypeVar("T")


class Findings:
    """The problems found so far in a book."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, file: str, row: int, column: str, broken: Broken) -> None:
        """Keep a problem. Raises DocumentError when there are too many to go on."""
        self.problems.append(Problem(file, row, column, broken.rule, broken.message))
        if len(self.problems) >= MOST:
            self.problems.append(
                Problem(file, row, "", "too_many_problems", f"reading stopped here, after {MOST} problems")
            )
            self.refuse()

    def value(self, file: str, row: int, column: str, found: T | Broken) -> T | None:
        """What was read, or None after keeping why it could not be."""
        if isinstance(found, Broken):
            self.add(file, row, column, found)
            return None
        return found

    def refuse(self) -> None:
        """Raises DocumentError if there is any problem."""
        if self.problems:
            raise DocumentError(self.problems)
