"""What is wrong with a document, and where: one value for every reader of files that people edit."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence

import msgspec

NOT_TOML = (tomllib.TOMLDecodeError, RecursionError)
"""What parsing TOML can raise: it is none, or is nested too deep."""
TOML: Mapping[str, str] = {
    "Invalid value": 'text stands in quotation marks, as "flat"; numbers, and dates as 2025-01-31, have none',
    "Invalid date": "there is no such day; a date is written as 2025-01-31",
    "Expected newline": "a line has one setting; text stands in quotation marks, and a date is written as 2025-01-31",
    "Expected '='": "a setting is written as name = value",
    "Invalid statement": "a line is name = value, [section] or a # comment, and no byte order mark (BOM) is before it",
    "Cannot overwrite": "a setting stands once in its section",
}
"""What would be right, by how a parser of TOML begins to say what is wrong."""
LIKENESS = 0.4
"""Least similarity of a suggestion: one of two characters right in a name of two."""
MOST_ALIKE = 5
"""Words that are looked at more closely."""
MOST_SUGGESTIBLE = 10_000
"""With more names than these a suggestion would take too long."""
MOST = 200
"""Problems after which reading stops: nobody mends more at a time."""
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
MOST_QUOTED = 200
"""Characters without a blank that are shown: cells and names of columns are no longer where they are meant."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding bytes can raise: they are no JSON, not what was asked for, no UTF-8, or nested too deep."""


def readable(text: str) -> str:
    """A line for people of what a file may have quoted into it: long words cut, nothing that a terminal obeys."""
    shown = CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
    return re.sub(rf"(\S{{{MOST_QUOTED}}})\S+", r"\1…", shown)


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
        return readable(f"{place}: {self.message} [{self.rule}]")


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


def add(problems: list[Problem], problem: Problem) -> None:
    """Keep a problem. Raises DocumentError when there are too many to go on."""
    problems.append(problem)
    if len(problems) >= MOST:
        message = f"reading stopped here, after {MOST} problems"
        problems.append(Problem(problem.file, problem.row, "", "too_many_problems", message))
        raise DocumentError(problems)


def nearest(text: str, known: Sequence[str]) -> str:
    """The known word that is most like this one, or nothing; of equals one that begins alike.

    >>> nearest("北惊", ["湖北", "北京"])
    '北京'
    """
    likely = (
        difflib.get_close_matches(text, known, MOST_ALIKE, LIKENESS) if len(known) <= MOST_SUGGESTIBLE else []
    )
    return max(likely, key=lambda one: (_likeness(one, text), one[:1] == text[:1]), default="")


def _likeness(one: str, text: str) -> float:
    return difflib.SequenceMatcher(None, one, text).ratio()


def hint(text: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown word: the known one that was probably meant, if any."""
    like = nearest(text, known)
    return f"; the nearest is {like}" if like else ""
