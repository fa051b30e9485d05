"""A bill that is verified before a line of it is believed: read once, its lines kept aside, then told as events.

The first pass reads the whole file and writes the lines, payers' tokens in place of payers, to a temporary file;
only when everything agrees (totals, counts, merchant, day) are they handed out. So memory is bounded, the file is read
once, and what is sent is what was verified even if the file changes meanwhile.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Self

import msgspec

from schemas.identity import content_id
from schemas.limits import MOST_IDENTIFIER
from schemas.payments import BillComplete, BillLine, BillLines, BillRefused
from schemas.times import DAY, SECOND, SHANGHAI_OFFSET, day_of
from sources.bills.formats import FORMATS
from sources.bills.model import MOST_LINES, PIECE_LINES, Asked, BillError, Source

_PLACE = re.compile(r"`\$\[(\d+)\]`$", re.ASCII)
"""Where in a line's list msgspec found something wrong."""
MOST_PART = 600_000
"""Bytes of a part's lines, below what brokers take as a message by default."""
UNKNOWN_DAY = date(1970, 1, 1)
_line = msgspec.json.Encoder()
_readable = msgspec.json.Decoder(BillLine).decode
Progress = Callable[[int], None]


class Digests(msgspec.Struct, frozen=True):
    """Hashes of a file's bytes, in hexadecimal digits."""

    sha256: str
    sha1: str

    @property
    def bill(self) -> str:
        """What the bill is called: the same file has the same name wherever it is."""
        return self.sha256[:32]


def digests_of(stream: BinaryIO) -> Digests:
    """Hashes of a file, which is left at its beginning."""
    stream.seek(0)
    long, short = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    while piece := stream.read(1 << 20):
        long.update(piece)
        short.update(piece)
    stream.seek(0)
    return Digests(long.hexdigest(), short.hexdigest())


class Verified:
    """A bill that agrees with itself. `messages` gives what is to be sent; close it when that is done."""

    def __init__(self, stream: BinaryIO, asked: Asked, bill: str, file: str, progress: Progress) -> None:
        """Read the bill. Raises BillError."""
        self.asked, self.bill, self.file = asked, bill, file[:MOST_IDENTIFIER]
        self.lines = self.paid = self.refunded = self.fee = 0
        self.corrects = 0
        """How many bills of its day were sent before: its events are so much later, and of two the later one counts."""
        self._sizes: list[int] = []
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        try:
            for part in _parts(self._counted(FORMATS[asked.source.format](stream, asked), progress)):
                self._spool.write(part)
                self._sizes.append(len(part))
            asked.needs_day()
        except BaseException:
            self.close()
            raise
        progress(self.lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the lines."""
        self._spool.close()

    @property
    def parts(self) -> int:
        """How many messages the lines take."""
        return len(self._sizes)

    def _counted(self, lines: Iterator[BillLine], progress: Progress) -> Iterator[BillLine]:
        for line in lines:
            self.lines += 1
            if self.lines % 100_000 == 0:
                progress(self.lines)
                if self.lines > MOST_LINES:
                    raise BillError("bill_too_large", f"has more than {MOST_LINES} rows")
            if line.state == "success":
                if line.kind == "refund":
                    self.refunded += line.amount_e4
                elif line.direction == "in":
                    self.paid += line.amount_e4
                self.fee += line.fee_e4
            yield line

    def messages(self) -> Iterator[bytes]:
        """The events as they are sent: the lines part by part, then that the bill is complete."""
        self._spool.seek(0)
        for part, size in enumerate(self._sizes, 1):
            yield _lines_event(self, part).replace(b'"lines":[]', b'"lines":' + self._spool.read(size), 1)
        yield _line.encode(complete(self))


def _parts(lines: Iterator[BillLine]) -> Iterator[bytes]:
    """JSON arrays of at most so many lines and bytes."""
    texts: list[bytes] = []
    size = 0
    for number, line in enumerate(lines, 1):
        text = _line.encode(line)
        try:
            _readable(text)
        except msgspec.ValidationError as error:
            raise BillError("bill_unreadable", f"movement {number}: {_named(error)}") from error
        if texts and (len(texts) >= PIECE_LINES or size + len(text) > MOST_PART):
            yield b"[" + b",".join(texts) + b"]"
            texts, size = [], 0
        texts.append(text)
        size += len(text) + 1
    if texts:
        yield b"[" + b",".join(texts) + b"]"


def _named(error: msgspec.ValidationError) -> str:
    """What no lane would take of a line, with the field's name and without its content."""
    field = _PLACE.search(str(error))
    return f"its {BillLine.__struct_fields__[int(field[1])] if field else 'line'} is none that a lane takes"


def _lines_event(bill: Verified, part: int) -> bytes:
    event = BillLines(**_said(bill, str(part)), bill=bill.bill, part=part, lines=())
    return _line.encode(event)


def complete(bill: Verified) -> BillComplete:
    """The event that ends a bill."""
    return BillComplete(
        **_said(bill, "complete"),
        bill=bill.bill,
        parts=bill.parts,
        lines=bill.lines,
        paid_e4=bill.paid,
        refunded_e4=bill.refunded,
        fee_e4=bill.fee,
        file=bill.file,
    )


def empty(source: Source, day: date) -> BillComplete:
    """The bill of a day on which, as the channel says, nothing happened."""
    return BillComplete(
        **_of(source, day, str(day), "empty"),
        bill=f"empty-{day}",
        parts=0,
        lines=0,
        paid_e4=0,
        refunded_e4=0,
        fee_e4=0,
    )


def refused(asked: Asked, day: date | None, bill: str, error: BillError, file: str) -> BillRefused:
    """A bill that is not believed. `day`: of which it should be."""
    return BillRefused(
        **_of(asked.source, day, bill, "refused", error.reason),
        statement=asked.statement,
        bill=bill,
        reason=error.reason,
        detail=error.detail[:1_000],
        file=file[:MOST_IDENTIFIER],
    )


def _said(bill: Verified, part: str) -> dict[str, Any]:
    said = _of(bill.asked.source, bill.asked.day, bill.bill, part)
    return said | {"time": said["time"] + bill.corrects * SECOND, "statement": bill.asked.statement}


def _of(source: Source, day: date | None, *parts: str) -> dict[str, Any]:
    """What every event about a bill says: whose and which day's it is, and its id by what else names it."""
    day = day or UNKNOWN_DAY
    return {
        "id": content_id("bill", *named(source), *parts),
        "time": end_of(day),
        "group": source.group,
        "channel": source.channel,
        "merchant": source.merchant,
        "day": day,
        "sort": source.sort,
    }


def named(source: Source) -> tuple[str, str, str]:
    """Which sort of bill of whom."""
    return source.channel, source.merchant, source.sort


def end_of(day: date) -> int:
    """When a day ends in Shanghai, UTC ms: the time of its bill, whenever it is read."""
    return day_of(day + timedelta(days=1)) * DAY - SHANGHAI_OFFSET


def has_digest(file: Path, digests: Digests) -> None:
    """Compare a dropped file with the digest that lies beside it (`NAME.sha256`, `NAME.sha1`), if there is one.

    Raises BillError.
    """
    for ending, digest in (("sha256", digests.sha256), ("sha1", digests.sha1)):
        beside = file.with_name(f"{file.name}.{ending}")
        if beside.is_file():
            with beside.open("rb") as stream:
                said = stream.read(256).decode("ascii", "replace").split()
            if not said or said[0].lower() != digest:
                raise BillError("bill_hash_wrong", f"its {ending} is not the one in {beside.name}")
