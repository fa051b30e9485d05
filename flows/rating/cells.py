"""Cells of prices: texts that people write in a price table → whole numbers, or the rule that they break."""

from collections.abc import Callable, Sequence

from flows.rating.factors import KG, part
from flows.rating.findings import Broken
from flows.rating.measures import MEASURES
from flows.rating.model import PriceTable
from flows.rating.shapes.shape import Column
from schemas.limits import MOST_IDENTIFIER, MOST_WEIGHT_G
from schemas.money import parse_yuan

PERCENT = 10_000
"""Millionths in a percent."""
MOST_PERCENT = 100_000
NOT_SAID = -1
"""The value of a blank cell that may be blank."""
SEPARATORS = (";", "\t", "；", "，")
"""What spreadsheets and people write between columns instead of commas."""

Read = Callable[[str], int | Broken]


def grams(text: str) -> int | Broken:
    """Grams from kilograms with up to three decimals."""
    found = part(text, KG, "kilograms as 1 or 0.5")
    if isinstance(found, Broken):
        return _decimals(found, text, "three decimals: the gram is the least")
    if found > MOST_WEIGHT_G:
        return Broken("out_of_range", f"{text!r} is not between 0 and {MOST_WEIGHT_G // KG} kg")
    return found


def price(text: str) -> int | Broken:
    """Money units from yuan with up to four decimals, not negative."""
    found = part(text, 1, "yuan as 3 or 1.50")
    if isinstance(found, Broken) and found.rule in ("missing_value", "not_a_number"):
        return found
    try:
        units = parse_yuan(text)
    except ValueError as error:
        return Broken("too_many_decimals" if "decimals" in str(error) else "out_of_range", str(error))
    return units if units >= 0 else Broken("negative_price", f"{text!r} is negative")


def percent(text: str) -> int | Broken:
    """Millionths from a percentage with up to four decimals."""
    found = part(text, PERCENT, "percent as 8 or 0.5")
    if isinstance(found, int) and found > MOST_PERCENT * PERCENT:
        return Broken("out_of_range", f"{text!r} is more than {MOST_PERCENT} percent")
    return found


def quantity(table: PriceTable) -> Read:
    """Reads a quantity of the table's measure."""
    measure = MEASURES[table.measure]
    return lambda text: part(text, measure.per, measure.units)


def reader(column: Column, table: PriceTable) -> Read:
    """How the cells of a shape's column are read; a blank one where the column is not needed."""
    read = {
        "money": price,
        "kg": grams,
        "percent": percent,
        "quantity": quantity(table),
    }[column.kind]
    if column.needed:
        return read
    return lambda text: read(text) if text else NOT_SAID


def separator(header: Sequence[str]) -> Broken | None:
    """What is wrong with a header that is all one cell, if something else than commas separates its columns."""
    found = next((mark for mark in SEPARATORS if len(header) == 1 and mark in header[0]), "")
    if not found:
        return None
    return Broken("wrong_separator", f"the columns are separated by {found!r}: save the file with commas")


def name(text: str) -> str | Broken:
    """A name such as a zone's."""
    if not text:
        return Broken("missing_value", "is empty; write a name")
    if len(text) > MOST_IDENTIFIER or "|" in text:
        return Broken("not_a_name", f"{text!r} is no name of up to {MOST_IDENTIFIER} characters without |")
    return text


def _decimals(broken: Broken, text: str, most: str) -> Broken:
    if broken.rule == "too_many_decimals":
        return Broken(broken.rule, f"{text!r} has more than {most}")
    if broken.rule == "out_of_range":
        return Broken(broken.rule, f"{text!r} is not between 0 and {MOST_WEIGHT_G // KG} kg")
    return broken
