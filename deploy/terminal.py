"""Tables for a terminal, in columns of their own width."""

import unicodedata
from collections.abc import Iterator, Sequence


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows as lines, indented."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True))
        yield ("    " + "  ".join(cells)).rstrip()


def width(text: str) -> int:
    """Columns that a text takes in a terminal: East Asian characters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
