"""Tables for a terminal, in columns of their own width."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = (), indent: int = 4) -> Iterator[str]:
    """The rows as lines, indented; the columns with the numbers `right` end at the right."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            " " * (wide - width(cell)) + cell if n in right else cell + " " * (wide - width(cell))
            for n, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        yield (" " * indent + "  ".join(cells)).rstrip()


def some(lines: Iterable[str], nothing: str) -> Iterator[str]:
    """The lines; where there are none, that in words: silence looks like a command that has not worked."""
    none = True
    for line in lines:
        none = False
        yield line
    if none:
        yield nothing


def width(text: str) -> int:
    """Columns that a text takes in a terminal: East Asian characters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
