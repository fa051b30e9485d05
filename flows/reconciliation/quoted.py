"""Numbers of ours in what payers write: one normal form, and the exact tokens of a free text. Nothing fuzzy.

Width, case and separators do not matter: `ＦＲ－1007`, `fr 1007` and `FR-1007` are one number. A dash or underscore
holds a token together, so `FR-1007-2` is never taken for `FR-1007`; at blanks, slashes and dots a text is read both
ways, apart and joined; any other character, Chinese ones too, ends a token.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from flows.reconciliation.model import Due, Paid

MOST_JOINED = 4
"""Pieces that may be one number when blanks, slashes or dots between them are left out."""
MOST_NUMBERS = 64
"""Numbers that are looked up for one payment."""
LEAST_LENGTH = 5
"""Characters that a number in a free text has at least; four of them digits. Shorter ones are amounts and dates."""
MOST_LENGTH = 64
MOST_REMEMBERED = 50_000
"""Texts and numbers whose reading is remembered: what hangs together is looked at again with each new fact of it."""
_LEAST_DIGITS = 4

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_PLAIN = str.maketrans(dict.fromkeys(_DASHES, "-"))
_RUN = re.compile(r"[A-Z0-9_\-]+(?:[ \t/.]+[A-Z0-9_\-]+)*", re.ASCII)
_BREAK = re.compile(r"[ \t/.]+")
_SEPARATOR = re.compile(r"[\s\-_/.]+")


@lru_cache(MOST_REMEMBERED)
def normal(number: str) -> str:
    """A number without width, case and separators.

    >>> normal("ＦＲ－1007"), normal("fr 1007/2")
    ('FR1007', 'FR10072')
    """
    if number.isascii() and number.isalnum():
        return number.upper()
    return _SEPARATOR.sub("", unicodedata.normalize("NFKC", number).translate(_PLAIN).upper())


@lru_cache(MOST_REMEMBERED)
def in_text(text: str) -> tuple[str, ...]:
    """Normal forms of everything in a text that could be a number of ours, in order, at most `MOST_NUMBERS`.

    >>> in_text("付FR-1007、FR-1008运费"), in_text("fr 1007"), in_text("FR-1007-2")
    (('FR1007', 'FR1008'), ('FR1007',), ('FR10072',))
    """
    if not text:
        return ()
    found: dict[str, None] = {}
    for run in _RUN.findall(unicodedata.normalize("NFKC", text).translate(_PLAIN).upper()):
        pieces = [piece for piece in (normal(part) for part in _BREAK.split(run)) if piece]
        for start in range(len(pieces)):
            for end in range(start + 1, min(start + MOST_JOINED, len(pieces)) + 1):
                token = "".join(pieces[start:end])
                if _usable(token):
                    found[token] = None
                    if len(found) == MOST_NUMBERS:
                        return tuple(found)
    return tuple(found)


def _usable(token: str) -> bool:
    return LEAST_LENGTH <= len(token) <= MOST_LENGTH and sum(map(str.isdigit, token)) >= _LEAST_DIGITS


def numbers_of_due(due: Due) -> tuple[str, ...]:
    """Numbers by which a due can be called, its document's first."""
    return _distinct([normal(due.document), *map(normal, due.references)])


def numbers_of_payment(payment: Paid) -> tuple[str, ...]:
    """Numbers that a payment calls, its order's first."""
    order = order_of(payment)
    if not payment.text:
        return (order,) if order else ()
    return _distinct([order, *in_text(payment.text)])


def order_of(payment: Paid) -> str:
    """The normal form of the number that came with a payment by itself; empty: none."""
    return normal(payment.order) if payment.order else ""


def believed(payment: Paid, due: Due) -> bool:
    """Whether a number that somebody typed is taken for this due's.

    Mistyped numbers are often somebody else's. So where both payer and who should pay are known and differ, only the
    very amount says that one pays for the other.
    """
    if (payment.party and payment.party == due.party) or (payment.payer and payment.payer == due.payer):
        return True
    known = (payment.party and due.party) or (payment.payer and due.payer)
    return not known or (payment.amount == due.amount and payment.currency == due.currency)


def calls(payment: Paid, number: str, due: Due) -> bool:
    """Whether a payment that has one of a due's numbers is taken to mean it."""
    return number == order_of(payment) or believed(payment, due)


def _distinct(numbers: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(number for number in numbers if number))
