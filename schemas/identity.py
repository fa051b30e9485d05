"""Identity is computed from content: the same fact has the same id whenever and wherever it is seen.

xxHash3 (https://xxhash.com) with 128 bits names things; nothing here protects against forgery, which is the
work of the SHA-256 chain over the blocks.
"""

import hashlib
from collections.abc import Mapping

from xxhash import xxh3_128_hexdigest


def content_id(prefix: str, *parts: str | bytes) -> str:
    """An id for something whose producer gave it none: `prefix-` and 32 hexadecimal digits of its parts.

    Parts are length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
    """
    whole = b"".join(
        len(raw).to_bytes(4, "little") + raw
        for raw in (part.encode() if isinstance(part, str) else part for part in parts)
    )
    return f"{prefix}-{xxh3_128_hexdigest(whole)}"


def version_of(files: Mapping[str, str]) -> str:
    """The content's address: SHA-256 over the files' names and texts, 16 hexadecimal digits of it."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name].encode()):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:16]
