"""Records by key in a ring of segments: an epoch's snapshot costs what the epoch changed, not what is open.

Bytewax snapshots every key that an epoch touched. One key for all records would write all of them each epoch;
one key per record is quadratic on resume. So there are SIZE keys; epoch e touches only key e mod SIZE, whose
snapshot, the *segment*, holds

* the base: all records born in epochs congruent to e, and
* the delta: every other record that changed in epoch e.

An epoch costs its changes plus 1/SIZE of what is open. To restore, take each record's newest value: the base
of its place in the ring, overwritten by later deltas in order of epochs.

A record that is over is forgotten *logically* as soon as `over` says so; its memory is freed when its
segment is next written. Whether that has happened already can never show in a result.
"""

import gc
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import lz4.frame
import msgspec

from flows.engine.log import log

SIZE = 256
"""Keys of the ring: more make epochs cheaper and resuming slower."""


class Record(Protocol):
    """What the ring needs of a record: its key, its place in the ring, the epoch that touched it last."""

    key: str
    place: int
    epoch: int


R = TypeVar("R", bound=Record)


class Ring(Generic[R]):
    """A lane's records. The owner reads and changes `records` directly, by these rules:

    a new record is made with `place` = `ring.place` and `epoch` = `ring.epoch` and handed to `begin`; any other is
    handed to `mark` before it is changed.
    """

    def __init__(self, kind: type[R], over: Callable[[R, int], bool], size: int = SIZE) -> None:
        self.size, self.over = size, over
        self.freed: Callable[[R], None] = lambda _: None
        """Told of each record whose memory is freed, for what the owner derives from records."""
        self.records: dict[str, R] = {}
        self.epoch = 0
        self.now = 0
        """Data time: the largest tick seen, UTC ms."""
        self.born: list[R] = []
        self.touched: list[R] = []
        self._places: list[list[R]] = [[] for _ in range(size)]
        self._found: list[bytes] = []
        self._kind = kind
        self.seconds = 0.0
        """What the last segment took to make."""

    @property
    def place(self) -> int:
        """The running epoch's place in the ring."""
        return self.epoch % self.size

    def known(self, key: str) -> R | None:
        """The record of a key; None: there is none that is not over."""
        record = self.records.get(key)
        return None if record is None or self.over(record, self.now) else record

    def begin(self, record: R) -> None:
        """A record of the running epoch, in the place of one that may be over."""
        self.records[record.key] = record
        self.born.append(record)

    def mark(self, record: R) -> None:
        """The record changes in this epoch."""
        if record.epoch != self.epoch:
            record.epoch = self.epoch
            self.touched.append(record)

    def found(self, segment: bytes) -> None:
        """A segment of the recovery store; `restore` when all are there."""
        self._found.append(segment)

    def restore(self) -> bool:
        """Put the records back. False: there was nothing to restore."""
        if not self._found:
            return False
        began = time.monotonic()
        segments = sorted(map(self._unpack, self._found), key=lambda segment: segment[0])
        base_of = {epoch % self.size: epoch for epoch, *_ in segments}
        where: dict[str, tuple[int, int]] = {}
        for epoch, now, base, _ in segments:
            self._places[epoch % self.size] = base
            self.now = max(self.now, now)
            for index, record in enumerate(base):
                known = self.records.get(record.key)  # stores may have kept older records of a key
                if known is None or known.epoch <= record.epoch:
                    self.records[record.key] = record
                    where[record.key] = epoch % self.size, index
        for epoch, _, _, delta in segments:
            for record in delta:
                if epoch > base_of[record.place]:
                    place, index = where[record.key]
                    if place == record.place:  # else it was over, and the key is a younger record's
                        self.records[record.key] = self._places[place][index] = record
        self.epoch = segments[-1][0] + 1
        self._found = []
        gc.freeze()
        log("restored", records=len(self.records), seconds=round(time.monotonic() - began, 2))
        return True

    def segment(self, epoch: int) -> bytes:
        """The snapshot of an epoch's key. At a graceful end Bytewax asks for every key's: bases alone then."""
        if epoch != self.epoch:
            return self._pack(epoch, self._places[epoch % self.size], [])
        began = time.monotonic()
        place = self.place
        kept = []
        for record in self._places[place]:
            if self.records.get(record.key) is not record:
                continue  # the key is a younger record's; of one that came back it may not be known that it was over
            if self.over(record, self.now):
                del self.records[record.key]
                self.freed(record)
            else:
                kept.append(record)
        kept += self.born
        self._places[place] = kept
        delta = [r for r in self.touched if r.place != place and self.records.get(r.key) is r]
        packed = self._pack(epoch, kept, delta)
        self.epoch, self.born, self.touched = epoch + 1, [], []
        self.seconds = time.monotonic() - began
        return packed

    def _pack(self, epoch: int, base: list[R], delta: list[R]) -> bytes:
        return bytes(lz4.frame.compress(msgspec.msgpack.encode((epoch, self.now, base, delta))))

    def _unpack(self, raw: bytes) -> tuple[int, int, list[R], list[R]]:
        shape = tuple[int, int, list[self._kind], list[self._kind]]  # type: ignore[name-defined]
        try:
            return msgspec.msgpack.decode(lz4.frame.decompress(raw), type=shape)  # type: ignore[no-any-return]
        except msgspec.ValidationError as error:
            raise RuntimeError(
                f"the recovery store has records of another version of Waybook ({error}): delete it, the lane replays"
            ) from error
