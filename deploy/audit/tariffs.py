"""The auditor's own reading of a tariff book, and what a fee costs by it.

All rows that could be meant are gathered and the best one taken, by one comparison that says what better means.
"""

import csv
import io
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import ROUND_CEILING, Decimal, localcontext
from functools import cache, lru_cache
from itertools import product as pairs
from typing import Any

import msgspec

from deploy.audit.better import Goodness, goodness, losers
from deploy.audit.directory import Directory, Place
from deploy.audit.pricing import (
    FEN,
    NOTHING,
    ROUNDINGS,
    Parcel,
    Weighed,
    between,
    beyond_first,
    cost,
    often,
    silent,
    waits_for_weight,
    weigh,
)
from deploy.audit.rows import Row, read_rows


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


class Pass(msgspec.Struct, frozen=True):
    """A price that was added, or taken off, as a step of a charge tells it. Amounts in yuan."""

    kind: str
    name: str
    where: str
    shape: str
    of: str
    each: str
    times: Decimal
    """How often it counts."""
    amount: Decimal
    passed_over: str
    """Rows that lost, and why."""
    day: dict[str, str]
    """Of a row that is for some days: the day, and what the row names of it."""


class Price(msgspec.Struct, frozen=True):
    """What a fee costs. Amount in yuan, rounded; weights in kilograms; `total` before its rounding."""

    amount: Decimal
    volumetric_kg: Decimal
    chargeable_kg: Decimal
    continued_kg: Decimal
    total: Decimal
    passes: tuple[Pass, ...]
    in_full: bool
    """Whether the charge keeps its steps: its columns alone do not explain it."""
    passed_over: str
    """Base rows that lost, and why."""
    facts: dict[str, set[str]]
    """By factor: what the parcel has of it, as steps may say it."""


class Match(msgspec.Struct, frozen=True):
    """The row that wins, and those that lost."""

    row: Row
    passed_over: str


class Book(msgspec.Struct, frozen=True):
    """A tariff book as far as the directory knows its places."""

    version: str
    name: str
    policy: Policy | None
    tables: list[dict[str, Any]]
    """Their settings, in the book's order; maps of zones at the end."""
    rows: list[Row]
    further: dict[tuple[str, str], set[str]]
    """By fee (and ""), and by "" and factor of a map of zones: what rows name beside places and the product, for
    whichever places."""
    holidays: dict[date, str]
    mixed: bool
    """Whether surcharges and discounts are taken in the order in which their tables stand."""
    services: frozenset[str]
    """Further services that a row names, or a condition compares with."""

    @property
    def fees(self) -> frozenset[str]:
        """Fees that it has a table for."""
        return frozenset(table["fee"] for table in self.tables if "fee" in table)


def read_book(version: str, files: Mapping[str, str], directory: Directory) -> Book:
    """The book in these files. Rows whose places are in nobody's address are left out."""
    settings = tomllib.loads(files["book.toml"], parse_float=Decimal)
    tables = [*settings["table"], *({"kind": "zones", **one} for one in settings.get("zones", ()))]
    rows = [row for table in tables for row in read_rows(version, table, files[table["file"]], directory)]
    holidays = {
        date.fromisoformat(line["date"].strip()): line["name"].strip()
        for line in csv.DictReader(io.StringIO(files.get(settings.get("holidays", ""), "").lstrip("\ufeff")))
        if line["date"] and line["date"].strip()
    }
    further: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        named = further.setdefault((row.fee, "" if row.fee else row.name), set())
        named.update(row.further, LOOKS.intersection(_said(row)))
    services = frozenset(word for row in rows for word in _services(row))
    rows = [row for row in rows if row.origin and row.destination]
    policy = _policy(settings.get("weight"), directory)
    mixed = settings.get("adjustments") == "as_listed"
    return Book(version, settings["name"], policy, tables, rows, further, holidays, mixed, services)


def _said(row: Row) -> list[str]:
    """The words of a row's condition, names of facts among them."""
    return re.findall(r"[A-Za-z_]\w*", row.factors.get("condition", ""), re.ASCII)


def _services(row: Row) -> Iterator[str]:
    for word in row.factors.get("service", "").split("|"):
        yield word.strip()
    condition = row.factors.get("condition", "")
    if re.search(r"\bservices\b", condition):
        yield from (quoted[1:-1] for quoted in re.findall(r"'[^']*'|\"[^\"]*\"", condition))


def _policy(weight: Mapping[str, Any] | None, directory: Directory) -> Policy | None:
    if weight is None:
        return None
    policy = _read_policy(weight, USUAL)
    lines = tuple(
        (_line(special, directory), _read_policy(special, policy)) for special in weight.get("policy", ())
    )
    return msgspec.structs.replace(policy, lines=lines)


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
    origin, destination = (
        directory.code("province", special.get(f"{end}_province", "").strip()) or ""
        for end in ("origin", "destination")
    )
    return directory.product(special.get("product", "").strip()), origin, destination


# Which row is for a parcel


@cache
def _listed(cell: str) -> frozenset[str]:
    return frozenset(word.strip() for word in cell.split("|"))


def _words(cell: str, value: str) -> bool:
    return value in _listed(cell)


def _over_upto(cell: str, value: Decimal) -> bool:
    low, dots, high = cell.partition("..")
    if not dots:
        return value in map(Decimal, cell.split("|"))
    return (not low.strip() or value > Decimal(low)) and (not high.strip() or value <= Decimal(high))


def _from_to(cell: str, value: Any, read: Callable[[str], Any]) -> bool:
    low, dots, high = (part.strip() for part in cell.partition(".."))
    if not dots:
        return any(value == read(one.strip()) for one in cell.split("|"))
    return (not low or value >= read(low)) and (not high or value <= read(high))


def _density(cell: str, parcel: Parcel) -> bool:
    """kg/m³, compared without a division; a parcel that was not measured has none: 0."""
    low, _, high = (part.strip() for part in cell.partition(".."))
    if not parcel.cm3:
        return not low and bool(high)
    return (not low or parcel.kg > Decimal(low) * parcel.m3) and (
        not high or parcel.kg <= Decimal(high) * parcel.m3
    )


@cache
def _compiled(cell: str) -> Any:
    from cel_expr_python import cel  # noqa: PLC0415 - few books need it

    return cel.NewEnv().compile(cell, disable_check=True)


def _condition(cell: str, known: Mapping[str, Any]) -> bool:
    return _compiled(cell).eval(data=known).value() is True


LOOKS = {"weight_kg", "volume_m3", "density", "longest_cm", "weight_g", "volume_cm3", "longest_mm"}
"""Factors, and facts of conditions, that are known when the parcel has been weighed."""
OF = ("percent", "shortfall")
"""Shapes that are of something."""
SHORT = ("flat", "first_continued")
"""Shapes that a charge's columns explain."""

ASKED_AGAIN = 4096
"""Prices that are kept: those of one parcel are asked for in one era after another, and seldom differ."""

_Rows = dict[tuple[Place, Place, str | None], list[tuple[Goodness, Row]]]
"""Rows by where from, where to, and customer; None: for all customers. Of other factors a list has few words."""


class Prices:
    """Prices of some books, in order of publication, under a directory; of each name the newest book counts."""

    def __init__(self, books: Iterable[Book], directory: Directory) -> None:
        self._directory = directory
        books = list(books)
        newest = {book.name: n for n, book in enumerate(books)}
        in_force = [book for n, book in enumerate(books) if newest[book.name] == n]
        self._holidays = {day: name for book in in_force for day, name in book.holidays.items()}
        self._rows: dict[tuple[str, str, str], _Rows] = {}
        self._kinds: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
        """Which kinds of places the rows of a list name."""
        self._names: dict[tuple[str, str], list[str]] = {}
        for published, book in enumerate(in_force):
            for number, row in enumerate(book.rows):
                of = row.kind, row.fee, row.name
                index, good = self._rows.setdefault(of, {}), goodness(row, published, number)
                for ends in pairs(row.origin, row.destination, _customers(row)):
                    index.setdefault(ends, []).append((good, row))
                self._kinds.setdefault(of, set()).add((row.origin[0][0], row.destination[0][0]))
        for book in reversed(in_force):
            for table in book.tables:
                names = self._names.setdefault((table.get("kind", "base"), table.get("fee", "")), [])
                if table.get("name", "") not in names:
                    names.append(table.get("name", ""))
        self._changing = {fee: _changing(in_force, fee) for fee in {fee for _, fee in self._names}}
        fees = {fee for book in in_force for fee in book.fees}
        self._weighed = {fee for fee in fees if _weighed(in_force, fee)}
        self.services = frozenset[str]().union(*(book.services for book in in_force)) if in_force else None
        """Further services that are known; None: there is no book yet that could know any."""
        self.by_hub = any(map(_looks_at_hubs, in_force))
        """Whether a price names the hubs that a parcel has passed."""
        self._asked = lru_cache(ASKED_AGAIN)(self._by_all_tables)

    def best(self, kind: str, fee: str, name: str, day: date, parcel: Parcel) -> Match | None:
        """The row that wins for a parcel, or None."""
        of = kind, fee, name
        here = self._directory.places.get(parcel.origin)
        there = self._directory.places.get(parcel.destination)
        if here is None or there is None or of not in self._rows:
            return None
        index = self._rows[of]
        ranked = [
            (good, row)
            for one, other in self._kinds[of]
            for customer in (parcel.customer, None)
            for good, row in index.get(
                ((one, here.get(one, "")), (other, there.get(other, "")), customer), ()
            )
            if row.first_day <= day <= row.last_day and self._is_for(row, day, parcel)
        ]
        if not ranked:
            return None
        ranked.sort(key=_first, reverse=True)
        return Match(ranked[0][1], ", ".join(losers(ranked)))

    def price(self, fee: str, day: date, parcel: Parcel, *, steps: bool = False) -> tuple[Row, Price] | None:
        """A fee's price and its base row, or None where there is no price. `steps`: whatever it is, it has steps."""
        return self._asked(fee, day, parcel, steps)

    def _by_all_tables(self, fee: str, day: date, parcel: Parcel, steps: bool) -> tuple[Row, Price] | None:
        names = self._names.get(("base", fee), ())
        with localcontext(prec=80):
            found = [
                (_cost(match.row, parcel, NOTHING, NOTHING, NOTHING), match)
                for name in names
                if (match := self.best("base", fee, name, day, parcel)) is not None
            ]
            if not found:
                return None
            start, base = max(found, key=_first)
            base = _beside(base, found)
            return base.row, self._price(fee, day, parcel, base, start, alternatives=steps or len(names) > 1)

    def needs_weight(self, fee: str, base: Row) -> bool:
        """Whether a price found by this row depends on the weight."""
        return waits_for_weight(base.settings) or fee in self._weighed

    def _price(
        self, fee: str, day: date, parcel: Parcel, base: Match, start: Decimal, *, alternatives: bool
    ) -> Price:
        """The price by all passes, from a base price that costs `start`."""
        row = base.row
        total = subtotal = start
        passes = [self._pass("base", Match(row, ""), row, day, parcel, start)]
        plain = True
        discounts: dict[str, Match] | None = None
        for kind, name in self._changing.get(fee, ()):
            found = self.best(kind, fee, name, day, parcel)
            if found is not None and kind == "discount":
                if discounts is None:
                    discounts = dict(self._discounts(fee, day, parcel, start, subtotal))
                found = discounts.get(name)
            if found is None:
                continue
            amount, plain = _cost(found.row, parcel, start, total, subtotal), False
            if kind == "surcharge":
                total, subtotal = total + amount, subtotal + amount
            else:
                amount = min(amount, total)
                total -= amount
            passes.append(self._pass(kind, found, row, day, parcel, amount))
        bounds = self.best("bounds", fee, "", day, parcel)
        if bounds is not None:
            cells = bounds.row.cells
            floor, cap = (Decimal(cells[name]) if name in cells else None for name in ("floor", "cap"))
            bounded = between(total, floor, cap)
            if bounded != total:
                passes.append(self._pass("bounds", bounds, row, day, parcel, bounded - total))
                total, plain = bounded, False
        unrounded = Decimal(str(row.settings.get("weight_unit_kg", "0.001"))) == Decimal("0.001")
        plain = plain and not alternatives and not row.further and row.shape in SHORT and unrounded
        weighed = weigh(row.settings, parcel) if row.weighs else Weighed(NOTHING, NOTHING)
        priced, beyond = weighed.chargeable, NOTHING
        if row.shape == "first_continued":
            first = Decimal(row.cells["first_kg"])
            beyond = beyond_first(row.settings, first, weighed.chargeable)
            priced = first + beyond if weighed.chargeable > first else weighed.chargeable
        rounding = ROUNDINGS[row.settings.get("money_rounding", "half_up")]
        plain = plain and "each" not in row.settings
        return Price(
            amount=total.quantize(FEN, rounding),
            volumetric_kg=weighed.volumetric,
            chargeable_kg=priced,
            continued_kg=beyond,
            total=total,
            passes=tuple(one for one in passes if one is not None),
            in_full=not plain,
            passed_over=base.passed_over,
            facts={} if plain else self._shown(day, parcel),
        )

    def _pass(
        self, kind: str, match: Match, base: Row, day: date, parcel: Parcel, amount: Decimal
    ) -> Pass | None:
        """A step, where the row has anything to say; `base`: the row of the base price."""
        row = match.row
        if silent(row.shape, row.settings, row.cells, parcel):
            return None
        return Pass(
            kind=kind,
            name=row.name,
            where=row.place_beside(base),
            shape=row.shape,
            of="total" if kind == "bounds" else row.settings["of"] if row.shape in OF else "",
            each=row.settings.get("each", ""),
            times=often(row.settings, parcel),
            amount=amount,
            passed_over=match.passed_over,
            day=self._named_day(row, day),
        )

    def _named_day(self, row: Row, day: date) -> dict[str, str]:
        """What a row names of its day, in its columns or its condition: with the date, or nothing at all."""
        looks = {*row.factors} | ({"weekday", "holiday"} & {*_said(row)})
        told = {
            "date": day.isoformat(),
            "weekday": str(day.isoweekday()) if "weekday" in looks else "",
            "holiday": self._holidays.get(day, "") if "holiday" in looks else "",
        }
        return {name: text for name, text in told.items() if text} if looks & {*told} else {}

    def _discounts(
        self, fee: str, day: date, parcel: Parcel, start: Decimal, subtotal: Decimal
    ) -> Iterator[tuple[str, Match]]:
        """By the name in whose place it is given; of a group the one that is worth most before any is given, where its
        first stands."""
        offers = {
            name: match
            for kind, name in self._changing[fee]
            if kind == "discount" and (match := self.best(kind, fee, name, day, parcel)) is not None
        }
        done: set[str] = set()
        for name, match in offers.items():
            group = match.row.settings.get("group", "")
            if not group:
                yield name, match
            elif group not in done:
                done.add(group)
                rivals = [
                    (_cost(one.row, parcel, start, subtotal, subtotal), one)
                    for one in offers.values()
                    if one.row.settings.get("group") == group
                ]
                _, best = max(rivals, key=_first)
                yield name, _beside(best, rivals)

    def _is_for(self, row: Row, day: date, parcel: Parcel) -> bool:
        return all(self._holds(name, cell, day, parcel) for name, cell in row.factors.items())

    def _holds(self, name: str, cell: str, day: date, parcel: Parcel) -> bool:  # noqa: PLR0911
        if name in ("zone", "line"):
            return _words(cell, self._zone(name, day, parcel))
        if name == "customer_level":
            return _words(cell, self._directory.level(parcel.customer, day))
        if name == "holiday":
            holiday = self._holidays.get(day, "")
            return _words(cell, holiday) or (holiday != "" and _words(cell, "*"))
        if name == "weekday":
            return _from_to(cell, day.isoweekday(), int)
        if name == "date":
            return _from_to(cell, day, date.fromisoformat)
        if name == "density":
            return _density(cell, parcel)
        if name in _SEVERAL:
            return any(_words(cell, word) for word in _SEVERAL[name](parcel))
        if name == "condition":
            return _condition(cell, self._known(day, parcel))
        if name in _MEASURED:
            return _over_upto(cell, _MEASURED[name](parcel))
        if name in _COUNTED:
            return _from_to(cell, _COUNTED[name](parcel), int)
        return _words(cell, getattr(parcel, name))

    def _zone(self, name: str, day: date, parcel: Parcel) -> str:
        match = self.best("zones", "", name, day, parcel)
        return match.row.cells["value"] if match is not None else ""

    def _shown(self, day: date, parcel: Parcel) -> dict[str, set[str]]:
        """All factors, as people write them; those that conditions name, but money, also as they are."""
        density = (parcel.kg / parcel.m3).to_integral_value(ROUND_CEILING) if parcel.cm3 else NOTHING
        found = {name: {str(value)} for name, value in self._known(day, parcel).items()}
        plain = {
            "zone": self._zone("zone", day, parcel),
            "line": self._zone("line", day, parcel),
            "hub": " ".join(parcel.hubs),
            "service": " ".join(parcel.services),
            "weight": _decimal(parcel.kg),
            "volume": _decimal(parcel.m3),
            "density": _decimal(density),
            "longest": _decimal(_MEASURED["longest_cm"](parcel)),
            "insured": _decimal(parcel.insured),
            "cod": _decimal(parcel.cod),
            "promised": str(parcel.promised_h),
            "month_count": parcel.month_count,
            "shared": _yuan(parcel.shared),
            "date": day.isoformat(),
        }
        for name, text in plain.items():
            found.setdefault(name, set()).add(text)
        return found | {name: {plain[name]} for name in ("insured", "cod")}

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
            "customer_level": self._directory.level(parcel.customer, day),
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
            "month_parcels": parcel.month_parcels,
            "services": list(parcel.services),
            "temperature": parcel.temperature,
            "area": parcel.area,
            "vehicle": parcel.vehicle,
            "pallets": parcel.pallets,
            "days": parcel.days,
            "hours": parcel.hours,
            "weekday": day.isoweekday(),
            "holiday": self._holidays.get(day, ""),
        }


_SEVERAL: dict[str, Callable[[Parcel], tuple[str, ...]]] = {
    "hub": lambda parcel: parcel.hubs,
    "service": lambda parcel: parcel.services,
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


def _customers(row: Row) -> Iterable[str | None]:
    cell = row.factors.get("customer")
    return (None,) if cell is None else _listed(cell)


def _first(one: tuple[Any, Any]) -> Any:
    return one[0]


def _changing(books: Sequence[Book], fee: str) -> list[tuple[str, str]]:
    """Kinds and names of a fee's surcharges and discounts, as they are taken: the newest book's before those that only
    older ones have; and as the newest of those that have any says, surcharges before discounts or not."""
    found: dict[tuple[str, str], None] = {}
    mixed: list[bool] = []
    for book in reversed(books):
        for table in book.tables:
            if table.get("fee") == fee and table.get("kind") in ("surcharge", "discount"):
                found[table["kind"], table["name"]] = None
                mixed.append(book.mixed)
    return list(found) if mixed[:1] == [True] else sorted(found, key=lambda one: one[0] == "discount")


def _weighed(books: Iterable[Book], fee: str) -> bool:
    """Whether a fee's price may depend on the weight by more than its base row."""
    tables = [table for book in books for table in book.tables if table.get("fee") == fee]
    own = {name for book in books for name in book.further.get((fee, ""), ())}
    further = own.union(*(book.further.get(("", name), ()) for book in books for name in own))
    alone = {table.get("name", "") for table in tables if table.get("kind", "base") == "base"}
    if not further and len(alone) < 2 and all(table.get("kind", "base") == "base" for table in tables):
        return False
    return any(map(waits_for_weight, tables)) or bool(further & LOOKS)


def _looks_at_hubs(book: Book) -> bool:
    return any("hub" in row.factors or "hubs" in row.factors.get("condition", "") for row in book.rows)


def _cost(row: Row, parcel: Parcel, base: Decimal, total: Decimal, subtotal: Decimal) -> Decimal:
    of = {
        "base": base,
        "total": total,
        "subtotal": subtotal,
        "insured": parcel.insured,
        "cod": parcel.cod,
        "payment": parcel.payment,
        "month": parcel.month_amount,
        "shared": parcel.shared,
    }.get(row.settings["of"], NOTHING)
    return cost(row.shape, row.settings, row.cells, parcel, of)


def _beside(best: Match, rivals: Sequence[tuple[Decimal, Match]]) -> Match:
    """The match that comes to most tells of the others."""
    less = [
        f"{one.row.place_beside(best.row)} lower_amount {_yuan(amount)}"
        for amount, one in rivals
        if one is not best
    ]
    return Match(best.row, ", ".join(text for text in (*less, best.passed_over) if text))


def _decimal(amount: Decimal) -> str:
    """With no more decimals than needed."""
    return (
        format(amount, "f").rstrip("0").rstrip(".") if amount % 1 else format(amount.to_integral_value(), "f")
    )


def _yuan(amount: Decimal) -> str:
    """Exactly, with at least two decimals."""
    whole, _, rest = format(amount, "f").partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"
