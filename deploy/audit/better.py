"""Which of two rows is better, and why the others lost: the auditor's reading of FORMAT.md, "More specific wins"."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from deploy.audit.rows import Row

BETTER = ("national", "province", "city_province", "city", "outlet")
EARLY = ("customer", "customer_level")
LATE = (
    "line",
    "zone",
    "channel",
    "billing",
    "direction",
    "temperature",
    "area",
    "vehicle",
    "hub",
    "service",
    "holiday",
    "weekday",
    "date",
    "weight_kg",
    "volume_m3",
    "density",
    "pieces",
    "longest_cm",
    "insured",
    "cod",
    "promised_h",
    "month_parcels",
    "condition",
)
MEASURED = {"weight_kg", "volume_m3", "density", "longest_cm", "condition"}
"""Of these there are only ranges; conditions count as such."""
VALUES: dict[str, Callable[[str], object]] = {
    "weekday": int,
    "date": date.fromisoformat,
    "pieces": int,
    "insured": Decimal,
    "cod": Decimal,
    "promised_h": int,
    "month_parcels": int,
}
"""Factors with values, lists of values and ranges, and how a value is read."""
OPEN_BELOW = ("insured", "cod")
"""Their ranges leave out the lower end, so none is of one value."""
TOLD = 5
"""Losing rows that a charge tells of."""

Goodness = tuple[Any, ...]
"""The larger is better."""


def goodness(row: Row, published: int, number: int) -> Goodness:
    """How specific a row is; its priority; its first day; when it was published, and where it stands then."""
    origin, destination = (0 if not count else 3 if count == 1 else 2 for count in row.ends)
    specific = (
        *(_precision(row, name) for name in EARLY),
        BETTER.index(row.level),
        _precision(row, "product"),
        (origin > 0 and destination > 0, destination > 0, origin > 0),
        origin + destination,
        *(_precision(row, name) for name in LATE),
    )
    return specific, row.priority, row.first_day, published, number


def _precision(row: Row, name: str) -> int:
    cell = row.factors.get(name, "")
    if not cell:
        return 0
    if name in MEASURED:
        return 1
    words: set[object] = {word.strip() for word in cell.split("|")}
    if name in VALUES:
        read = VALUES[name]
        low, dots, high = (part.strip() for part in cell.partition(".."))
        if dots and (name in OPEN_BELOW or not low or not high or read(low) != read(high)):
            return 1
        words = {read(word.strip()) for word in low.split("|")}
    if name == "holiday" and words == {"*"}:
        return 1
    return 2 if len(words) > 1 else 3


def losers(ranked: Sequence[tuple[Goodness, Row]]) -> Iterator[str]:
    """The rows after the best one, the better ones first, each with why it lost."""
    winner, best = ranked[0]
    for other, row in ranked[1 : 1 + TOLD]:
        reasons = zip(("less_specific", "lower_priority", "earlier_table"), winner, other, strict=False)
        last = "earlier_row" if row.settings is best.settings else "earlier_book"
        why = next((reason for reason, one, two in reasons if one != two), last)
        yield f"{row.place_beside(best)} {why}"
    if len(ranked) > 1 + TOLD:
        yield f"and {len(ranked) - 1 - TOLD} more"
