"""Money is a whole number of 0.0001 yuan (ClickHouse `Decimal(18,4)`), never a float.

A price may have up to four decimals, and so may a limit; money that is moved, held, claimed or declared has whole fen.
An amount that is charged is rounded once, at the end, to the fen.
"""

from decimal import Decimal, InvalidOperation

from msgspec import Meta

YUAN = 10_000
"""Units in one yuan."""

FEN = 100
"""Units in one fen."""

_UNIT = Decimal("0.0001")

MOST = 10**14
"""The largest amount that is believed, in units: ten billion yuan, far inside `Decimal(18,4)`."""

WHOLE_FEN = Meta(multiple_of=FEN)
"""The mark of fields with what somebody pays, collects, claims or declares: nobody can pay a part of a fen."""


def half_up(units: int) -> int:
    """Round to the fen, halves away from zero: the accountant's 四舍五入.

    >>> half_up(52_550), half_up(52_549), half_up(-52_550)
    (52600, 52500, -52600)
    """
    return (units + 50) // 100 * 100 if units >= 0 else -((50 - units) // 100 * 100)


def parse_yuan(text: str) -> int:
    """Units from a decimal number of yuan, as people write it in a price table: `3`, `1.50`, `0.0125`.

    Raises ValueError naming what is wrong: not a number, more than four decimals, or beyond `MOST`.
    """
    try:
        amount = Decimal(text.strip() if text.isascii() and "_" not in text else "")
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount of yuan") from None
    if not amount.is_finite() or amount.copy_abs() > MOST // YUAN:
        raise ValueError(f"{text!r} is not a believable amount of yuan")
    if amount != (exact := amount.quantize(_UNIT)):
        raise ValueError(f"{text!r} has more than four decimals")
    return int(exact * YUAN)


def parse_payable(text: str) -> int:
    """Units from an amount of yuan that somebody is to pay: as `parse_yuan`, in whole fen. Raises ValueError."""
    if not whole_fen(units := parse_yuan(text)):
        raise ValueError(f"{text!r} has a part of a fen, which nobody can pay")
    return units


def yuan(units: int) -> str:
    """Units as yuan for people: at least two decimals, four only where they are needed.

    >>> yuan(52_500), yuan(-45_500), yuan(12_525)
    ('5.25', '-4.55', '1.2525')
    """
    sign, whole = ("-", -units) if units < 0 else ("", units)
    decimals = f"{whole % YUAN:04d}"
    return f"{sign}{whole // YUAN}.{decimals if decimals[2:] != '00' else decimals[:2]}"


def whole_fen(units: int) -> bool:
    """Whether somebody can pay so much: nobody can pay a part of a fen.

    >>> whole_fen(52_500), whole_fen(52_550)
    (True, False)
    """
    return units % FEN == 0
