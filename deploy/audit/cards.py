"""No number that could be a payment card's stands in a text of the tables of payments."""

import re
from collections.abc import Iterator

from deploy.audit.report import Check, Findings
from deploy.audit.store import BLOCK_RANGE, Store
from schemas.identity import HASHED
from sinks.tables import BY_NAME, TEXT, WORD

_TABLES = (
    *("receivable", "notification", "payment", "payment_match", "payment_exception", "order_status"),
    *("payment_decision", "decision_state", "close", "bill", "bill_line"),
    *("journal", "account_movement", "deduction"),
)
_SEALED = ("sealed",)
_ROW = "[0-9]([ ._-]{0,3}[0-9]){12,}"
"""Thirteen digits or more, together or in groups."""
_ISSUERS = re.compile("4|5[1-5]|6|3[47]|22[3-9]|2[3-6]|27[01]|81")
_TOGETHER = ("evidence", "shares", "items", "lacks")
"""Texts of our own making, in which amounts stand beside numbers: only digits that stand together are looked at."""


def cards(text: str, *, groups: bool = True) -> Iterator[str]:
    """Digits in a text that could be a card's number: 13 to 19 of them, an issuer's, the check digit right."""
    for row in re.finditer(_ROW if groups else "[0-9]{13,}", HASHED.sub("", text)):
        parts = re.findall("[0-9]+", row.group())
        for first in range(len(parts)):
            for last in range(first, len(parts)):
                digits = "".join(parts[first : last + 1])
                if 13 <= len(digits) <= 19 and _ISSUERS.match(digits) and _right(digits):
                    yield digits


def _right(digits: str) -> bool:
    """Luhn: from the right every second digit counts twice, and of what is above nine its digits."""
    doubled = (int(digit) * (1 + n % 2) for n, digit in enumerate(reversed(digits)))
    return sum(one - 9 if one > 9 else one for one in doubled) % 10 == 0


def check_cards(store: Store) -> Check:
    """Everything that is text is looked through."""
    found = Findings("payment_cards", "文本字段中没有可能是银行卡号的数字")
    for name in _TABLES:
        texts = [c.name for c in BY_NAME[name].columns if c.type in (TEXT, WORD) and c.name not in _SEALED]
        like_cards = ", ".join(
            f"groupUniqArrayIf(toString(`{column}`), match(`{column}`, '{_ROW}')) AS of_{n}"
            for n, column in enumerate(texts)
        )
        for first, last in store.ranges(name):
            sql = f"SELECT {like_cards} FROM ${name} WHERE {BLOCK_RANGE}"
            answers = store.columns(sql, first=first, last=last).values()
            for column, (there,) in zip(texts, answers, strict=True):
                for text in there:
                    pieces = text.split(" ") if column in ("references", "candidates", "payments") else [text]
                    if any(True for piece in pieces for _ in cards(piece, groups=column not in _TOGETHER)):
                        found.add(f"{name}.{column} holds a number that could be a card's")
        found.seen += store.count(name)
    return found.check("rows")
