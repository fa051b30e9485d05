"""How the books name what they hold: by a hash, so that the same thing has the same name wherever it is made."""

from xxhash import xxh3_128_digest, xxh3_128_hexdigest


def name_of(text: str) -> str:
    """The name of a charge, a command or a move of balances, in hexadecimal; its last byte is for the legs."""
    return xxh3_128_digest(text.encode())[:15].hex().upper() + "00"


def content_name(prefix: str, *parts: str | bytes) -> str:
    """The name of what is told on Kafka: a prefix and the hash of its parts, each after its length in four bytes."""
    raw = [part if isinstance(part, bytes) else part.encode() for part in parts]
    return f"{prefix}-{xxh3_128_hexdigest(b''.join(len(one).to_bytes(4, 'little') + one for one in raw))}"
