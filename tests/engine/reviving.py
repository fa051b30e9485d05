"""A lane's work in a new process, from what the recovery store holds of the former one."""

from collections.abc import Iterable
from typing import TypeVar

from flows.engine.lane import Work

W = TypeVar("W", bound=Work)


def revived(fresh: W, documents: bytes, segments: Iterable[bytes]) -> W:
    """The fresh work with its documents and its ring's segments back, as the keeper hands them to it."""
    fresh.load_documents(documents)
    for segment in segments:
        fresh.ring.found(segment)
    assert fresh.ring.restore()
    fresh.restored()
    return fresh
