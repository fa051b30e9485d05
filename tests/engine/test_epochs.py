"""The source and the ring count the same epochs, whenever a lane is told to stop."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.engine.lane import Keeper
from flows.engine.ring import Ring
from flows.engine.source import Cutter, Position
from tests.engine.test_engine import Thing, alive, put

SIZE = 3


class Work:
    """A lane with a ring of things, of which Bytewax has stored `segments`."""

    def __init__(self, segments: dict[str, Any]) -> None:
        self.ring: Ring[Thing] = Ring(Thing, lambda thing, _: thing.over, size=SIZE)
        self.keepers: dict[str, Keeper] = {}
        lane: Any = SimpleNamespace(number=7, work=self)
        self.lane = lane
        for key, saved in segments.items():
            self.keepers[key] = Keeper(lane, saved)

    def restored(self) -> None:
        """Nothing is derived."""

    def tick(self, key: str, epoch: int) -> None:
        """The ring is told that an epoch begins."""
        self.keepers.setdefault(key, Keeper(self.lane, None)).on_batch([epoch])


class Source:
    """A lane's source without a Kafka: nothing ever arrives."""

    def __init__(self, position: Position) -> None:
        self.stops = False
        made: Any = Cutter.__new__(Cutter)
        made._same = True
        made.lane, made.position, made.plans, made.ring_size, made.inputs = 7, position, {}, SIZE, []
        made._ticked, made._ended = False, 0.0
        made._arrived = dict
        made.stopping = lambda: self.stops
        self.cutter = made

    def call(self) -> list[tuple[str, Any]] | None:
        """What Bytewax is handed; None: the source has ended."""
        try:
            return self.cutter.next_batch()  # type: ignore[no-any-return]
        except StopIteration:
            return None


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["", "polite", "killed"])), max_size=25))
def test_nothing_is_forgotten_whenever_a_lane_is_told_to_stop(epochs: list[tuple[int, str]]) -> None:
    """`epochs`: how often the source is asked in each, and how the lane ends then, to be started again."""
    position, segments = Position(0, 0, {}), dict[str, Any]()
    work, source, kept, told = Work(segments), Source(position), dict[str, int](), dict[str, int]()
    for number, (calls, end) in enumerate(epochs):
        touched = set[str]()
        for _ in range(calls):
            for key, epoch in source.call() or []:
                work.tick(key, epoch)
                touched.add(key)
            put(work.ring, f"k{number % 5}", number)
            told[f"k{number % 5}"] = number
        source.stops = end == "polite"
        if source.stops:
            assert source.call() is None
            touched = set(work.keepers)
        if end != "killed":
            position = source.cutter.snapshot()
            segments |= {key: work.keepers[key].snapshot() for key in sorted(touched)}
            kept = dict(told)
        if end:
            work, source = Work(segments), Source(msgspec.structs.replace(position))
            stored = Work(segments).ring
            stored.restore()
            assert alive(stored) == kept
            told = dict(kept)


def test_a_source_in_another_epoch_than_the_ring_is_our_own_bug() -> None:
    with pytest.raises(RuntimeError, match="the source is in epoch 4, the ring in 0"):
        Work({}).tick("1", 4)
