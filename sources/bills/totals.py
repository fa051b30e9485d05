"""The row of totals at a table's end: what its rows are added up to, and what it says that they come to."""

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
Row = Sequence[str]


class Summed:
    """Adds up a table's rows. `at`: index of each column that the map or `totals` names."""

    def __init__(self, totals: Totals, at: dict[str, int]) -> None:
        self._totals, self._at = totals, at
        self._sums = {field: 0 for field in SUMMED if field in at}
        self._count = 0
        self.told = False
        """The row of totals has come."""

    def is_totals(self, row: Row) -> bool:
        """Whether a row is that of totals. Raises BillError where there was one before."""
        if self.told:
            raise BillError(
                "bill_unreadable", "stands below the row of totals, which has to be one row and the last"
            )
        return fnmatchcase(self._cell(row, "totals"), self._totals.value)

    def add(self, row: Row) -> None:
        """A row that is none of totals, whatever becomes of it. Raises ValueError for what is no amount."""
        self._count += 1
        for field in self._sums:
            self._sums[field] += yuan_in(self._cell(row, field), field)

    def compare(self, row: Row) -> None:
        """What the row of totals says. Raises BillError where the rows come to something else, or it says nothing."""
        self.told = True
        said = {field: text for field in self._sums if (text := self._cell(row, field))}
        count = self._cell(row, "count")
        if not said and not count:
            raise BillError("bill_unreadable", "tells neither a sum nor a count, though it is one of totals")
        if count and [int(one) for one in _NUMBER.findall(count.replace(",", ""))] != [self._count]:
            raise BillError(
                "bill_count_wrong", f"counts other rows than the {counted(self._count, 'row')} above"
            )
        for field, text in said.items():
            if yuan_in(text, field) != self._sums[field]:
                raise BillError(
                    "bill_total_wrong", f"{field} of the rows above comes to {yuan(self._sums[field])}"
                )

    def end(self) -> None:
        """The table is at its end. Raises BillError where no row of totals has come."""
        if not self.told:
            raise BillError(
                "bill_truncated", f"has no row of totals: {self._totals.value} in {self._totals.column}"
            )

    def _cell(self, row: Row, field: str) -> str:
        index = self._at.get(field, len(row))
        return row[index].strip() if index < len(row) else ""
