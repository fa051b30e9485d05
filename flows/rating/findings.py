"""Collecting what is wrong with a book: all of it, so that its editor mends it in one go, within reason."""

from typing import TypeVar

import msgspec

from schemas.problems import DocumentError, Problem, add


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
        add(self.problems, Problem(file, row, column, broken.rule, broken.message))

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
