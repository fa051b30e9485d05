"""A file of bills that is verified before a line of it is believed: read once, its lines kept aside, then sent.

The first pass reads the whole file and writes the lines, payers' tokens in place of payers, to a temporary file;
only when everything agrees (totals, counts, merchant, day) are they handed out, a bill for each day that the file
tells of. So memory is bounded, the file is read once, and what is sent is what was verified even if the file changes
meanwhile.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Self

import msgspec

from schemas.identity import content_id
from schemas.limits import MOST_IDENTIFIER
from schemas.payments import BillComplete, BillLine, BillLines, BillRefused
from schemas.times import DAY, SECOND, SHANGHAI_OFFSET, business_day, date_of, day_of
from sources.bills.formats import FORMATS
from sources.bills.gathered import Gathered, text_of
from sources.bills.model import MOST_DAYS, MOST_LINES, Asked, BillError, Source, too_many_days

UNKNOWN_DAY = date(1970, 1, 1)
"""Of a file that is not believed and of which nothing says the day: it is no day's bill, so no lane is told of it."""
_encode = msgspec.json.Encoder().encode
Progress = Callable[[int], None]


class Digests(msgspec.Struct, frozen=True):
    """Hashes of a file's bytes, in hexadecimal digits."""

    sha256: str
    sha1: str

    @property
    def file(self) -> str:
        """What the file is called, and the bill in it: the same file has the same name wherever it is."""
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


class Bill:
    """A day's bill that agrees with itself."""

    def __init__(
        self, source: Source, day: date, statement: str, name: str, file: str, told: Gathered
    ) -> None:
        self.source, self.day, self.statement = source, day, statement
        self.name, self.file, self.told = name, file[:MOST_IDENTIFIER], told
        self.corrects = 0
        """How many bills of its day were sent before: its events are so much later, and of two the later one counts."""

    def messages(self) -> Iterator[bytes]:
        """The events as they are sent: the lines part by part, then that the bill is complete."""
        for part in range(self.told.parts):
            event = BillLines(**self._said(str(part + 1)), bill=self.name, part=part + 1, lines=())
            yield _encode(event).replace(b'"lines":[]', b'"lines":' + self.told.part(part), 1)
        yield _encode(self.complete())

    def complete(self) -> BillComplete:
        """The event that ends it."""
        return BillComplete(
            **self._said("complete"),
            bill=self.name,
            parts=self.told.parts,
            lines=self.told.lines,
            paid_e4=self.told.paid,
            refunded_e4=self.told.refunded,
            fee_e4=self.told.fee,
            file=self.file,
        )

    def _said(self, part: str) -> dict[str, Any]:
        said = _of(self.source, self.day, self.name, part)
        return said | {"time": said["time"] + self.corrects * SECOND, "statement": self.statement}


class Verified:
    """A file that agrees with itself; `bills`: those that it holds, day by day. Close it when they are sent."""

    def __init__(self, stream: BinaryIO, asked: Asked, name: str, file: str, progress: Progress) -> None:
        """Read the file. Its bill is called by its name, each of several by its day, too. Raises BillError."""
        self._asked, self._spool = asked, tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._days: dict[date, Gathered] = {}
        """What it tells of each day."""
        self._booked: dict[int | None, Gathered] = {}
        """Lines of the statement that is being read by the day on which they were booked, days since 1970-01-01; None:
        before it opened."""
        self._closed: date | None = None
        """Of the statement before it the date of the closing balance; of a table the day before in the file."""
        asked.over = self._share_out
        try:
            self._read(stream, progress)
            if not asked.told:
                asked.needs_day()
            asked.begins()
            if self._booked:
                raise RuntimeError("a reader gave lines of which it has not told the day")
            for told in self._days.values():
                told.end()
        except BaseException:
            self.close()
            raise
        several = len(asked.told) > 1
        self.bills = [
            Bill(
                asked.source, day, asked.told[day], f"{name}-{day}" if several else name, file, self._of(day)
            )
            for day in sorted(asked.told)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the lines."""
        self._spool.close()

    def _read(self, stream: BinaryIO, progress: Progress) -> None:
        asked = self._asked
        number, day, told = 0, date.min, Gathered(self._spool)
        for number, line in enumerate(FORMATS[asked.source.format](stream, asked), 1):
            if number % 100_000 == 0:
                progress(number)
                if number > MOST_LINES:
                    raise BillError("bill_too_large", f"has more than {MOST_LINES} rows")
            if asked.day is None or asked.opened is not None:
                self._of_statement(line).add(line, text_of(line, number))
                continue
            if day is not asked.day:
                day = asked.day
                told = self._of(day)
            told.add(line, text_of(line, number))
        progress(number)

    def _of(self, day: date) -> Gathered:
        return self._days.setdefault(day, Gathered(self._spool))

    # Statements

    def _of_statement(self, line: BillLine) -> Gathered:
        """Where a line lies until it is known which days its statement tells of."""
        on, opened = business_day(line.time), self._asked.opened
        place = on if opened is not None and day_of(opened) <= on else None
        found = self._booked.get(place)
        if found is None:
            if len(self._booked) > MOST_DAYS:
                raise too_many_days()
            found = self._booked[place] = Gathered(self._spool)
        return found

    def _share_out(self) -> None:
        """A statement, or what a table has of a day, is over. Each line of a statement is of the day on which it was
        booked, from the date of the opening balance to that of the closing one; whatever else is of the latter. Days in
        between on which nothing was booked have bills without lines: the balances say that nothing happened."""
        asked, closed = self._asked, self._asked.day
        assert closed is not None
        booked, self._booked = self._booked, {}
        for on, told in booked.items():
            day = date_of(on) if on is not None and on < day_of(closed) else closed
            if day not in asked.told:
                asked.is_also_of(day)
            self._of(day).add_all(told)
        if asked.has_balances:
            self._tell_quiet(self._closed or asked.opened or closed, closed)
            self._closed = closed

    def _tell_quiet(self, after: date, before: date) -> None:
        """Days between two balances on which nothing happened, unless they are too many or one day is asked for."""
        asked = self._asked
        if asked.wanted is not None or (before - after).days + len(asked.told) > MOST_DAYS:
            return
        for day in map(date_of, range(day_of(after) + 1, day_of(before))):
            if day not in asked.told:
                asked.is_also_of(day)
                self._of(day)


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


def refused(asked: Asked, name: str, error: BillError, file: str) -> BillRefused:
    """A file that is not believed: the bill of the day that it should be of, or of the first that it tells of."""
    day, statement = next(iter(asked.told.items()), (asked.called, asked.statement))
    return BillRefused(
        **_of(asked.source, asked.wanted or day, name, "refused", error.reason),
        statement=statement,
        bill=name,
        reason=error.reason,
        detail=error.detail[:1_000],
        file=file[:MOST_IDENTIFIER],
    )


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
