"""Rows of a book that could both win: equally specific, of equal priority and first day, and for the same parcel."""

from collections.abc import Iterable, Iterator, Sequence

from flows.rating.exclusive import exclusive
from flows.rating.factors import ANY_HOLIDAY, Between, Named, Numbers, When, Words
from flows.rating.findings import Broken
from flows.rating.matching import keys, specificity
from flows.rating.model import NO_END, Row
from schemas.times import date_of

_WHOLE = Between("", -1, 1 << 62)
_APART = "; conditions are told apart where both only join comparisons by &&, as pieces > 3 and pieces <= 3"


def clashes(rows: Iterable[Row]) -> Iterator[tuple[Row, Row]]:
    """Rows that clash, each with an earlier one that it clashes with."""
    alike: dict[tuple[object, ...], dict[tuple[str, ...], Row | list[Row]]] = {}
    """By what must be equal: what competes, how specific it is, priority, first day; and then by words."""
    for row in rows:
        table = row.table
        rank = (table.fee, table.kind, table.name, specificity(row), table.priority, table.first_day)
        group = alike.setdefault(rank, {})
        for key in keys(row):
            other = group.setdefault(key, row)
            if isinstance(other, list):
                other.append(row)
            elif other is not row:
                group[key] = [other, row]
    told: set[int] = set()
    for group in alike.values():
        for found in group.values():
            if isinstance(found, list):
                for row, earlier in _meeting(found):
                    if id(row) not in told:
                        told.add(id(row))
                        yield row, earlier


def overlap(row: Row, earlier: Row) -> Broken:
    """What is wrong with a row that clashes."""
    first = date_of(max(row.table.first_day, earlier.table.first_day))
    last = min(row.table.last_day, earlier.table.last_day)
    until = f"to {date_of(last)}" if last < NO_END else "on"
    if row.table is earlier.table:
        mend = "remove one, make one more specific, or put it into a table of its own with a priority"
    else:
        mend = "remove one, end the earlier table before the later begins, or give one table a priority"
    if any(isinstance(one, When) for one in row.named):
        mend += _APART
    message = f"{earlier.place} has a price for the same parcels, and both are in force from {first} {until}: {mend}"
    return Broken("overlapping_rows", message)


def _meeting(group: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Pairs that meet in all their ranges, the later of the book first: a sweep over the first range."""
    ordered = sorted(range(len(group)), key=lambda n: (_first(group[n]).over, n))
    open_: list[int] = []
    for n in ordered:
        over = _first(group[n]).over
        open_ = [other for other in open_ if _first(group[other]).upto > over]
        for other in open_:
            if _meet(group[n], group[other]):
                yield group[max(n, other)], group[min(n, other)]
        open_.append(n)


def _first(row: Row) -> Between:
    return next((one for one in row.named if isinstance(one, Between)), _WHOLE)


def _meet(a: Row, b: Row) -> bool:
    """Whether some parcel may be for both. Rows of one rank name the same factors."""
    if a.table.last_day < b.table.first_day or b.table.last_day < a.table.first_day:
        return False
    return all(_touch(one, other) for one, other in zip(a.named, b.named, strict=False))


def _touch(a: Named, b: Named) -> bool:
    if isinstance(a, Between) and isinstance(b, Between):
        return a.over < b.upto and b.over < a.upto
    if isinstance(a, Numbers) and isinstance(b, Numbers):
        return not set(a.numbers).isdisjoint(b.numbers)
    if isinstance(a, Words) and isinstance(b, Words):
        return ANY_HOLIDAY in a.words + b.words or not set(a.words).isdisjoint(b.words)
    if isinstance(a, When) and isinstance(b, When):
        return not exclusive(a.condition.text, b.condition.text)
    return False
