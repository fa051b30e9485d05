"""Identity is computed from content: the same fact has the same id whenever and wherever it is seen.

xxHash3 (https://xxhash.com) with 128 bits names things; nothing here protects against forgery, which is the
work of the SHA-256 chain over the blocks.
"""

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
