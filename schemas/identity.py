"""Identity is computed from content: the same fact has the same id whenever and wherever it is seen.

xxHash3 (https://xxhash.com) with 128 bits names what our own side says; it does not protect against forgery, which is
the work of the SHA-256 chain over the blocks. What strangers send is named by SHA-256.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping

from xxhash import xxh3_128_hexdigest

HASHED = re.compile("[a-z]{2,8}-[0-9a-f]{32}")
"""How most names of our own making look; what looks like a number in them is none."""


def content_id(prefix: str, *parts: str | bytes) -> str:
    """An id for something whose producer gave it none: `prefix-` and 32 hexadecimal digits of its parts.

    Parts are length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
    """
    return f"{prefix}-{xxh3_128_hexdigest(_joined(parts))}"


def guarded_id(prefix: str, *parts: str | bytes) -> str:
    """The same for what strangers send: 128 bits of SHA-256, so that nobody can make two things with one id."""
    return f"{prefix}-{hashlib.sha256(_joined(parts)).hexdigest()[:32]}"


def person_of(name: str) -> str:
    """A person's name as it is compared: however it is spaced, in whatever case or width its letters are written."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _joined(parts: tuple[str | bytes, ...]) -> bytes:
    pieces: list[bytes] = []
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        pieces += len(raw).to_bytes(4, "little"), raw
    return b"".join(pieces)


def version_of(files: Mapping[str, str]) -> str:
    """The content's address: SHA-256 over the files' names and texts, 16 hexadecimal digits of it."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name].encode()):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:16]
