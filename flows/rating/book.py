"""The tariff book: prices that finance staff edit, read and checked as a whole.

A book is a directory of text files (here: name → text): `book.toml` says which table of prices is for which
fee, from when to when and how it is rounded, and which weights are adopted; a CSV file per table has the
rows. `flows/rating/default` is an example. A book's version is the hash of its files.

A book is refused with every problem in it, each with file, row and column, or published as a whole.
"""

import csv
import io
from collections.abc import Mapping

from flows.governance.network import Network
from flows.rating.clashes import clashes, overlap
from flows.rating.findings import Broken, Findings
from flows.rating.model import FEES, NO_END, Book, PriceTable, Row
from flows.rating.places import gazetteer
from flows.rating.rows import read_rows
from flows.rating.settings import FILE, read_settings
from flows.rating.special import with_lines
from flows.rating.spelling import conditions
from flows.rating.words import unlisted
from schemas.identity import version_of
from schemas.times import calendar_date, day_of

__all__ = ["FEES", "NO_END", "Book", "PriceTable", "Row", "read_book"]

HOLIDAYS = ("date", "name")


def read_book(files: Mapping[str, str], network: Network, fees: Mapping[str, str] = FEES) -> Book:
    """The book in these files (name → text), its places and products those of the network.

    `fees`: names that a table can be for, and what they are shares of (`Fees.prices`). Raises DocumentError with every
    problem found (at most `findings.MOST`).
    """
    findings = Findings()
    if FILE not in files:
        findings.add(FILE, 0, "", Broken("missing_file", f"a tariff book has a file {FILE}"))
    findings.refuse()
    settings = read_settings(files, findings, fees)
    findings.refuse()  # what is unused is known when book.toml is right
    used = {table.file for table in settings.tables} | {settings.holidays}
    for name in sorted(files):
        if name.endswith(".csv") and name not in used:
            findings.add(name, 0, "", Broken("unused_file", f"no [[table]] of {FILE} uses this file"))
    findings.refuse()
    places = gazetteer(network)
    tables: list[PriceTable] = []
    rows: list[Row] = []
    for table in settings.tables:
        read, found = read_rows(files[table.file], table, places, findings)
        tables.append(read)
        rows += found
    holidays = _holidays(settings.holidays, files, findings) if settings.holidays else {}
    for row, earlier in clashes(rows):
        findings.add(row.file, row.number, row.column or ",".join(conditions(row)), overlap(row, earlier))
    for row, column, broken in unlisted(rows, settings.words):
        findings.add(row.file, row.number, row.column or column, broken)
    policy = settings.policy
    if policy is not None:
        policy = with_lines(policy, settings.specials, places, FILE, findings)
    findings.refuse()
    return Book(
        version_of(files), settings.name, policy, tuple(tables), tuple(rows), holidays, settings.words
    )


def _holidays(file: str, files: Mapping[str, str], findings: Findings) -> dict[int, str]:
    """Days and names of a holiday calendar: a CSV of `date,name`."""
    reader = csv.reader(io.StringIO(files[file].removeprefix("\ufeff"), newline=""))
    try:
        header = tuple(cell.strip() for cell in next(reader, []))
        lines = [(reader.line_num, list(map(str.strip, cells))) for cells in reader]
    except csv.Error as error:
        findings.add(file, reader.line_num, "", Broken("not_csv", str(error)))
        return {}
    if header != HOLIDAYS:
        findings.add(file, 1, "", Broken("wrong_header", f"the header is {','.join(HOLIDAYS)}"))
        return {}
    days: dict[int, str] = {}
    for number, cells in lines:
        if not any(cells):
            continue
        date, name = [*cells, "", ""][:2]
        try:
            day = day_of(calendar_date(date))
        except ValueError:
            findings.add(file, number, "date", Broken("not_a_date", f"{date!r} is no date as 2025-10-01"))
            continue
        if not name or day in days:
            broken = Broken("wrong_value", "a day stands once, with its name")
            findings.add(file, number, "name" if not name else "date", broken)
        days[day] = name
    return days
