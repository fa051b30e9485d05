"""The auditor's own reading of a tariff book, and its own price: decimal numbers of yuan and kilograms.

All rows that could be meant are gathered and the best one taken, by one comparison that says what better means.
"""

import csv
import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from itertools import product as pairs
from typing import Any

import msgspec

ROUNDINGS = {"up": ROUND_CEILING, "half_up": ROUND_HALF_UP, "down": ROUND_FLOOR}
FEN = Decimal("0.01")
GRAM = Decimal("0.001")
NOTHING = Decimal(0)
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


def read_directory(version: str, sites: Iterable[Mapping[str, str]]) -> Directory:
    """The directory in rows of table `site`."""
    found = Directory(version, {}, {}, {kind: {} for kind in KINDS})
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
    choose: dict[str, str] = {}
    """By class: latest, largest; else the earliest counts."""
    limits: dict[str, tuple[int, int]] = {}
    """By class: least and most grams, where there are any."""
    on_difference: str = "charge"
    lines: tuple[tuple[tuple[str, str, str], "Policy"], ...] = ()
    """Policies of single lines: product, origin and destination province ("": any), and the policy."""

    def of(self, product: str, origin: str, destination: str) -> "Policy":
        """The policy for a parcel between provinces: the one that names most of it."""
        parcel = (product, origin, destination)
        matching = [
            (sum(map(bool, line)), policy)
            for line, policy in self.lines
            if all(not named or named == own for named, own in zip(line, parcel, strict=True))
        ]
        return max(matching, key=lambda found: found[0])[1] if matching else self

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
    """A price: for whom, when, and how much. Yuan, kilograms."""

    book: str
    file: str
    number: int
    fee: str
    first_day: date
    last_day: date
    origin: Place
    destination: Place
    product: str
    flat: bool
    first_kg: Decimal
    first_price: Decimal
    continued_price: Decimal
    weight: str
    divisor: int
    unit_kg: Decimal
    unit_rounding: str
    money_rounding: str

    @property
    def level(self) -> str:
        """How precisely the places are named; an end that is left blank counts as the other."""
        origin, destination = self.origin[0], self.destination[0]
        return LEVELS[origin or destination, destination or origin]


class Price(msgspec.Struct, frozen=True):
    """What a row costs for a weight. Amount in yuan, weights in kilograms."""

    amount: Decimal
    volumetric_kg: Decimal
    chargeable_kg: Decimal
    continued_kg: Decimal


def price(row: Row, grams: int, cm3: int) -> Price:
    """The price of a row for a parcel's weight and volume (0: not measured)."""
    volumetric = (
        (Decimal(cm3) / row.divisor).quantize(GRAM, ROUND_HALF_UP) if row.divisor and cm3 else NOTHING
    )
    rounding = ROUNDINGS[row.money_rounding]
    if row.flat:
        return Price(row.first_price.quantize(FEN, rounding), volumetric, NOTHING, NOTHING)
    actual = Decimal(grams).scaleb(-3)
    match row.weight:
        case "actual":
            weight = actual
        case "volumetric":
            weight = volumetric or actual
        case _:
            weight = max(actual, volumetric)
    beyond = max(weight - row.first_kg, NOTHING)
    beyond = (beyond / row.unit_kg).to_integral_value(ROUNDINGS[row.unit_rounding]) * row.unit_kg
    amount = (row.first_price + row.continued_price * beyond).quantize(FEN, rounding)
    return Price(amount, volumetric, row.first_kg + beyond if weight > row.first_kg else weight, beyond)


class Book(msgspec.Struct, frozen=True):
    """A tariff book as far as the directory knows its places."""

    version: str
    policy: Policy
    rows: list[Row]


def read_book(version: str, files: Mapping[str, str], directory: Directory) -> Book:
    """The book in these files. Rows whose places are in nobody's address are left out."""
    settings = tomllib.loads(files["book.toml"])
    policy = _read_policy(settings["weight"], USUAL)
    lines = tuple(
        (_line(special, directory), _read_policy(special, policy))
        for special in settings["weight"].get("policy", ())
    )
    policy = msgspec.structs.replace(policy, lines=lines)
    rows = [
        row
        for table in settings["table"]
        for row in _read_rows(version, table, files[table["file"]], directory)
    ]
    return Book(version, policy, rows)


def _read_policy(weight: Mapping[str, Any], otherwise: Policy) -> Policy:
    """A policy as it is written; what a line's leaves out is as the usual one has it."""
    steps = weight.get("precedence")
    made = msgspec.structs.replace(
        otherwise,
        difference_g=weight.get("difference_g", otherwise.difference_g),
        difference_percent=weight.get("difference_percent", otherwise.difference_percent),
        on_difference=weight.get("on_difference", otherwise.on_difference),
    )
    if steps is None:
        return made
    return msgspec.structs.replace(
        made,
        classes=tuple(step["class"] for step in steps),
        adopt=tuple(step["adopt"] for step in steps),
        hours=tuple(step.get("hours", 24) if step["adopt"] == "after_signed" else 0 for step in steps),
        choose={step["class"]: step["choose"] for step in steps if "choose" in step},
        limits={
            step["class"]: (step.get("least_g", 0), step.get("most_g", 1_000_000))
            for step in steps
            if "least_g" in step or "most_g" in step
        },
    )


def _line(special: Mapping[str, str], directory: Directory) -> tuple[str, str, str]:
    names = directory.names["province"]

    def province(column: str) -> str:
        text = special.get(column, "").strip()
        return names.get(text) or next(
            (names[text.removesuffix(e)] for e in ENDINGS if text.removesuffix(e) in names), text
        )

    return special.get("product", "").strip(), province("origin_province"), province("destination_province")


def _read_rows(version: str, table: dict[str, Any], text: str, directory: Directory) -> Iterator[Row]:
    flat = table["shape"] == "flat"
    unit = table.get("continued_unit_kg", "exact")
    lines = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    lines.fieldnames = [name.strip() for name in lines.fieldnames or ()]
    for line in lines:
        cells = {name: (cell or "").strip() for name, cell in line.items()}
        if not any(cells.values()):
            continue
        origin, destination = (_place(cells, end, directory) for end in ("origin", "destination"))
        if origin is None or destination is None:
            continue
        yield Row(
            book=version,
            file=table["file"],
            number=lines.line_num,
            fee=table["fee"],
            first_day=table["effective_from"],
            last_day=table.get("effective_to", END_OF_TIME),
            origin=origin,
            destination=destination,
            product=cells.get("product", ""),
            flat=flat,
            first_kg=NOTHING if flat else Decimal(cells["first_kg"]),
            first_price=Decimal(cells["price" if flat else "first_price"]),
            continued_price=NOTHING if flat else Decimal(cells["continued_price"]),
            weight="" if flat else table["weight"],
            divisor=0 if flat or table["weight"] == "actual" else table["divisor"],
            unit_kg=GRAM if unit == "exact" else Decimal(unit),
            unit_rounding=table.get("continued_rounding", "up"),
            money_rounding=table.get("money_rounding", "half_up"),
        )


def _place(cells: Mapping[str, str], end: str, directory: Directory) -> Place | None:
    """The finest place that a row names at an end; None: a place that no site lies in."""
    for kind in KINDS:
        text = cells.get(f"{end}_{kind}", "")
        if text:
            names = directory.names[kind]
            code = names.get(text) or next(
                (names[text.removesuffix(e)] for e in ENDINGS if text.removesuffix(e) in names), None
            )
            return (kind, code) if code is not None else None
    return "", ""


class Prices:
    """Prices of some books, in order of publication, under a directory."""

    def __init__(self, books: Iterable[Book], directory: Directory) -> None:
        self._directory = directory
        self._rows: dict[tuple[str, Place, Place], list[tuple[int, Row]]] = {}
        for published, book in enumerate(books):
            for row in book.rows:
                self._rows.setdefault((row.fee, row.origin, row.destination), []).append((published, row))
        self._found: dict[tuple[str, date, str, str, str], Row | None] = {}

    def best(self, fee: str, day: date, origin: str, destination: str, product: str) -> Row | None:
        """The row that a parcel is charged by, or None."""
        key = (fee, day, origin, destination, product)
        if key not in self._found:
            self._found[key] = self._best(*key)
        return self._found[key]

    def _best(self, fee: str, day: date, origin: str, destination: str, product: str) -> Row | None:
        here, there = self._directory.places.get(origin), self._directory.places.get(destination)
        if here is None or there is None:
            return None
        candidates = [
            (published, row)
            for start, end in pairs(_places(here), _places(there))
            for published, row in self._rows.get((fee, start, end), ())
            if row.first_day <= day <= row.last_day and row.product in ("", product)
        ]
        return max(candidates, key=_goodness)[1] if candidates else None


def _places(at: dict[str, str]) -> list[Place]:
    return [("", ""), *((kind, at[kind]) for kind in KINDS)]


def _goodness(candidate: tuple[int, Row]) -> tuple[int, bool, bool, bool, int, date]:
    """Level, the product named, both ends named, the destination named, later published, later in force."""
    published, row = candidate
    return (
        BETTER.index(row.level),
        row.product != "",
        row.origin[0] != "" and row.destination[0] != "",
        row.destination[0] != "",
        published,
        row.first_day,
    )
