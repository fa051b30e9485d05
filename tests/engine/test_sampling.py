"""Latency is measured by every twentieth record, in whatever blocks they come."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flows.engine.source import SAMPLED, Cutter, Input, Position


class Record:
    """As much of Kafka's message as a block needs."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        """Its place."""
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        """Kind, and UTC ms."""
        return 1, 1_000 + self._offset

    def value(self) -> bytes:
        """Its bytes."""
        return b"x"


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30))
def test_every_twentieth_record_whatever_the_blocks(sizes: list[int]) -> None:
    cutter: Any = Cutter.__new__(Cutter)
    cutter.inputs, cutter.position = [Input("t", 0), Input("u", 3)], Position(0, 0, {})
    stamps, offset = list[int](), 0
    for n, size in enumerate(sizes, 1):
        records = [Record(offset + i) for i in range(size)]
        offset += size
        block = cutter._block(n, {("t", 0): records, ("u", 3): []})
        assert (block.count, block.n) == (size, n)
        assert block.newest == (1_000 + offset - 1 if size else 0)
        stamps += block.stamps
    assert stamps == [1_000 + at for at in range(0, offset, SAMPLED)]
    assert cutter.position.upto == {"t:0": offset, "u:3": 0}
