"""How the books name what they hold: by a hash, so that the same thing has the same name wherever it is made."""

from xxhash import xxh3_128_digest


def name_of(text: str) -> str:
    """The name of a charge, a command or a move of balances, in hexadecimal; its last byte is for the legs."""
    return xxh3_128_digest(text.encode())[:15].hex().upper() + "00"
