"""What is wrong with a document, and where: one value for every reader of files that people edit."""

import tomllib

import msgspec

NOT_TOML = (tomllib.TOMLDecodeError, RecursionError)
"""What parsing TOML can raise: it is none, or is nested too deep."""
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
