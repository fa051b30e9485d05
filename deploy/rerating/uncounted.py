"""Charges by the month's volume of customers whose parcels nobody had counted: they get no such discount.

A lane rates by the newest count that it has read, and with none as if the customer had sent nothing; so is it rated
again. That is no word about the price, so it is told beside the sums.
"""

from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from deploy.rerating.read import Sample
from flows.fees.model import Fees
from flows.rating.dependence import dependence
from flows.rating.factors import Named
from flows.rating.tariffs import Tariffs
from flows.rating.touched import Spans
from schemas.counted import counted
from schemas.times import date_of


class Uncounted(msgspec.Struct):
    """How many charges, of whom and in which months (2025-11)."""

    charges: int = 0
    customers: set[str] = set()
    months: set[str] = set()

    def add(self, other: "Uncounted") -> None:
        """Count these, too."""
        self.charges += other.charges
        self.customers |= other.customers
        self.months |= other.months

    def told(self) -> Iterator[str]:
        """A line for people; none where everybody was counted."""
        if self.charges:
            yield (
                f"warning: {counted(self.charges, 'charge')} of {counted(len(self.customers), 'customer')} in "
                f"{', '.join(sorted(self.months))}: no count of the month's parcels was published when they were "
                "rated, so by the month's volume they are priced as if there had been none; waybook volumes --follow "
                "counts each day, for what is charged later"
            )


def days_by_month(tariffs: Tariffs, fees: Fees) -> dict[str, Spans]:
    """By fee, the days on which tables are in force whose prices depend on the month's parcels."""
    by_month = tariffs.by_month
    named: dict[int, set[Named]] = {}
    """By table: a book has a million rows, and what they name is soon told."""
    for row in (row for book in tariffs.books for row in book.rows if row.named):
        if row.table.fee in by_month:
            named.setdefault(id(row.table), set()).update(row.named)
    found: dict[str, set[tuple[int, int]]] = {}
    for table in (table for book in tariffs.books for table in book.tables if table.fee in by_month):
        if "month_parcels" in dependence([table], named.get(id(table), ())):
            found.setdefault(table.fee, set()).add((table.first_day, table.last_day))
    prices = {due.name: due.price for due in fees.dues}
    return {
        fee: tuple(sorted(found.get(due.price, set()) | found.get(prices.get(due.share_of, ""), set())))
        for due in fees.dues
        for fee in due.fees
    }


def uncounted(sample: Sample, days: Mapping[str, Spans]) -> Uncounted:
    """Those of a sample; `days`: `days_by_month`."""
    charges = sample.charges
    asked = np.zeros(len(charges), bool)
    for code, fee in enumerate(charges.fees.values):
        for first, last in days.get(fee, ()):
            asked |= (charges.fees.codes == code) & (first <= charges.days) & (charges.days <= last)
    rows = np.flatnonzero(asked & (sample.uncounted != 0))
    of_whom = np.unique(sample.customers.codes[rows]).tolist()
    return Uncounted(
        len(rows),
        {sample.customers.values[code] for code in of_whom},
        {f"{date_of(day):%Y-%m}" for day in np.unique(charges.days[rows]).tolist()},
    )
