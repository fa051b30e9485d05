"""What is probably a mistake in a book that breaks no rule: for its editor to look at, never a refusal.

* `table_ended`: a table whose last day is over.
* `nowhere`: a row for places where the network has no outlet.
* `never_given`: a row for a zone, line, holiday or hub that neither the book nor the network knows, for a customer or
  level that is not in `parties.csv` where that has some, a condition about a place or product that is no code; for
  dates on which its table is not in force; for a weekday that is none of 1 to 7; of a month's parcels, for what only
  one parcel has.
* `named_once`: a channel, service or the like that no other row names; a book may list those that there are.
* `more_than_all`: a discount of more than 100 percent, or a share.
* `bounds_crossed`: a minimum above the maximum, or a floor above the cap, which then never counts.
* `package_each`: a price of all of a month's parcels that each of them would be charged: months have their own fee.
* `always_beaten`: for every place, product and word that a row names, rows that name the same and win over it are
  in force on all its days and for all of its ranges.
* `gap_in_ranges`: rows that differ in one range leave a gap between them (for base prices also below and above),
  and no row without that range, of the same or coarser places, fills it; nor does the table say that it is free.
* `line_without_price`, `line_partly_priced`: from an origin province to a destination province a product has no base
  price of a fee, or not between all outlets, neither in this book nor in one that is in force beside it. A row with
  further factors counts as a price here, and a table that says that it is free otherwise.

More could be found only by trying every parcel. Nothing here is needed to rate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product as combinations
from typing import Any

from flows.fees.current import FEES
from flows.governance.network import Network
from flows.rating.cells import PERCENT
from flows.rating.conditions import Condition
from flows.rating.dependence import dependence
from flows.rating.exact import text_of
from flows.rating.factors import ANY_HOLIDAY, BY_NAME, KEYED, MOST_MEASURE, Between, Named, When, Words, spans
from flows.rating.lines import lines_without_price
from flows.rating.matching import keys, specificity
from flows.rating.measures import decimal
from flows.rating.model import NO_END, SHARED, Book, PriceTable, Row, lists_of
from flows.rating.shapes import SHAPES
from flows.rating.spelling import bounds
from flows.rating.tariffs import in_force
from flows.rating.words import Known
from schemas.problems import Problem
from schemas.times import date_of

STEPPED = ("weight", "volume", "density", "pieces", "longest", "insured", "cod", "promised", "month_parcels")
"""Factors whose ranges are meant to follow one another."""
WHOLE = 100
DAYS_OF_WEEK = 7

_Key = tuple[Any, ...]


def advice(book: Book, network: Network, day: int, standing: Sequence[Book] = ()) -> Iterator[Problem]:
    """All that is remarkable about a book on a business day (days since 1970-01-01), as it is found.

    `standing`: the books in force, of which it replaces the one of its name and stands beside the others.
    """
    for table in book.tables:
        if table.last_day < day:
            message = f"the table ended on {date_of(table.last_day)}; only corrections of that time use it"
            yield Problem(table.file, 0, "effective_to", "table_ended", message)
    beside = [other for other in in_force(standing) if other.name != book.name]
    yield from _never_given(book, network, beside)
    yield from _more_than_all(book)
    yield from _bounds_crossed(book)
    yield from _package_each(book)
    for rows in lists_of([book]).values():
        yield from _beaten(rows)
        yield from _gaps(rows, network)
    yield from lines_without_price(book, network, day, beside)


def _remark(row: Row, column: str, rule: str, message: str) -> Problem:
    return Problem(row.file, row.number, column, rule, message)


# Words and places that no parcel has


def _never_given(book: Book, network: Network, beside: Sequence[Book]) -> Iterator[Problem]:
    sites = network.outlets.values()
    inhabited = {place for site in sites for place in (site.outlet, site.city, site.province)}
    names = _Names(network)
    for row in book.rows:
        for end, text in (("origin", row.origin), ("destination", row.destination)):
            if text and not any(code in inhabited for code in text.split("|")):
                yield _remark(row, end, "nowhere", f"there is no outlet of the network in {text}")
        for one in row.named:
            if isinstance(one, When):
                for message in names.in_part(one.condition):
                    yield _remark(row, "condition", "never_given", message)
            elif one.factor == "date" and all(_outside(span, row.table) for span in spans(one)):
                yield _remark(row, "date", "never_given", "its table is not in force on these days")
            elif one.factor == "weekday" and any(map(_no_weekday, spans(one))):
                yield _remark(row, "weekday", "never_given", "weekdays are 1 (Monday) to 7 (Sunday)")
        yield from _no_month_has(row)
    for row, column, rule, message in Known(book, network, beside).doubtful(book.rows):
        yield _remark(row, column, rule, message)


class _Names:
    """Names of places and products, which no parcel is compared by."""

    def __init__(self, network: Network) -> None:
        places = {**network.provinces, **network.cities, **network.products}
        self._codes: dict[str, list[str]] = {}
        for code, name in places.items():
            if name not in places:
                self._codes.setdefault(name, []).append(code)

    def in_part(self, condition: Condition) -> Iterator[str]:
        """What is wrong with texts that are compared in part, as by startsWith."""
        whole = {text for _, text in condition.compared}
        for text in condition.texts:
            if text in self._codes and text not in whole:
                yield f"conditions compare codes: {text} is {' or '.join(self._codes[text])}"


def _outside(dates: Between, table: PriceTable) -> bool:
    return dates.over >= table.last_day or dates.upto < table.first_day


def _no_weekday(days: Between) -> bool:
    """Of a value, whether it is none; of a range, whether none of it is one."""
    return days.over >= DAYS_OF_WEEK or days.upto < 1


def _no_month_has(row: Row) -> Iterator[Problem]:
    """What a price of a month's parcels looks at, and only a single parcel has."""
    if row.table.fee in _OF_MONTHS:
        asked = {BY_NAME[one.factor].column: dependence((), (one,)) for one in row.named}
        asked |= {"product": frozenset({"product"})} if row.product else {}
        asked["measure"] = dependence((row.table,), ())
        for column, facts in asked.items():
            if facts - _FACTS_OF_MONTHS:
                message = f"{row.table.fee} is of all parcels of a month: it is never charged by what one parcel has"
                yield _remark(row, column, "never_given", message)


_OF_MONTHS = tuple(due.price for due in FEES.dues if due.trigger == "parcel_month")
"""Fees that a month is charged, whatever its parcels are."""
_FACTS_OF_MONTHS = {"customer", "month_parcels"}


# Prices that nobody means


def _more_than_all(book: Book) -> Iterator[Problem]:
    for row in book.rows:
        share = row.table.of == SHARED
        if row.table.kind == "discount" or share:
            for column, value in zip(SHAPES[row.table.shape].columns, row.values, strict=False):
                if column.kind == "percent" and value > WHOLE * PERCENT:
                    said = "of what is shared" if share else "off"
                    message = f"{decimal(value, PERCENT)} percent {said} are more than all of it"
                    yield _remark(row, column.name, "more_than_all", message)


def _bounds_crossed(book: Book) -> Iterator[Problem]:
    for row in book.rows:
        for low, high in _BOUNDED.get(row.table.shape, ()):
            names = [column.name for column in SHAPES[row.table.shape].columns]
            least, most = (row.values[names.index(name)] for name in (low, high))
            if 0 <= most < least:
                message = (
                    f"the {low} {text_of(least)} is above the {high} {text_of(most)}, which never counts"
                )
                yield _remark(row, high, "bounds_crossed", message)


_BOUNDED = {
    name: [pair for pair in (("minimum", "maximum"), ("floor", "cap")) if named.issuperset(pair)]
    for name, shape in SHAPES.items()
    for named in [{column.name for column in shape.columns}]
}
"""By shape the columns that bound an amount from below and above, where it has both."""


def _package_each(book: Book) -> Iterator[Problem]:
    for row in book.rows:
        table = row.table
        each = table.measure == "month_parcels" and table.fee not in _OF_MONTHS and table.kind != "discount"
        if each and table.shape != "tier_flat":
            message = (
                "each parcel would be charged for all of the month's parcels so far; the price of one parcel by their "
                "number is a tier_flat, or rows with the column month_parcels; a package that is charged once a month "
                f"is the fee {' or '.join(_OF_MONTHS)}"
            )
            yield _remark(row, "", "package_each", message)


# Rows that never win


def _beaten(rows: Sequence[Row]) -> Iterator[Problem]:
    seen: set[int] = set()
    again: set[int] = set()
    for row in rows:
        for hashed in map(hash, _words(row)):
            (again if hashed in seen else seen).add(hashed)
    meeting: dict[_Key, list[tuple[tuple[object, ...], Row]]] = {}
    for n, row in enumerate(rows):
        for key in _words(row):
            if hash(key) in again:
                rank = specificity(row), row.table.priority, row.table.first_day, n
                meeting.setdefault(key, []).append((rank, row))
    del seen, again
    ranks = {id(row): rank for group in meeting.values() for rank, row in group}
    for row in rows:
        if id(row) not in ranks:
            continue
        winners: list[Row] = []
        for key in _words(row):
            found = _winners(row, ranks[id(row)], meeting.get(key, ()))
            if not found:
                break
            winners += found
        else:
            others = ", ".join(dict.fromkeys(winner.where for winner in winners[:3]))
            message = f"this row never wins: {others} win for the same parcels on all its days"
            yield _remark(row, "", "always_beaten", message)


def _words(row: Row) -> Iterator[_Key]:
    """Each combination of what a row names exactly: two rows that share none never meet."""
    keyed = [one.factor for one in row.named if one.factor in KEYED]
    return ((row.level, *keyed, *key) for key in keys(row))


def _winners(
    row: Row, rank: tuple[object, ...], group: Iterable[tuple[tuple[object, ...], Row]]
) -> list[Row]:
    """Rows that win over a row for all its parcels, on all its days together; none if some days are left."""
    better = [
        other
        for other_rank, other in group
        if other_rank > rank and other is not row and _contains(other, row)
    ]
    better.sort(key=lambda other: other.table.first_day)
    day = row.table.first_day
    used: list[Row] = []
    for other in better:
        if other.table.first_day <= day <= other.table.last_day:
            used.append(other)
            day = other.table.last_day + 1
    return used if day > row.table.last_day else []


def _contains(other: Row, row: Row) -> bool:
    """Whether what a row's ranges and words allow, the other one's allow too."""
    own = {one.factor: one for one in row.named}
    return all(
        one.factor in own and _wider(one, own[one.factor]) for one in other.named if one.factor not in KEYED
    )


def _wider(one: Named, other: Named) -> bool:
    if wide := spans(one):
        return all(any(a.over <= b.over and b.upto <= a.upto for a in wide) for b in spans(other))
    if isinstance(one, Words) and isinstance(other, Words):
        return ANY_HOLIDAY in one.words or set(one.words) >= set(other.words)
    return isinstance(one, When) and one == other


# Ranges that leave gaps


def _gaps(rows: Sequence[Row], network: Network) -> Iterator[Problem]:
    stepped = [
        row for row in rows if not row.table.otherwise and any(one.factor in STEPPED for one in row.named)
    ]
    if not stepped:
        return
    wholes: dict[_Key, list[PriceTable]] = {}
    for row in rows:
        wholes.setdefault((row.origin, row.destination, row.product, row.named), []).append(row.table)
    above = _Above(network)
    groups: dict[_Key, list[tuple[Between, Row]]] = {}
    for row in stepped:
        for one in row.named:
            if one.factor in STEPPED:
                rest = tuple(other for other in row.named if other is not one)
                table = row.table
                key = (
                    one.factor, row.origin, row.destination, row.product, rest,
                    table.first_day, table.last_day, table.priority,
                )  # fmt: skip
                groups.setdefault(key, []).extend((span, row) for span in spans(one))
    for where, group in groups.items():
        rest = where[4]
        for row, over, upto in _holes(sorted(group, key=lambda one: (one[0].over, one[0].upto))):
            if not _filled(row, rest, wholes, above):
                factor = BY_NAME[str(where[0])]
                message = f"no row is for {factor.column} {bounds(over, upto, factor.per)} of these parcels"
                yield _remark(row, factor.column, "gap_in_ranges", message)


def _holes(group: Sequence[tuple[Between, Row]]) -> Iterator[tuple[Row, int, int]]:
    """Ranges that no row has, each with the row beside it."""
    base = group[0][1].table.kind == "base"
    reached = 0 if base else group[0][0].over
    for one, row in group:
        if one.over > reached:
            yield row, reached, one.over
        reached = max(reached, one.upto)
    if base and reached < MOST_MEASURE:
        yield group[-1][1], reached, MOST_MEASURE


def _filled(row: Row, rest: object, wholes: Mapping[_Key, Sequence[PriceTable]], above: "_Above") -> bool:
    """Whether a row without the range is for the same parcels, by the same or coarser places."""
    for key in combinations(above(row.origin), above(row.destination), {row.product, ""}, (rest, ())):
        for table in wholes.get(key, ()):
            if table.first_day <= row.table.first_day and row.table.last_day <= min(table.last_day, NO_END):
                return True
    return False


class _Above:
    """A place and the coarser ones around it, to anywhere."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, code: str) -> list[str]:
        site = self._network.outlets.get(code)
        if site is not None:
            return [code, site.city, site.province, ""]
        return [code, f"{code[:2]}0000", ""] if code else [""]
