"""The tariff book: prices that finance staff edit, read and checked as a whole.

A book is a directory of text files (here: name → text): `book.toml` says which table of prices is for which
fee, from when to when and how it is rounded, and which weights are adopted; a CSV file per table has the
rows. `flows/rating/default` is an example. A book's version is the hash of its files.

A book is refused with every problem in it, each with file, row and column, or published as a whole.
"""

from collections.abc import Iterable, Iterator, Mapping

from flows.governance.network import Network
from flows.rating.findings import Broken, Findings
from flows.rating.lines import with_lines
from flows.rating.model import FEES, NO_END, Book, PriceTable, Row
from flows.rating.places import gazetteer
from flows.rating.rows import FACTORS, read_rows
from flows.rating.settings import FILE, read_settings
from schemas.identity import version_of
from schemas.times import date_of

__all__ = ["FEES", "NO_END", "Book", "PriceTable", "Row", "read_book"]


def read_book(files: Mapping[str, str], network: Network) -> Book:
    """The book in these files (name → text), its places and products those of the network.

    Raises DocumentError with every problem found (at most `findings.MOST`).
    """
    findings = Findings()
    if FILE not in files:
        findings.add(FILE, 0, "", Broken("missing_file", f"a tariff book has a file {FILE}"))
    findings.refuse()
    settings = read_settings(files, findings)
    for name in sorted(files):
        if name.endswith(".csv") and name not in {table.file for table in settings.tables}:
            findings.add(name, 0, "", Broken("unused_file", f"no [[table]] of {FILE} uses this file"))
    findings.refuse()
    places = gazetteer(network)
    rows = [row for table in settings.tables for row in read_rows(files[table.file], table, places, findings)]
    for row, earlier in clashes(rows):
        findings.add(row.file, row.number, _named(row), _overlap(row, earlier))
    policy = with_lines(settings.policy, settings.specials, places, FILE, findings)
    findings.refuse()
    return Book(version_of(files), settings.name, policy, settings.tables, tuple(rows))


def clashes(rows: Iterable[Row]) -> Iterator[tuple[Row, Row]]:
    """Rows for the same parcels on the same days, each with the one before it that it clashes with."""
    alike: dict[tuple[str, str, str, str, str], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.table.fee, row.level, row.origin, row.destination, row.product), []).append(row)
    for group in alike.values():
        if len(group) > 1:
            group.sort(key=lambda row: row.table.first_day)
            latest = group[0]
            for row in group[1:]:
                if row.table.first_day <= latest.table.last_day:
                    yield row, latest
                latest = max(latest, row, key=lambda one: one.table.last_day)


def _overlap(row: Row, earlier: Row) -> Broken:
    first = date_of(max(row.table.first_day, earlier.table.first_day))
    last = min(row.table.last_day, earlier.table.last_day)
    until = f"to {date_of(last)}" if last < NO_END else "on"
    message = (
        f"{earlier.file} row {earlier.number} has a price for the same parcels, and both are in force from "
        f"{first} {until}: remove one, or end the earlier table before the later begins"
    )
    return Broken("overlapping_rows", message)


def _named(row: Row) -> str:
    """The columns that make the row's key."""
    kinds = {"city_province": ("city", "province"), "national": ("", "")}.get(
        row.level, (row.level, row.level)
    )
    named = {
        f"origin_{kinds[0]}": row.origin,
        f"destination_{kinds[1]}": row.destination,
        "product": row.product,
    }
    return ",".join(column for column in FACTORS if named.get(column))
