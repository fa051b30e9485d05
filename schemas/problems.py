"""What is wrong with a document, and where: one value for every reader of files that people edit."""

import re
import tomllib
from collections.abc import Mapping

import msgspec

NOT_TOML = (tomllib.TOMLDecodeError, RecursionError)
"""What parsing TOML can raise: it is none, or is nested too deep."""
TOML: Mapping[str, str] = {
    "Invalid value": 'text stands in quotation marks, as "flat"; numbers, and dates as 2025-01-31, have none',
    "Invalid date": "there is no such day; a date is written as 2025-01-31",
    "Expected '='": "a setting is written as name = value",
    "Cannot overwrite": "a setting stands once in its section",
}
"""What would be right, by how a parser of TOML begins to say what is wrong."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding bytes can raise: they are no JSON, not what was asked for, no UTF-8, or nested too deep."""


class Problem(msgspec.Struct, frozen=True):
    """One broken rule in a file. `row` counts lines from 1 with the header as 1; 0: the file as a whole."""

    file: str
    row: int
    column: str
    rule: str
    """The broken rule's name: `not_a_number`, `unknown_city`, `overlapping_rows`…"""
    message: str
    """What is wrong and what would be right, for the person who edits the file."""

    def __str__(self) -> str:
        place = (
            self.file
            + (f" row {self.row}" if self.row else "")
            + (f" column {self.column}" if self.column else "")
        )
        return f"{place}: {self.message} [{self.rule}]"


class DocumentError(ValueError):
    """A document that is refused as a whole: there is no partial publishing."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def not_toml(file: str, error: Exception) -> Problem:
    """A file that is no TOML: where, why, and what would be right.

    >>> str(not_toml("book.toml", ValueError("Expected '=' after a key (at line 3, column 8)")))
    "book.toml row 3: Expected '=' after a key (at line 3, column 8); a setting is written as name = value [not_toml]"
    """
    line = re.search(r"at line (\d+)", str(error))
    right = next((text for begin, text in TOML.items() if str(error).startswith(begin)), "")
    message = f"{error}; {right}" if right else str(error)
    return Problem(file, int(line[1]) if line else 0, "", "not_toml", message)
