"""The auditor's own reading of a tariff book: its rows as they are written, and which of them wins.

All rows that could be meant are gathered and the best one taken, by one comparison that says what better means.
"""

import csv
import io
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal, localcontext
from itertools import product as pairs
from typing import Any

import cel
import msgspec

from deploy.audit.pricing import (
    FEN,
    NOTHING,
    ROUNDINGS,
    Parcel,
    Weighed,
    beyond_first,
    cost,
    weigh,
)

KINDS = ("outlet", "city", "province")
LEVELS = {
    ("outlet", "outlet"): "outlet",
    ("city", "city"): "city",
    ("city", "province"): "city_province",
    ("province", "province"): "province",
    ("", ""): "national",
}
BETTER = ("national", "province", "city_province", "city", "outlet")
ENDINGS = (
    "省",
    "市",
    "自治区",
    "壮族自治区",
    "回族自治区",
    "维吾尔自治区",
    "特别行政区",
    "自治州",
    "地区",
    "盟",
)
END_OF_TIME = date.max

Place = tuple[str, str]
"""Kind and code; ("", "") is anywhere."""


class Directory(msgspec.Struct, frozen=True):
    """Where the outlets are, from the published sites."""

    version: str
    places: dict[str, dict[str, str]]
    """By outlet: its code, city and province, by kind; and the site of that name."""
    sites: dict[str, tuple[str, str, str]]
    """By site: outlet, city, province."""
    names: dict[str, dict[str, str]]
    """By kind: codes by code and by every name that people may use."""
    levels: dict[str, str] = {}
    """Customers' levels."""
    counties: dict[str, list[str]] = {}
    """By county: the outlets that serve it, in order."""


def read_directory(
    version: str,
    sites: Iterable[Mapping[str, str]],
    products: Iterable[Mapping[str, str]] = (),
    areas: Iterable[Mapping[str, str]] = (),
) -> Directory:
    """The directory in rows of the tables `site`, `product` and `area`."""
    found = Directory(version, {}, {}, {kind: {} for kind in (*KINDS, "product")}, {})
    for area in areas:
        found.counties.setdefault(area["county"], []).extend([area["outlet"]] if area["outlet"] else [])
    named = {product["product"]: product["name"] for product in products}
    found.names["product"].update({code: code for code in named})
    for code, name in named.items():
        found.names["product"].setdefault(name, code)
    for site in sites:
        found.sites[site["site"]] = site["outlet"], site["city"], site["province"]
        _name(found.names["city"], site["city"], site["city_name"])
        _name(found.names["province"], site["province"], site["province_name"])
        if site["kind"] == "outlet":
            outlet = site["outlet"]
            found.places[outlet] = {
                "outlet": outlet,
                "city": site["city"],
                "province": site["province"],
                "site": site["site"],
            }
            _name(found.names["outlet"], outlet, site["name"])
    return found


def _name(names: dict[str, str], code: str, name: str) -> None:
    names[code] = code
    for text in (name, *(name.removesuffix(ending) for ending in ENDINGS)):
        names.setdefault(text, code)
    names[name] = code


class Policy(msgspec.Struct, frozen=True):
    """Which weight counts: classes from best to worst, each with its rule and the hours of `after_signed`."""

    classes: tuple[str, ...]
    adopt: tuple[str, ...]
    hours: tuple[int, ...]
    difference_g: int
    difference_percent: int

    def differs(self, one_g: int, other_g: int) -> bool:
        """Whether two weights are too far apart for one parcel."""
        apart = abs(one_g - other_g)
        heavier = max(one_g, other_g)
        return apart > self.difference_g and Decimal(apart) / heavier * 100 > self.difference_percent


USUAL = Policy(
    ("hub_dws", "hub_scale", "outlet_dws", "outlet_scale", "declared"),
    ("at_once", "at_once", "when_signed", "when_signed", "after_signed"),
    (0, 0, 0, 0, 24),
    500,
    10,
)
"""In force before the first book."""


class Row(msgspec.Struct, frozen=True):
    """A row as it is written: for whom (`cells` of factors), when, and its prices (`cells` of the shape)."""

    book: str
    file: str
    number: int
    column: str
    """In a matrix: the heading above the price."""
    kind: str
    fee: str
    name: str
    shape: str
    first_day: date
    last_day: date
    priority: int
    origin: tuple[Place, ...]
    destination: tuple[Place, ...]
    factors: dict[str, str]
    """Column → cell, of those that are not blank, places aside."""
    cells: dict[str, str]
    settings: dict[str, Any]

    @property
    def level(self) -> str:
        """How precisely the places are named; an end that is left blank counts as the other."""
        origin, destination = self.origin[0][0], self.destination[0][0]
        return LEVELS[origin or destination, destination or origin]

    @property
    def number_and_column(self) -> str:
        """As a step says where its price stands."""
        return f"{self.file}:{self.number}" + (f":{self.column}" if self.column else "")

    @property
    def weighs(self) -> bool:
        """Whether the table's price goes by weight."""
        return bool(self.settings.get("weight"))


class Price(msgspec.Struct, frozen=True):
    """What a fee costs. Amount in yuan, rounded; weights in kilograms; `total` before its rounding."""

    amount: Decimal
    volumetric_kg: Decimal
    chargeable_kg: Decimal
    continued_kg: Decimal
    total: Decimal
    rows: tuple[str, ...]
    """Where the prices stand that were added and taken off, in order."""


class Book(msgspec.Struct, frozen=True):
    """A tariff book as far as the directory knows its places."""

    version: str
    name: str
    policy: Policy | None
    fees: frozenset[str]
    """Fees that it has a table for."""
    rows: list[Row]
    holidays: dict[date, str]


def read_book(version: str, files: Mapping[str, str], directory: Directory) -> Book:
    """The book in these files. Rows whose places are in nobody's address are left out."""
    settings = tomllib.loads(files["book.toml"], parse_float=Decimal)
    tables = [*settings["table"], *({"kind": "zones", **one} for one in settings.get("zones", ()))]
    rows = [row for table in tables for row in _read_rows(version, table, files[table["file"]], directory)]
    holidays = {
        date.fromisoformat(line["date"].strip()): line["name"].strip()
        for line in csv.DictReader(io.StringIO(files.get(settings.get("holidays", ""), "")))
        if line["date"] and line["date"].strip()
    }
    fees = frozenset(table["fee"] for table in settings["table"])
    return Book(version, settings["name"], _policy(settings.get("weight")), fees, rows, holidays)


def _policy(weight: Mapping[str, Any] | None) -> Policy | None:
    if weight is None:
        return None
    steps = weight["precedence"]
    return Policy(
        tuple(step["class"] for step in steps),
        tuple(step["adopt"] for step in steps),
        tuple(step.get("hours", 24) if step["adopt"] == "after_signed" else 0 for step in steps),
        weight.get("difference_g", 0),
        weight.get("difference_percent", 0),
    )


_OF = {"surcharge": "base", "discount": "total"}
_PRICES = {
    "flat": {"price"},
    "first_continued": {"first_kg", "first_price", "continued_price"},
    "per_unit": {"price", "minimum", "maximum"},
    "slabs": {"price", "first_price", "minimum"},
    "tier_flat": {"minimum"},
    "tier_whole": {"minimum"},
    "graduated": {"minimum"},
    "percent": {"percent", "minimum", "maximum"},
    "allowance": {"price", "included", "overage_price"},
    "bounds": {"floor", "cap"},
    "zone": {"value"},
}


def _read_rows(version: str, table: dict[str, Any], text: str, directory: Directory) -> Iterator[Row]:
    shape = table.get("shape", "zone")
    kind = table.get("kind", "base")
    settings = {"of": _OF.get(kind, ""), **table}
    for number, column, cells in _lines(text, table, shape):
        origin, destination = (_place(cells, end, directory) for end in ("origin", "destination"))
        if origin is None or destination is None:
            continue
        own = {name for name in cells if name in _PRICES[shape] or ".." in name}
        yield Row(
            book=version,
            file=table["file"],
            number=number,
            column=column,
            kind=kind,
            fee=table.get("fee", ""),
            name=table.get("name", table.get("factor", "")),
            shape=shape,
            first_day=table["effective_from"],
            last_day=table.get("effective_to", END_OF_TIME),
            priority=table.get("priority", 0),
            origin=origin,
            destination=destination,
            factors={
                name: _by_code(directory, text) if name == "product" else text
                for name, text in cells.items()
                if text and name not in own and not name.startswith(("origin_", "destination_"))
            },
            cells={name: cells[name] for name in own if cells[name]},
            settings=settings,
        )


def _by_code(directory: Directory, text: str) -> str:
    """Products by their codes, however they are written."""
    known = directory.names.get("product", {})
    return "|".join(known.get(word.strip(), word.strip()) for word in text.split("|"))


def _lines(text: str, table: Mapping[str, Any], shape: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Lines of a list, or the single prices of a matrix: number, heading, cells by column."""
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    header = [name.strip() for name in next(lines)]
    for raw in lines:
        cells = [cell.strip() for cell in raw]
        if not any(cells):
            continue
        if table.get("layout") != "matrix":
            yield lines.line_num, "", dict(zip(header, cells, strict=True))
            continue
        first = {"zone": "value", "percent": "percent", "bounds": "floor"}.get(shape, "price")
        for heading, cell in zip(header[1:], cells[1:], strict=True):
            if cell:
                yield (
                    lines.line_num,
                    heading,
                    {table["down"]: cells[0], table["across"]: heading, first: cell},
                )


def _place(cells: Mapping[str, str], end: str, directory: Directory) -> tuple[Place, ...] | None:
    """The finest places that a row names at an end; None: a place that no site lies in."""
    for kind in KINDS:
        text = cells.get(f"{end}_{kind}", "")
        if text:
            codes = [_code(directory.names[kind], word.strip()) for word in text.split("|")]
            found = tuple((kind, code) for code in codes if code is not None)
            return found or None
    return (("", ""),)


def _code(names: Mapping[str, str], text: str) -> str | None:
    return names.get(text) or next(
        (names[text.removesuffix(e)] for e in ENDINGS if text.removesuffix(e) in names), None
    )


# Which row is for a parcel, and which of two is better


def _words(cell: str, value: str) -> bool:
    return value in (word.strip() for word in cell.split("|"))


def _over_upto(cell: str, value: Decimal) -> bool:
    low, _, high = cell.partition("..")
    return (not low.strip() or value > Decimal(low)) and (not high.strip() or value <= Decimal(high))


def _from_to(cell: str, value: Any, read: Callable[[str], Any]) -> bool:
    low, dots, high = (part.strip() for part in cell.partition(".."))
    if not dots:
        return bool(value == read(cell.strip()))
    return (not low or value >= read(low)) and (not high or value <= read(high))


def _density(cell: str, parcel: Parcel) -> bool:
    """kg/m³, compared without a division; a parcel that was not measured has none: 0."""
    low, _, high = (part.strip() for part in cell.partition(".."))
    if not parcel.cm3:
        return not low and bool(high)
    return (not low or parcel.kg > Decimal(low) * parcel.m3) and (
        not high or parcel.kg <= Decimal(high) * parcel.m3
    )


def _condition(cell: str, known: Mapping[str, Any]) -> bool:
    try:
        return cel.compile(cell).execute(dict(known)) is True
    except OverflowError:
        return False


class Prices:
    """Prices of some books, in order of publication, under a directory; of each name the newest book counts."""

    def __init__(self, books: Iterable[Book], directory: Directory) -> None:
        self._directory = directory
        books = list(books)
        newest = {book.name: n for n, book in enumerate(books)}
        in_force = [book for n, book in enumerate(books) if newest[book.name] == n]
        self._holidays = {day: name for book in in_force for day, name in book.holidays.items()}
        self._rows: dict[tuple[str, str, str], dict[tuple[Place, Place], list[tuple[int, Row]]]] = {}
        self._names: dict[tuple[str, str], list[str]] = {}
        for published, book in enumerate(in_force):
            for row in book.rows:
                index = self._rows.setdefault((row.kind, row.fee, row.name), {})
                for places in pairs(row.origin, row.destination):
                    index.setdefault(places, []).append((published, row))
        for book in reversed(in_force):
            for row in book.rows:
                names = self._names.setdefault((row.kind, row.fee), [])
                if row.name not in names:
                    names.append(row.name)

    def best(self, kind: str, fee: str, name: str, day: date, parcel: Parcel) -> Row | None:
        """The row that wins for a parcel, or None."""
        here, there = (
            self._directory.places.get(parcel.origin),
            self._directory.places.get(parcel.destination),
        )
        index = self._rows.get((kind, fee, name))
        if here is None or there is None or index is None:
            return None
        candidates = [
            (published, row)
            for places in pairs(_places(here), _places(there))
            for published, row in index.get(places, ())
            if row.first_day <= day <= row.last_day and self._is_for(row, day, parcel)
        ]
        return max(candidates, key=_goodness)[1] if candidates else None

    def price(self, fee: str, day: date, parcel: Parcel) -> tuple[Row, Price] | None:
        """A fee's price and its base row, or None where there is no price."""
        base = self.best("base", fee, "", day, parcel)
        if base is None:
            return None
        with localcontext(prec=80):
            return base, self._price(fee, day, parcel, base)

    def needs_weight(self, fee: str, base: Row) -> bool:
        """Whether a price found by this row depends on the weight."""
        rows = [
            row
            for (_, of, _), index in self._rows.items()
            if of == fee
            for found in index.values()
            for _, row in found
        ]
        plain = all(
            row.kind == "base" and "weight_unit_kg" not in row.settings and not set(row.factors) - {"product"}
            for row in rows
        )
        looks = {"weight_kg", "density", "condition"}
        by_weight = any(row.weighs or looks & set(row.factors) for row in rows)
        return base.weighs or (by_weight and not plain)

    def _price(self, fee: str, day: date, parcel: Parcel, base: Row) -> Price:
        start = self._cost(base, parcel, NOTHING, NOTHING, NOTHING)
        total, rows = start, [base.number_and_column]
        for name in self._names.get(("surcharge", fee), ()):
            row = self.best("surcharge", fee, name, day, parcel)
            if row is not None:
                total += self._cost(row, parcel, start, total, NOTHING)
                rows.append(row.number_and_column)
        subtotal = total
        for row in self._discounts(fee, day, parcel, start, subtotal):
            total -= min(self._cost(row, parcel, start, total, subtotal), total)
            rows.append(row.number_and_column)
        bounds = self.best("bounds", fee, "", day, parcel)
        if bounds is not None:
            floor, cap = (Decimal(bounds.cells.get(name, total)) for name in ("floor", "cap"))
            bounded = floor if total < floor else min(total, cap)
            rows += [bounds.number_and_column] if bounded != total else []
            total = bounded
        weighed = weigh(base.settings, parcel) if base.weighs else Weighed(NOTHING, NOTHING)
        priced, beyond = weighed.chargeable, NOTHING
        if base.shape == "first_continued":
            first = Decimal(base.cells["first_kg"])
            beyond = beyond_first(base.settings, first, weighed.chargeable)
            priced = first + beyond if weighed.chargeable > first else weighed.chargeable
        rounding = ROUNDINGS[base.settings.get("money_rounding", "half_up")]
        return Price(total.quantize(FEN, rounding), weighed.volumetric, priced, beyond, total, tuple(rows))

    def _discounts(
        self, fee: str, day: date, parcel: Parcel, start: Decimal, subtotal: Decimal
    ) -> Iterator[Row]:
        """In the book's order; of a group the one that is worth most before any is given, where its first stands."""
        offers = [
            row
            for name in self._names.get(("discount", fee), ())
            if (row := self.best("discount", fee, name, day, parcel)) is not None
        ]
        done: set[str] = set()
        for row in offers:
            group = row.settings.get("group", "")
            if not group:
                yield row
            elif group not in done:
                done.add(group)
                rivals = [one for one in offers if one.settings.get("group") == group]
                yield max(rivals, key=lambda one: self._cost(one, parcel, start, subtotal, subtotal))

    @staticmethod
    def _cost(row: Row, parcel: Parcel, base: Decimal, total: Decimal, subtotal: Decimal) -> Decimal:
        of = {
            "base": base,
            "total": total,
            "subtotal": subtotal,
            "insured": parcel.insured,
            "cod": parcel.cod,
            "payment": parcel.payment,
        }.get(row.settings["of"], NOTHING)
        return cost(row.shape, row.settings, row.cells, parcel, of)

    def _is_for(self, row: Row, day: date, parcel: Parcel) -> bool:
        return all(self._holds(name, cell, day, parcel) for name, cell in row.factors.items())

    def _holds(self, name: str, cell: str, day: date, parcel: Parcel) -> bool:  # noqa: PLR0911
        if name in ("zone", "line"):
            row = self.best("zones", "", name, day, parcel)
            return _words(cell, row.cells["value"] if row else "")
        if name == "holiday":
            holiday = self._holidays.get(day, "")
            return _words(cell, holiday) or (holiday != "" and _words(cell, "*"))
        if name == "weekday":
            return _from_to(cell, day.isoweekday(), int)
        if name == "date":
            return _from_to(cell, day, date.fromisoformat)
        if name == "density":
            return _density(cell, parcel)
        if name == "hub":
            return any(_words(cell, hub) for hub in parcel.hubs)
        if name == "condition":
            return _condition(cell, self._known(day, parcel))
        if name in _MEASURED:
            return _over_upto(cell, _MEASURED[name](parcel))
        if name in _COUNTED:
            return _from_to(cell, _COUNTED[name](parcel), int)
        return _words(cell, getattr(parcel, name))

    def _known(self, day: date, parcel: Parcel) -> dict[str, Any]:
        here, there = self._directory.places[parcel.origin], self._directory.places[parcel.destination]
        return {
            "origin": parcel.origin,
            "destination": parcel.destination,
            "origin_city": here["city"],
            "destination_city": there["city"],
            "origin_province": here["province"],
            "destination_province": there["province"],
            "product": parcel.product,
            "customer": parcel.customer,
            "customer_level": parcel.customer_level,
            "channel": parcel.channel,
            "billing": parcel.billing,
            "direction": parcel.direction,
            "hubs": list(parcel.hubs),
            "weight_g": parcel.grams,
            "volume_cm3": parcel.cm3,
            "longest_mm": parcel.longest_mm,
            "pieces": parcel.pieces,
            "insured": int(parcel.insured.scaleb(4)),
            "cod": int(parcel.cod.scaleb(4)),
            "promised_h": parcel.promised_h,
            "weekday": day.isoweekday(),
            "holiday": self._holidays.get(day, ""),
        }


_MEASURED: dict[str, Callable[[Parcel], Decimal]] = {
    "weight_kg": lambda parcel: parcel.kg,
    "volume_m3": lambda parcel: parcel.m3,
    "longest_cm": lambda parcel: Decimal(parcel.longest_mm).scaleb(-1),
    "insured": lambda parcel: parcel.insured,
    "cod": lambda parcel: parcel.cod,
}
_COUNTED: dict[str, Callable[[Parcel], int]] = {
    "pieces": lambda parcel: parcel.pieces,
    "promised_h": lambda parcel: parcel.promised_h,
    "month_parcels": lambda parcel: parcel.month_parcels,
}


def _places(at: dict[str, str]) -> list[Place]:
    return [("", ""), *((kind, at[kind]) for kind in KINDS)]


EARLY = ("customer", "customer_level")
LATE = (
    "line",
    "zone",
    "channel",
    "billing",
    "direction",
    "hub",
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
_RANGES = {*_MEASURED, *_COUNTED, "weekday", "date", "density", "condition"}


def _precision(row: Row, name: str) -> int:
    cell = row.factors.get(name, "")
    if not cell:
        return 0
    return 1 if name in _RANGES else 2 if "|" in cell and len(set(cell.split("|"))) > 1 else 3


def _ends(places: tuple[Place, ...]) -> int:
    return 0 if places[0] == ("", "") else 3 if len(set(places)) == 1 else 2


def _goodness(candidate: tuple[int, Row]) -> tuple[Any, ...]:
    """The order of FORMAT.md, "More specific wins"; the larger is better."""
    published, row = candidate
    origin, destination = _ends(row.origin), _ends(row.destination)
    return (
        *(_precision(row, name) for name in EARLY),
        BETTER.index(row.level),
        _precision(row, "product"),
        (origin > 0 and destination > 0, destination > 0, origin > 0),
        origin + destination,
        *(_precision(row, name) for name in LATE),
        row.priority,
        row.first_day,
        published,
    )
