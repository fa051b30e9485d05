"""The answer to clickhouse-go's first query, in ClickHouse's native block format.

That client reads the block at the protocol revision that it asked for, while chDB writes revision 0; so this
one block is made by hand. It says revision 0, and the client then reads everything else as chDB writes it.
Format: https://clickhouse.com/docs/native-protocol/basics
"""

QUERY = "SELECT displayName(), version(), revision(), timezone()"
REVISION_WITH_BLOCK_INFO = 54454

_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"


def _number(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _string(text: str) -> bytes:
    raw = text.encode()
    return _number(len(raw)) + raw


def answer(name: str, version: str, timezone: str) -> bytes:
    """One block of four columns and one row."""
    columns = (
        ("displayName()", "String", _string(name)),
        ("version()", "String", _string(version)),
        ("revision()", "UInt32", bytes(4)),
        ("timezone()", "String", _string(timezone)),
    )
    block = _BLOCK_INFO + _number(len(columns)) + _number(1)
    for title, kind, value in columns:
        block += _string(title) + _string(kind) + b"\x00" + value
    return block
