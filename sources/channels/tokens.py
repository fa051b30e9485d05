"""Tokens of payers: a keyed hash in place of what identifies a person or an account.

Whoever has no key can neither compute a token nor find out whose it is; the same identifier has the same token in
every channel, so that a payer is known again.
"""

import hashlib
import hmac
import re

from sources.channels.cards import plain, replaced

TOKEN = re.compile(r"tok-[a-p]{32}")
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
"""Hexadecimal digits as letters: a token never has a row of digits that looks like a card's number."""
_GAPS = re.compile(r"[\s\-]+")


class Tokens:
    """Makes tokens with our key."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)

    def token(self, identifier: str) -> str:
        """The token of an identifier: an openid, an account's number with or without gaps, a name."""
        mac = self._keyed.copy()
        mac.update(_canonical(identifier).encode("utf-8", "replace"))
        return "tok-" + mac.hexdigest()[:32].translate(_LETTERS)

    def known_as(self, payer: str) -> str:
        """The token of a payer who is told by an identifier or by the token itself; empty: by nothing."""
        return payer if not payer or TOKEN.fullmatch(payer) else self.token(payer)

    def scrub(self, text: str) -> str:
        """A text or an identifier in which whatever could be a card's number is replaced by its token."""
        return replaced(text, self.token)


def _canonical(identifier: str) -> str:
    """An identifier as it is hashed: without gaps where it is a number, in ASCII digits."""
    text = plain(identifier).strip()
    joined = _GAPS.sub("", text)
    return joined if joined.replace("*", "").isdecimal() else text
