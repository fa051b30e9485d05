"""Rows of CSV files that people edit, numbered as people count them, and what can be wrong with the file itself."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from schemas.counted import counted
from schemas.problems import Problem
from schemas.times import calendar_date, day_of

ALWAYS, FOR_EVER = 0, 65_535
"""The first and the last business day that a table can hold: an empty `from` and an empty `to`."""

Rows = list[tuple[int, dict[str, str]]]
"""(line number, cells by column)."""


def wrong(file: str, row: int, column: str, message: str, rule: str = "wrong_value") -> Problem:
    """A problem with a cell: the message goes on after the column's name."""
    return Problem(file, row, column, rule, f"{column} {message}")


def rows_of(
    files: Mapping[str, str],
    name: str,
    columns: Sequence[str],
    problems: list[Problem],
    *,
    others: bool = False,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Numbered rows of a file, cells stripped. `others`: it may have further columns, and any order of them."""
    if name not in files:
        problems.append(Problem(name, 0, "", "missing_file", f"there is no file {name}"))
        return
    reader = csv.reader(io.StringIO(files[name].lstrip("\ufeff")))
    try:
        header = tuple(cell.strip() for cell in next(reader, []))
        lines = [(reader.line_num, list(map(str.strip, cells))) for cells in reader]
    except csv.Error as error:
        problems.append(Problem(name, reader.line_num, "", "not_csv", str(error)))
        return
    if header != tuple(columns) and not (others and set(columns) <= set(header)):
        message = f"the header {'has' if others else 'is'} {','.join(columns)}"
        problems.append(Problem(name, 1, "", "wrong_header", message))
        return
    for number, cells in lines:
        if not any(cells):
            continue
        if len(cells) != len(header):
            message = f"has {counted(len(cells), 'cell')}, not {len(header)}"
            problems.append(Problem(name, number, "", "wrong_width", message))
            continue
        yield number, dict(zip(header, cells, strict=True))


A_DAY = "is a date written as 2025-11-11, or empty"
"""What is right in the place of what `day_in` cannot read."""


def day_in(text: str, empty: int) -> int | None:
    """A business day (days since 1970-01-01) from `2026-01-31`, `empty` for nothing; None: it is no date."""
    if not text:
        return empty
    try:
        day = day_of(calendar_date(text))
    except ValueError:
        return None
    return day if ALWAYS <= day <= FOR_EVER else None
