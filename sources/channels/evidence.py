"""Evidence: what a channel really sent, kept encrypted, so that it can be shown and yet nobody reads payers in it.

AES-SIV (RFC 5297) is deterministic: the same bytes under the same identity are sealed to the same bytes, as a replay
needs; all that shows is that two are equal.
"""

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class Evidence:
    """Seals with the first of our keys, opens with any of them (64 bytes each)."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = [AESSIV(key) for key in keys]

    def seal(self, identity: str, raw: bytes) -> bytes:
        """Bytes that only our key opens, and only under the same identity (the notification's id)."""
        return self._ciphers[0].encrypt(raw, [identity.encode()])

    def unseal(self, identity: str, sealed: bytes) -> bytes:
        """What was sealed. Raises ValueError when it was altered, has another identity, or its key is not here."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed, [identity.encode()])
            except InvalidTag:
                continue
        raise ValueError(f"none of the keys for evidence opens what was sealed as {identity}")
