"""Rows of a book that could both win: equally specific, of equal priority and first day, and for the same parcel."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product as combinations

from flows.rating.factors import ANY_HOLIDAY, KEYED, Between, Named, When, Words
from flows.rating.findings import Broken
from flows.rating.matching import specificity
from flows.rating.model import NO_END, Row
from schemas.times import date_of

_WHOLE = Between("", -1, 1 << 62)


def clashes(rows: Iterable[Row]) -> Iterator[tuple[Row, Row]]:
    """Rows that clash, each with an earlier one that it clashes with."""
    rows = list(rows)
    times: Counter[int] = Counter()
    for row in rows:
        times.update(map(hash, _competing(row)))
    alike: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        for key in _competing(row):
            if times[hash(key)] > 1:  # of a million rows the fewest meet another one
                alike.setdefault(key, []).append(row)
    told: set[int] = set()
    for group in alike.values():
        if len(group) > 1:
            for row, earlier in _meeting(group):
                if id(row) not in told:
                    told.add(id(row))
                    yield row, earlier


def overlap(row: Row, earlier: Row) -> Broken:
    """What is wrong with a row that clashes."""
    first = date_of(max(row.table.first_day, earlier.table.first_day))
    last = min(row.table.last_day, earlier.table.last_day)
    until = f"to {date_of(last)}" if last < NO_END else "on"
    message = (
        f"{earlier.where.replace(':', ' row ', 1)} has a price for the same parcels, and both are in force from "
        f"{first} {until}: remove one, end the earlier table before the later begins, or give one a priority"
    )
    return Broken("overlapping_rows", message)


def columns_named(row: Row) -> str:
    """The columns that say which parcels a row is for."""
    kinds = {"city_province": ("city", "province"), "national": ("", "")}.get(
        row.level, (row.level, row.level)
    )
    ends = {
        f"origin_{kinds[0]}": row.origin,
        f"destination_{kinds[1]}": row.destination,
        "product": row.product,
    }
    return ",".join([*(name for name, value in ends.items() if value), *(one.factor for one in row.named)])


def _competing(row: Row) -> Iterator[tuple[object, ...]]:
    """What rows have in common that could both win, once for each combination of words."""
    table = row.table
    rank = (table.fee, table.kind, table.name, specificity(row), table.priority, table.first_day)
    for words in _keys(row):
        yield rank, words


def _keys(row: Row) -> Iterator[tuple[str, ...]]:
    """The words by which a row is found: rows that share none cannot meet."""
    words = [one.words for one in row.named if isinstance(one, Words) and one.factor in KEYED]
    if not words and "|" not in row.origin + row.destination + row.product:
        yield row.level, row.origin, row.destination, row.product
        return
    ends = (row.origin.split("|"), row.destination.split("|"), row.product.split("|"))
    yield from combinations((row.level,), *ends, *words)


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
    if isinstance(a, Words) and isinstance(b, Words):
        return ANY_HOLIDAY in a.words + b.words or not set(a.words).isdisjoint(b.words)
    return isinstance(a, When) and isinstance(b, When)
