"""Which partition a key lies on: Java's murmur2, as all of Waybook's producers use it (`topics.PARTITIONER`)."""

from struct import Struct

_M = 0x5BD1E995
_SEED = 0x9747B28C
_WORD = 0xFFFFFFFF
_words = Struct("<I").iter_unpack
CACHED = 1 << 16
"""Keys whose partitions a flow remembers where few keys come often."""


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key that is not empty, among so many."""
    return _murmur2(key.encode()) % 0x80000000 % partitions


def _murmur2(data: bytes) -> int:
    """MurmurHash2 with 32 bits and Kafka's seed."""
    size = len(data)
    h = _SEED ^ size
    for (k,) in _words(data[: size & ~3]):
        k = k * _M & _WORD  # noqa: PLW2901
        h = (h * _M & _WORD) ^ ((k ^ k >> 24) * _M & _WORD)
    if rest := data[size & ~3 :]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _WORD
    h = (h ^ h >> 13) * _M & _WORD
    return h ^ h >> 15
