"""Rows of a book back into the words and numbers of a price table, for people who compare and look."""

from collections.abc import Iterator

from flows.rating.cells import NOT_SAID, PERCENT
from flows.rating.factors import BY_NAME, KG, LEAST, MOST_MEASURE, Between, Named, Numbers, Words
from flows.rating.levels import LEVELS
from flows.rating.measures import MEASURES, decimal
from flows.rating.model import PriceTable, Row
from flows.rating.shapes import SHAPES
from flows.rating.shapes.shape import Column
from schemas.money import yuan
from schemas.times import date_of

COUNTS = ("weekday", "pieces", "promised", "month_parcels")
"""Factors whose ranges include both ends."""
_LEVELS = {level.name: level for level in LEVELS}


def conditions(row: Row) -> dict[str, str]:
    """By column: what the row says of the parcels that it is for; blank cells are left out."""
    level = _LEVELS[row.level]
    kinds = level.origin or "outlet", level.destination or "outlet"
    said = {
        f"origin_{kinds[0]}": row.origin,
        f"destination_{kinds[1]}": row.destination,
        "product": row.product,
    }
    said |= {BY_NAME[one.factor].column: named_text(one) for one in row.named}
    return {column: text for column, text in said.items() if text}


def named_text(named: Named) -> str:
    """A factor's cell.

    >>> named_text(Between("weight", 1_000, 3_000)), named_text(Between("pieces", 1, MOST_MEASURE))
    ('1..3', '2..')
    >>> named_text(Between("pieces", -1, 3)), named_text(Between("pieces", -1, MOST_MEASURE))
    ('..3', '0..')
    >>> named_text(Numbers("insured", (5_000, 10_000_000))), named_text(Numbers("date", (0,)))
    ('0.5|1000', '1970-01-01')
    """
    if isinstance(named, Words):
        return "|".join(named.words)
    if isinstance(named, Between):
        return _range(named)
    if isinstance(named, Numbers):
        return "|".join(_value_text(named.factor, number) for number in named.numbers)
    return named.condition.text


def _value_text(factor: str, number: int) -> str:
    return str(date_of(number)) if factor == "date" else decimal(number, BY_NAME[factor].per)


def _range(named: Between) -> str:
    over, upto = named.over, named.upto
    if named.factor in COUNTS:
        high = "" if upto == MOST_MEASURE else str(upto)
        low = "" if over < 0 and high else str(over + 1)
    elif named.factor == "date":
        low = "" if over == LEAST else str(date_of(over + 1))
        high = "" if upto == MOST_MEASURE else str(date_of(upto))
    else:
        return bounds(over, upto, BY_NAME[named.factor].per)
    return f"{low}..{high}"


def bounds(over: int, upto: int, per: int) -> str:
    """A range of a measure whose unit has `per` parts: `1..3`, `..1`, `3..`."""
    low = "" if over <= LEAST else decimal(over, per)
    return f"{low}..{'' if upto == MOST_MEASURE else decimal(upto, per)}"


def prices(row: Row) -> dict[str, str]:
    """By column: what the row says of the price; blank cells are left out."""
    said = {
        column.name: _value(column, value, row.table)
        for column, value in zip(_columns(row.table), row.values, strict=False)
        if value != NOT_SAID
    }
    own = len(_columns(row.table))
    per = MEASURES[row.table.measure].per
    said |= {
        bounds(over, upto, per): yuan(value)
        for (over, upto), value in zip(row.table.tiers, row.values[own:], strict=False)
    }
    return said | ({"value": row.text} if row.text else {})


def _columns(table: PriceTable) -> list[Column]:
    return [column for column in SHAPES[table.shape].columns if column.kind != "text"]


def _value(column: Column, value: int, table: PriceTable) -> str:
    if column.kind == "money":
        return yuan(value)
    per = {"kg": KG, "percent": PERCENT}.get(column.kind, MEASURES[table.measure].per)
    return decimal(value, per)


SETTINGS = ("shape", "weight", "divisor", "unit_g", "unit_rounding", "money_rounding", "priority", "measure", "each",
            "weight_unit_g", "weight_rounding", "of", "group", "layout", "down", "across",
            "otherwise")  # fmt: skip


def settings(table: PriceTable) -> dict[str, str]:
    """By name: what book.toml says of a table, beside its fee, kind, name and file."""
    said = {name: str(getattr(table, name)) for name in SETTINGS if getattr(table, name) not in ("", 0)}
    said["effective_from"] = str(date_of(table.first_day))
    said["effective_to"] = str(date_of(table.last_day))
    if table.slab:
        said["slab"] = decimal(table.slab, MEASURES[table.measure].per)
    return said


def sentence(parts: dict[str, str]) -> str:
    """Columns and cells on a line; any where there are none."""
    return ", ".join(_pairs(parts)) or "any"


def _pairs(parts: dict[str, str]) -> Iterator[str]:
    for column, text in parts.items():
        yield f"{column} {text}"
