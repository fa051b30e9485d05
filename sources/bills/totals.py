"""Rows of totals of a table: what its rows are added up to, and what those say that they come to."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from schemas.counted import counted
from schemas.money import yuan
from sources.bills.cells import yuan_in
from sources.bills.model import BillError, Totals

SUMMED = ("amount", "money_in", "money_out", "fee")
"""Fields of the column map of which a row of totals may tell the sum."""
_NUMBER = re.compile(r"\d+", re.ASCII)
MOST_ROWS = 10
"""Rows of totals in one table."""
Row = Sequence[str]


class Summed:
    """Adds up a table's rows. `at`: index of each column that the map or `totals` names."""

    def __init__(self, totals: Totals, at: dict[str, int]) -> None:
        self._totals, self._at = totals, at
        self._sums = {field: 0 for field in SUMMED if field in at}
        self._count = 0
        self._said: list[tuple[int, Row]] = []
        """Rows of totals, with their numbers."""

    def is_totals(self, row: Row) -> bool:
        """Whether a row is one of totals."""
        return fnmatchcase(self._cell(row, "totals"), self._totals.value)

    def add(self, row: Row) -> None:
        """A row that is none of totals, whatever becomes of it. Raises ValueError for what is no amount."""
        self._count += 1
        for field in self._sums:
            self._sums[field] += yuan_in(self._cell(row, field), field)

    def note(self, number: int, row: Row) -> None:
        """A row of totals, which is compared when all rows are known. Raises BillError where it says nothing."""
        if not any(self._cell(row, field) for field in (*self._sums, "count")):
            raise BillError("bill_unreadable", "tells neither a sum nor a count, though it is one of totals")
        if len(self._said) == MOST_ROWS:
            raise BillError(
                "bill_unreadable", f"is a row of totals beyond the {MOST_ROWS} that a table may have"
            )
        self._said.append((number, row))

    def end(self) -> None:
        """The table is at its end. Raises BillError where its rows come to something else than a row of totals says, or
        none has come."""
        if not self._said:
            raise BillError(
                "bill_truncated", f"has no row of totals: {self._totals.value} in {self._totals.column}"
            )
        for number, row in self._said:
            try:
                self._compare(row)
            except BillError as error:
                raise BillError(error.reason, f"row {number}: {error.detail}") from error
            except ValueError as error:
                raise BillError("bill_unreadable", f"row {number}: {error}") from error

    def _compare(self, row: Row) -> None:
        count = self._cell(row, "count")
        if count and [int(one) for one in _NUMBER.findall(count.replace(",", ""))] != [self._count]:
            raise BillError(
                "bill_count_wrong", f"counts other rows than the {counted(self._count, 'row')} there are"
            )
        for field, units in self._sums.items():
            text = self._cell(row, field)
            if text and yuan_in(text, field) != units:
                raise BillError("bill_total_wrong", f"{field} of all rows comes to {yuan(units)}")

    def _cell(self, row: Row, field: str) -> str:
        index = self._at.get(field, len(row))
        return row[index].strip() if index < len(row) else ""
