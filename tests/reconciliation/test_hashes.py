"""A set of hashes that only grows."""

import random

import pytest

from flows.reconciliation import hashes
from flows.reconciliation.hashes import Hashes


def test_it_knows_what_was_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not it was put into order meanwhile, and from bytes."""
    monkeypatch.setattr(hashes, "FEWEST", 10)
    r = random.Random(4)
    known = [0, (1 << 64) - 1, *(r.getrandbits(64) for _ in range(500))]
    packed = [b"".join(one.to_bytes(8, "little") for one in some) for some in (known[250:300], known[300:])]
    found = Hashes(packed)
    for one in known[:250]:
        assert one not in found
        found.add(one)
    assert all(one in found for one in known)
    assert not any(one ^ 1 in found for one in known[2:])
