"""The passes of a price as a charge keeps them: JSON of a list of `Step`.

Every priced charge has them, so their text is put together from pieces: what a row says of every parcel is encoded
once, what it comes to for one parcel is put in between.
"""

from typing import Any

import msgspec

from flows.rating.cells import PERCENT
from flows.rating.exact import text_of
from flows.rating.measures import MEASURES, decimal
from flows.rating.shapes.shape import Term


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pass of a price, as a charge keeps it. Amounts are exact decimal numbers of yuan."""

    kind: str
    """factors, base, surcharge, discount, bounds, rounding."""
    name: str = ""
    where: str = ""
    """file:row[:column], of another book than the base price's with that book's version behind it: …@version"""
    shape: str = ""
    of: str = ""
    """What a percentage was taken of."""
    terms: list[tuple[str, str, str, str, str]] = []
    """Label, quantity in its unit, measure, price per unit, amount."""
    times: str = ""
    """How often the terms count, in the unit of `each`; empty: once."""
    each: str = ""
    amount: str = ""
    total: str = ""
    """The fee so far."""
    factors: dict[str, str] = {}
    """Of a row that is for some days: the day, its weekday and its holiday, as far as the row names them."""
    passed_over: str = ""


_json = msgspec.json.Encoder()


def begun(step: Step) -> str:
    """A pass whose text goes on with further fields."""
    return _json.encode(step).decode()[:-1]


def field(name: str, value: Any) -> str:
    """A further field of a pass; nothing where it is empty, as its default is."""
    return f',"{name}":{_json.encode(value).decode()}' if value else ""


def told(term: Term, amount: str) -> str:
    """A term of a pass, with its amount's text. Labels and measures are words of ours: nothing needs escaping."""
    per = _PER.get(term.measure)
    shown = term.quantity if per is None else decimal(term.quantity, per)
    price = text_of(term.price) if term.price else ""
    return f'["{term.label}","{shown}","{term.measure}","{price}","{amount}"]'


def factors(found: dict[str, str]) -> str:
    """The pass with the factors that mattered, and what parts it from the next; nothing where there are none."""
    return f'{{"kind":"factors","factors":{_json.encode(found).decode()}}},' if found else ""


_PER = {name: measure.per for name, measure in MEASURES.items()} | {"percent": PERCENT}
"""Parts of the unit in which a quantity is told, by its measure; others are told as they are."""
