"""Reading `book.toml`: the book's name, its weight policy and its price tables' settings."""

import datetime as dt
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

from flows.rating.factors import KG, OPEN, part
from flows.rating.findings import Broken, Findings
from flows.rating.measures import MEASURES
from flows.rating.model import ADJUSTMENTS, CALLED, FEES, NO_END, OPTIONAL, SHARED, PriceTable
from flows.rating.policy import ADOPTIONS, AFTER_SIGNED, CHOICES, EARLIEST, TREATMENTS, WeightPolicy
from flows.rating.rounding import ROUNDINGS
from flows.rating.rows import CONDITIONS
from flows.rating.shapes import SHAPES
from flows.rating.shapes.shape import Shape
from flows.rating.special import NAMED, Special
from flows.rating.weights import MEASURES as WEIGHED
from flows.rating.weights import UNITS_G
from schemas.documents import Lines, lines_of
from schemas.events import WeightClass
from schemas.problems import NOT_TOML, hint, not_toml
from schemas.times import HOUR, day_of

FILE = "book.toml"

WEIGHT_CLASSES: tuple[str, ...] = WeightClass.__args__  # type: ignore[attr-defined]
MOST_HOURS = 24 * 30
LEAST_DIVISOR, MOST_DIVISOR = 100, 1_000_000
MOST_GRAMS = 1_000_000
MOST_PRIORITY = 1_000_000

KINDS = ("base", "surcharge", "discount", "bounds")
ZONES = ("zone", "line")
"""Factors that a map of origins and destinations gives."""
SURCHARGES_FIRST, AS_LISTED = ORDERS = ("surcharges_first", "as_listed")
"""Orders in which surcharges and discounts are taken."""
_OF: dict[str, tuple[str, ...]] = {
    "base": ("insured", "cod", "payment", "month"),
    "surcharge": ("base", "total", "insured", "cod", "payment", "month"),
    "discount": ("total", "base", "subtotal"),
    "bounds": ("total",),
}
"""What a percentage may be taken of, by the table's kind: the base price, base and surcharges so far (subtotal), the
fee so far (total), a value that the order declares, or what the fee came to in the month so far (month).
The first is the default. A share may be of what is shared, too."""

FREE = "free"
"""Otherwise, where no row is for a parcel."""
_EACH = ("pieces", "pallets", "volume", "days", "hours")
"""What a price can be for one of."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Check(Generic[T_co]):
    """Reads a setting's value; `wants` says in words and `schema` in JSON Schema which values it takes."""

    def __init__(
        self, read: Callable[[object], T_co | Broken], wants: str, schema: Mapping[str, object]
    ) -> None:
        self._read, self.wants, self.schema = read, wants, schema

    def __call__(self, value: object) -> T_co | Broken:
        """The value, or what is wrong with it."""
        return self._read(value)


_NO_DATE = dt.date.min
_NO_TABLES: list[Mapping[str, object]] = []


class Settings(msgspec.Struct, frozen=True):
    """What book.toml says."""

    name: str
    policy: WeightPolicy | None
    """None: the book has no section [weight]; another book's policy holds."""
    tables: tuple[PriceTable, ...]
    holidays: str = ""
    """File of the holiday calendar."""
    specials: tuple[Special, ...] = ()
    """Weight policies of single lines, their names as they are written."""
    words: Mapping[str, Sequence[str]] = {}
    """By factor: all words that there are."""


def read_settings(files: Mapping[str, str], findings: Findings, fees: Mapping[str, str] = FEES) -> Settings:
    """The settings in book.toml. Problems go to `findings`; only without any is the result to be used."""
    text = files[FILE]
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except NOT_TOML as error:
        findings.problems.append(not_toml(FILE, error))
        return Settings("", None, ())
    lines = lines_of(text)
    book = _Section("", document, lines.get("", {}), findings)
    name = book.take("name", _text, "")
    book.take("currency", _one_of(["CNY"]), "CNY", needed=False)
    holidays = book.take("holidays", _file_of(files), "", needed=False)
    order = book.take("adjustments", _one_of(ORDERS), SURCHARGES_FIRST, needed=False)
    weight = book.take("weight", _table_of, None, needed=False)
    words = book.take("words", _table_of, None, needed=False)
    tables, zones = book.sections("table"), book.sections("zones", needed=False)
    book.close()
    policy: WeightPolicy | None = None
    specials: list[Special] = []
    if weight is not None:
        policy, specials = _policy(
            _Section("weight", weight, lines.get("weight[0]", {}), findings), lines, findings
        )
    read = [
        _table(_Section(f"table {n + 1}", values, lines.get(f"table[{n}]", {}), findings), files, fees)
        for n, values in enumerate(tables)
    ]
    if order == AS_LISTED:
        read = [
            msgspec.structs.replace(table, listed=True) if table.kind in ADJUSTMENTS else table
            for table in read
        ]
    read += [
        _zones(_Section(f"zones {n + 1}", values, lines.get(f"zones[{n}]", {}), findings), files)
        for n, values in enumerate(zones)
    ]
    listed = _words(_Section("words", words or {}, lines.get("words[0]", {}), findings))
    return Settings(name, policy, tuple(read), holidays, tuple(specials), listed)


def _words(section: "_Section") -> dict[str, Sequence[str]]:
    """All words that there are of some factors, as cells list them: `channel = "taobao|douyin"`."""
    listed = {factor: section.take(factor, _words_of, (), needed=False) for factor in OPEN}
    section.close()
    return {factor: words for factor, words in listed.items() if words}


def _policy(section: "_Section", lines: Lines, findings: Findings) -> tuple[WeightPolicy, list[Special]]:
    """The book's weight policy, and those of single lines."""
    usual = _own_policy(section, None, "weight.precedence", 0, lines, findings)
    specials: list[Special] = []
    precedences = 0
    for n, values in enumerate(section.take("policy", _tables_of, _NO_TABLES, needed=False)):
        rows = lines.get(f"weight.policy[{n}]", {})
        one = _Section("weight.policy", values, rows, findings)
        specials.append(_special(one, usual, rows.get("", 0), precedences, lines, findings))
        found = values.get("precedence", [])
        precedences += len(found) if isinstance(found, list) else 0
    section.close()
    return usual, specials


def _special(
    section: "_Section", usual: WeightPolicy, row: int, first: int, lines: Lines, findings: Findings
) -> Special:
    product, origin, destination = (section.take(column, _text, "", needed=False) for column in NAMED)
    policy = _own_policy(section, usual, "weight.policy.precedence", first, lines, findings)
    section.close()
    return Special(product, origin, destination, row, policy)


def _own_policy(
    section: "_Section",
    usual: WeightPolicy | None,
    name: str,
    first: int,
    lines: Lines,
    findings: Findings,
) -> WeightPolicy:
    """The policy of a section; what it leaves out is as `usual`. Its precedences are `first` and on in the file."""
    given = usual or WeightPolicy({}, (), (), 0, 0)
    needed = usual is None
    difference_g = section.take("difference_g", _whole(0, MOST_GRAMS), given.difference_g, needed=needed)
    percent = section.take("difference_percent", _whole(0, 100), given.difference_percent, needed=needed)
    treatment = section.take("on_difference", _one_of(TREATMENTS), given.on_difference, needed=False)
    adopt: dict[str, tuple[str, int]] = {}
    choose: dict[str, str] = {}
    limits: dict[str, tuple[int, int]] = {}
    for n, values in enumerate(section.take("precedence", _tables_of, _NO_TABLES, needed=needed), first):
        place = _Section(name, values, lines.get(f"{name}[{n}]", {}), findings)
        kind, rule, after_ms, choice, (least, most) = _precedence(place)
        if kind in adopt and kind:
            place.broken("class", Broken("repeated_class", f"{kind} has its place above already"))
        if least > most:
            place.broken("most_g", Broken("limits_reversed", f"most_g {most} is less than least_g {least}"))
        adopt[kind] = rule, after_ms
        if choice != EARLIEST:
            choose[kind] = choice
        if (least, most) != (0, MOST_GRAMS):
            limits[kind] = least, most
    if not adopt:
        return msgspec.structs.replace(
            given, difference_g=difference_g, difference_percent=percent, on_difference=treatment
        )
    return WeightPolicy(
        {kind: n for n, kind in enumerate(adopt)},
        tuple(rule for rule, _ in adopt.values()),
        tuple(after for _, after in adopt.values()),
        difference_g,
        percent,
        choose,
        limits,
        treatment,
    )


def _precedence(place: "_Section") -> tuple[str, str, int, str, tuple[int, int]]:
    """A class of weight, when it may be adopted, after how many ms, which of several, and its limits in grams."""
    name = place.take("class", _one_of(WEIGHT_CLASSES), "")
    rule = place.take("adopt", _one_of(ADOPTIONS), "")
    hours = place.take("hours", _whole(0, MOST_HOURS), 24, needed=False) if rule == AFTER_SIGNED else 0
    choice = place.take("choose", _one_of(CHOICES), EARLIEST, needed=False)
    least = place.take("least_g", _whole(0, MOST_GRAMS), 0, needed=False)
    most = place.take("most_g", _whole(0, MOST_GRAMS), MOST_GRAMS, needed=False)
    place.close()
    return name, rule, hours * HOUR, choice, (least, most)


def _zones(section: "_Section", files: Iterable[str]) -> PriceTable:
    """A map of origins and destinations to zones or lines."""
    factor = section.take("factor", _one_of(ZONES), "zone")
    file = section.take("file", _file_of(files), "")
    first, last = _days(section)
    layout, down, across = _layout(section)
    section.close()
    return PriceTable(
        "", file, "zone", first, last, kind="zones", name=factor, layout=layout, down=down, across=across
    )


def _table(section: "_Section", files: Iterable[str], fees: Mapping[str, str]) -> PriceTable:
    fee = section.take("fee", _one_of(fees, CALLED), "")
    kind = section.take("kind", _one_of(KINDS), "base", needed=False)
    name = section.take("name", _text, "", needed=kind != "base") if kind != "bounds" else ""
    file = section.take("file", _file_of(files), "")
    shape = section.take("shape", _one_of(_shapes(kind)), "")
    first, last = _days(section)
    priority = section.take("priority", _whole(-MOST_PRIORITY, MOST_PRIORITY), 0, needed=False)
    group = section.take("group", _text, "", needed=False) if kind == "discount" else ""
    rounding = "half_up"
    if kind == "base":
        rounding = section.take("money_rounding", _one_of(ROUNDINGS), "half_up", needed=False)
    otherwise = ""
    if kind == "base":
        otherwise = section.take("otherwise", _one_of((FREE,)), "", needed=False)
    if otherwise and fee in fees.keys() - OPTIONAL:
        message = f"what no row of {fee} is for waits for a price and cannot be free; these can: "
        section.broken("otherwise", Broken("never_free", message + ", ".join(sorted(OPTIONAL))))
    layout, down, across = _layout(section)
    of = (*_OF[kind], SHARED) if fees.get(fee) and kind != "discount" else _OF[kind]
    more = _of_shape(section, SHAPES[shape], kind, of) if shape else {}
    if shape:
        section.close()
    return PriceTable(
        fee=fee,
        file=file,
        shape=shape,
        first_day=first,
        last_day=last,
        money_rounding=rounding,
        kind=kind,  # type: ignore[arg-type]
        name=name,
        priority=priority,
        group=group,
        layout=layout,
        down=down,
        across=across,
        otherwise=otherwise,
        **more,  # type: ignore[arg-type]
    )


def _shapes(kind: str) -> list[str]:
    """The shapes that tables of a kind may have."""
    return [name for name, shape in SHAPES.items() if kind in shape.kinds]


def _days(section: "_Section") -> tuple[int, int]:
    first = section.take("effective_from", _date, _NO_DATE)
    last = section.take("effective_to", _date, dt.date.max, needed=False)
    if last < first:
        message = f"the table ends on {last}, before its first day {first}"
        section.broken("effective_to", Broken("dates_reversed", message))
    return day_of(first), min(day_of(last), NO_END)


def _layout(section: "_Section") -> tuple[str, str, str]:
    """The layout; of a matrix also the factors down and across."""
    layout = section.take("layout", _one_of(("list", "matrix")), "list", needed=False)
    if layout == "list":
        return layout, "", ""
    down = section.take("down", _one_of(CONDITIONS), "")
    across = section.take("across", _one_of(CONDITIONS), "")
    if down == across:
        section.broken("across", Broken("wrong_setting", "a matrix has two different factors"))
    return layout, down, across


def _of_shape(section: "_Section", shape: Shape, kind: str, of: Sequence[str]) -> dict[str, object]:
    """The settings that only some shapes have. `of`: what a percentage may be taken of."""
    found: dict[str, object] = {}
    if shape.measured:
        measure = section.take("measure", _one_of(MEASURES), "weight", needed=False)
        found["measure"] = measure
        if measure == "weight":
            found |= _weighing(section)
        found["each"] = section.take("each", _one_of(_EACH), "", needed=False)
        if "slab" in shape.settings:
            per = MEASURES[measure].per if measure else 1
            found["slab"] = section.take("slab", _parts(per), per)
            found["unit_rounding"] = section.take("slab_rounding", _one_of(ROUNDINGS), "up", needed=False)
    if "continued_unit_kg" in shape.settings:
        found["unit_g"] = UNITS_G[section.take("continued_unit_kg", _one_of(UNITS_G), "exact")]
        found["unit_rounding"] = section.take("continued_rounding", _one_of(ROUNDINGS), "up", needed=False)
    if "of" in shape.settings:
        found["of"] = section.take("of", _one_of(of), of[0], needed=kind == "base")
    if kind == "bounds":
        found["of"] = "total"
    return found


def _weighing(section: "_Section") -> dict[str, object]:
    """Which weight is charged, and how it is rounded before it is priced."""
    weight = section.take("weight", _one_of(WEIGHED), "actual")
    divisor = LEAST_DIVISOR
    if weight != "actual" or section.has("divisor"):
        divisor = section.take("divisor", _whole(LEAST_DIVISOR, MOST_DIVISOR), LEAST_DIVISOR)
    unit_g = section.take("weight_unit_kg", _parts(KG), 1, needed=False)
    rounding = section.take("weight_rounding", _one_of(ROUNDINGS), "up", needed=False)
    return {
        "weight": weight,
        "divisor": divisor if weight != "actual" else 0,
        "weight_unit_g": unit_g,
        "weight_rounding": rounding,
    }


class _Section:
    """A table of the TOML document whose settings are taken one by one; what is left over is unknown."""

    def __init__(
        self, name: str, values: Mapping[str, object], rows: Mapping[str, int], findings: Findings
    ) -> None:
        self._name = name
        self._values = values
        self._rows = rows
        self._findings = findings
        self._taken: list[str] = []

    def take(self, key: str, check: Check[T], default: T, *, needed: bool = True) -> T:
        """A setting's value; the default where it is missing or broken."""
        self._taken.append(key)
        if key not in self._values:
            if needed:
                where = f"[{self._name}]" if self._name else "the book"
                self.broken(key, Broken("missing_setting", f"{where} needs a setting {key}, {check.wants}"))
            return default
        found = check(self._values[key])
        if isinstance(found, Broken):
            self.broken(key, found)
            return default
        return found

    def sections(self, key: str, *, needed: bool = True) -> list[Mapping[str, object]]:
        """The tables below this one, `[[key]]`; at least one where they are needed."""
        return self.take(key, _tables_of, [], needed=needed)

    def has(self, key: str) -> bool:
        """Whether a setting is there."""
        return key in self._values

    def close(self) -> None:
        """Report the settings that nobody took."""
        for key in self._values:
            if key not in self._taken:
                message = f"there is no setting {key} here{hint(key, self._taken)}"
                self.broken(key, Broken("unknown_setting", message))

    def broken(self, key: str, broken: Broken) -> None:
        """Report a problem with a setting, at its line or at its section's."""
        self._findings.add(FILE, self._rows.get(key, self._rows.get("", 0)), key, broken)


TEXT, DATE = 'a text, as in "…"', "a date as 2025-01-31, without quotation marks"


def _read_text(value: object) -> str | Broken:
    if isinstance(value, str) and value.strip():
        return value.strip()
    return Broken("wrong_setting", f"{value!r} is not {TEXT}")


_text = Check(_read_text, TEXT, {"type": "string", "minLength": 1})


WORDS = 'words joined by |, each once, as in "taobao|douyin"'


def _read_words(value: object) -> Sequence[str] | Broken:
    words = [word.strip() for word in value.split("|")] if isinstance(value, str) else [""]
    if not all(words):
        return Broken("wrong_setting", f"{value!r} is not {WORDS}")
    if again := next((word for n, word in enumerate(words) if word in words[:n]), ""):
        return Broken("repeated_word", f"{value!r} has {again!r} twice; it lists {WORDS}")
    return words


_words_of = Check(
    _read_words, WORDS, {"type": "string", "pattern": "^[^|]*[^|\\s][^|]*(\\|[^|]*[^|\\s][^|]*)*$"}
)


def _one_of(allowed: Iterable[str], called: Mapping[str, str] | None = None) -> Check[str]:
    """`called`: by what people call some of them, the word that is written."""
    words = list(allowed)
    wants = f"one of {', '.join(words)}"

    def check(value: object) -> str | Broken:
        if str(value) in words:
            return str(value)
        text = str(value)
        meant = (called or {}).get(text)
        right = f"; write {meant}" if meant in words else hint(text, words)
        return Broken("wrong_setting", f"{text!r} is not {wants}{right}")

    return Check(check, wants, {"enum": words})


def _file_of(files: Iterable[str]) -> Check[str]:
    names = [name for name in files if name != FILE]

    def check(value: object) -> str | Broken:
        if str(value) in names:
            return str(value)
        text = str(value)
        return Broken("missing_file", f"the book has no file {text!r}{hint(text, names)}")

    return Check(check, "the name of one of the book's CSV files", {"type": "string", "pattern": "\\.csv$"})


def _whole(least: int, most: int) -> Check[int]:
    wants = f"a whole number from {least} to {most}"

    def check(value: object) -> int | Broken:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        bare = ", without quotation marks" * isinstance(value, str)
        return Broken("wrong_setting", f"{str(value)!r} is not {wants}{bare}")

    return Check(check, wants, {"type": "integer", "minimum": least, "maximum": most})


def _parts(per: int) -> Check[int]:
    """Reads a number of units as whole parts, at least one; 1 stands for "exactly as it is"."""

    def check(value: object) -> int | Broken:
        if not isinstance(value, int | str | Decimal) or isinstance(value, bool):
            return Broken("wrong_setting", f'{value!r} is no number, as in 0.5 or "0.5"')
        found = part(str(value), per, "a number, as in 0.5")
        if isinstance(found, Broken) or not 0 < found <= MOST_GRAMS * KG:
            return Broken("wrong_setting", f"{str(value)!r} is no number above 0 in whole 1/{per}")
        return found

    return Check(
        check,
        f"a number above 0 in whole 1/{per}, as 0.5",
        {"type": ["number", "string"], "exclusiveMinimum": 0},
    )


def _read_date(value: object) -> dt.date | Broken:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    return Broken("wrong_setting", f"{str(value)!r} is not {DATE}")


_date = Check(_read_date, DATE, {"type": "string", "format": "date"})


SECTION, SECTIONS = "a section of its own: [name]", "a list of sections: [[name]]"


def _read_table(value: object) -> Mapping[str, object] | Broken:
    return value if isinstance(value, dict) else Broken("wrong_setting", f"is {SECTION}")


def _read_tables(value: object) -> list[Mapping[str, object]] | Broken:
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return value
    return Broken("wrong_setting", f"is {SECTIONS}")


_table_of = Check(_read_table, SECTION, {"type": "object"})
_tables_of = Check(_read_tables, SECTIONS, {"type": "array"})
