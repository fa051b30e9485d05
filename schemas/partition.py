"""Which partition a key lies on: Java's murmur2, as all of Waybook's producers use it (`topics.PARTITIONER`)."""

from functools import lru_cache

_M = 0x5BD1E995
_SEED = 0x9747B28C
_WORD = 0xFFFFFFFF


@lru_cache(maxsize=1 << 16)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key that is not empty, among so many."""
    return _murmur2(key.encode()) % 0x80000000 % partitions


def _murmur2(data: bytes) -> int:
    """MurmurHash2 with 32 bits and Kafka's seed."""
    whole = len(data) & ~3
    h = _SEED ^ len(data)
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _WORD
        k = (k ^ k >> 24) * _M & _WORD
        h = (h * _M & _WORD) ^ k
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _WORD
    h = (h ^ h >> 13) * _M & _WORD
    return h ^ h >> 15
