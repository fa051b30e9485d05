"""Numbers that could be those of payment cards: 13 to 19 digits, an issuer's prefix, a check digit that is right.

Digits may stand together or in groups, with up to three blanks, hyphens, dots or underscores between groups, in any
script's digits and with invisible characters between them. A number that stands in a longer row of digits is none:
channels' own numbers are that long. Better one number too many is taken for a card's than one too few.
"""

import re
import unicodedata
from collections.abc import Callable

ISSUER = re.compile(
    r"4|5[0-8]|6|220[0-4]|22[2-9]|2[3-6]|27[01]|2720|3[04-9]|352[89]|35[3-8]|81|9(?:0|40|5|68|84|909|988)"
)
"""How issuers' numbers begin: Visa, Maestro and Mastercard, Mir, American Express, Diners, JCB, UnionPay and the
Chinese banks' own."""
FEWEST, MOST = 13, 19
_DIGIT = re.compile(r"\d")
_ROW = re.compile(r"[0-9](?:[\s\-._]{0,3}[0-9]){12,}")
_GROUP = re.compile(r"[0-9]+")
_DOUBLED = str.maketrans("0123456789", "0246813579")
"""A digit doubled, and the digits of that added up."""


def could_be_card(digits: str) -> bool:
    """Whether ASCII digits could be a card's number."""
    if not FEWEST <= len(digits) <= MOST or not ISSUER.match(digits):
        return False
    total = sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))
    return total % 10 == 0


def plain(text: str) -> str:
    """A text with every script's digits as ASCII ones, wide characters narrow and invisible ones gone."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    return "".join(
        str(unicodedata.decimal(sign)) if sign.isdecimal() else "-" if category == "Pd" else sign
        for sign in text
        for category in [unicodedata.category(sign)]
        if category not in ("Cf", "Mn", "Cs")
    )


def replaced(text: str, by: Callable[[str], str]) -> str:
    """A text in which every number that could be a card's is replaced by what `by` says of its digits."""
    if text.isascii() and text.isdigit():
        return by(text) if could_be_card(text) else text
    if len(_DIGIT.findall(text)) < FEWEST:
        return text
    flat = plain(text)
    if not any(_cards(row.group(), 0) for row in _ROW.finditer(flat)):
        return text
    parts, last = [], 0
    for row in _ROW.finditer(flat):
        for start, end, digits in _cards(row.group(), row.start()):
            parts += [flat[last:start], by(digits)]
            last = end
    return "".join((*parts, flat[last:]))


def _cards(row: str, offset: int) -> list[tuple[int, int, str]]:
    """Where in a row of groups of digits cards' numbers stand, from the left: (start, end, digits)."""
    groups = [(one.start(), one.end()) for one in _GROUP.finditer(row)]
    found, n = [], 0
    while n < len(groups):
        digits, after = "", n + 1
        for m in range(n, len(groups)):
            digits += row[groups[m][0] : groups[m][1]]
            if len(digits) > MOST:
                break
            if could_be_card(digits):
                found.append((offset + groups[n][0], offset + groups[m][1], digits))
                after = m + 1
                break
        n = after
    return found
