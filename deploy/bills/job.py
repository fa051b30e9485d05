"""Files and downloads → events on `waybook.bills`. Whatever is killed: a bill is in Kafka as a whole, or not noted."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

import msgspec

from dashboards.phrases import not_believed
from deploy.bills.office import DONE, DROP, FETCHED, REFUSED, Note, Office, superseded
from schemas import topics
from schemas.counted import counted
from schemas.payments import BillComplete, BillRefused
from schemas.settings import Settings
from schemas.times import SECOND
from sinks.kafka import Records
from sources.bills.download import DOWNLOADS
from sources.bills.download.http import DownloadError, Web
from sources.bills.download.objects import Object, Objects
from sources.bills.model import Asked, BillError, Hiding, Source
from sources.bills.verified import (
    UNKNOWN_DAY,
    Bill,
    Progress,
    Verified,
    digests_of,
    empty,
    has_digest,
    named,
    refused,
)

DIGESTS = (".sha1", ".sha256")
BESIDE = (*DIGESTS, ".txt", ".part", ".tmp", ".new")
"""Endings of files that are no bills."""
QUIET = 5.0
"""Seconds since a dropped file was written last, before it is read."""
_DAY = re.compile(r"(20\d{2})-?(0[1-9]|1[0-2])-?([0-2]\d|3[01])(?!\d)", re.ASCII)
_SHORT_DAY = re.compile(r"INN(\d{6})(?=..ZM_)", re.ASCII)
"""In the name that UnionPay gives its file."""
_encode = msgspec.json.Encoder().encode


class UnknownBillError(LookupError):
    """A file of which `bills.toml` does not say, or says twice, what it is."""


class Job:
    """Sends bills. `say`: takes a line for people."""

    def __init__(
        self,
        settings: Settings,
        office: Office,
        hiding: Hiding,
        say: Callable[[str], object],
        web: Web | None = None,
    ) -> None:
        self._settings, self._office, self._hiding, self._say = settings, office, hiding, say
        self._web = web or Web()
        self._sources = office.sources()
        self._records = Records(settings)
        self.left: list[str] = []
        """What the newest pass could not take, and why."""

    def load(self, file: Path, day: date | None = None, source: Source | None = None) -> list[Note]:
        """Send a file, unless it has been sent; what became of its bills, one for each day that it tells of. `day`: of
        which it has to be; None: as it says itself, or else its name. Raises UnknownBillError and OSError."""
        source = source or self._source_of(file.name)
        with file.open("rb") as stream:
            return self._load(stream, file, Asked(source, self._hiding, day, day_in(file.name)))

    def _load(self, stream: BinaryIO, file: Path, asked: Asked) -> list[Note]:
        source, digests = asked.source, digests_of(stream)
        known = self._office.notes_of(source, digests.file)
        if known and not any(note.reason for note in known):
            former = ""
            if superseded(list(self._office.notes())).intersection(known):
                former = ", and a later bill of its day counts: packed anew (gzip) it is a bill of its own"
            self._say(f"{file.name}: has been sent before{former}")
            return known
        try:
            has_digest(file, digests)
            with Verified(
                stream,
                asked,
                digests.file,
                self._hiding.scrub(file.name),
                self._progress(file),
            ) as verified:
                notes = [self._send(bill) for bill in verified.bills]
        except BillError as error:
            event = refused(asked, digests.file, error, self._hiding.scrub(file.name))
            if event.day != UNKNOWN_DAY:
                self._produce(source, _encode(event))
            notes = [_note(event)]
        self._records.flush()
        self._office.keep(source, digests.file, notes)
        for note in notes:
            what = not_believed(note.reason, note.detail) if note.reason else counted(note.lines, "line")
            self._say(f"{file.name}: {' '.join(named(source))} of {day_of(note)}: {what}")
        return notes

    def _send(self, bill: Bill) -> Note:
        bill.corrects = self._office.sent(bill.source, bill.day)
        for message in bill.messages():
            self._produce(bill.source, message)
        return _note(bill.complete())

    def _produce(self, source: Source, message: bytes) -> None:
        self._records.produce(topics.BILLS.name, source.group, message)

    def _progress(self, file: Path) -> Progress:
        began = time.monotonic()

        def tell(lines: int) -> None:
            if lines >= 100_000 and lines % 100_000 == 0:
                self._say(f"{file.name}: {lines} lines verified in {time.monotonic() - began:.1f} s")

        return tell

    def pull(self, day: date, quiet: float = QUIET) -> list[Note]:
        """All dropped files that wait, here and in stores, then a day's bills from the channels. What is wrong is said
        and kept for `waybook bills list`, not raised."""
        self.left = []
        notes = [*self._dropped(quiet), *self._stored(), *self._downloaded(day)]
        self._office.keep_left(self.left)
        return notes

    def _leave(self, why: str) -> None:
        self.left.append(why)
        self._say(why)

    def _dropped(self, quiet: float) -> Iterator[Note]:
        for file in sorted(self._office.place(DROP).iterdir()):
            if not _may_be_bill(file.name) or not file.is_file():
                continue
            if file.stat().st_mtime > time.time() - quiet:
                self._say(f"{DROP}/{file.name}: written less than {quiet:g} s ago, a later pass takes it")
                continue
            try:
                notes = self.load(file)
            except UnknownBillError as error:
                self._leave(f"{DROP}/{error}")
                continue
            self._move(file, notes)
            yield from notes

    def _stored(self) -> Iterator[Note]:
        """What was put into object stores since the last pass, or is another than it was."""
        for place in self._office.stores():
            try:
                objects = Objects(place, self._settings.keys)
                there = {one.name: one for one in objects.listed()}
            except DownloadError as error:
                self._leave(str(error))
                continue
            for one in there.values():
                if not _may_be_bill(one.name) or self._office.has_taken(place, one):
                    continue
                try:
                    yield from self._taken(objects, one, there)
                except (DownloadError, UnknownBillError) as error:
                    self._leave(f"{place.address}/{place.path}: {error}")

    def _taken(self, objects: Objects, one: Object, there: Mapping[str, Object]) -> list[Note]:
        """Send an object, with the digests that lie beside it."""
        self._source_of(one.name)
        file = self._office.place(FETCHED) / one.name
        for name in (one.name, *(f"{one.name}{ending}" for ending in DIGESTS)):
            if name in there:
                with file.with_name(name).open("wb") as stream:
                    objects.fetch(there[name], stream)
        notes = self.load(file)
        self._move(file, notes)
        self._office.take(objects.place, one)
        return notes

    def _move(self, file: Path, notes: Sequence[Note]) -> None:
        """Out of the way, beside what lies there under the same name already."""
        note = notes[0]
        place = self._office.place(REFUSED if note.reason else DONE)
        target = place / file.name
        if target.exists():
            target = place / f"{note.bill[:8]}-{file.name}"
        if note.reason:
            why = not_believed(note.reason, note.detail)
            target.with_name(f"{target.name}.txt").write_text(f"{why}\n", "utf-8")
        for ending in DIGESTS:
            beside = file.with_name(file.name + ending)
            if beside.exists():
                beside.rename(target.with_name(target.name + ending))
        file.rename(target)

    def _downloaded(self, day: date) -> Iterator[Note]:
        for source in self._sources:
            if not source.download or time.time() * SECOND < source.gives(day):
                continue
            if self._office.sent(source, day):
                continue
            name = "-".join([*named(source), str(day)]).replace("/", "_")
            file = self._office.place(FETCHED) / name
            try:
                with file.open("w+b") as stream:
                    found = DOWNLOADS[source.download](self._web, source, self._settings.keys, day, stream)
                notes = self.load(file, day, source) if found else [self._nothing(source, day)]
            except DownloadError as error:
                self._leave(f"{' '.join(named(source))} of {day}: {error}")
                continue
            if found:
                self._move(file, notes)
            else:
                file.unlink()
            yield from notes

    def _nothing(self, source: Source, day: date) -> Note:
        """The channel says that nothing happened."""
        event = empty(source, day)
        self._produce(source, _encode(event))
        self._records.flush()
        note = _note(event)
        self._office.keep(source, note.bill, [note])
        self._say(f"{' '.join(named(source))} of {day}: nothing happened, the channel says")
        return note

    def _source_of(self, name: str) -> Source:
        found = [one for one in self._sources if one.files and fnmatch(name, one.files)]
        if len(found) != 1:
            why = "is no bill that bills.toml knows" if not found else "is more than one bill by bills.toml"
            raise UnknownBillError(f"{name} {why}: see `files` there, or say --as CHANNEL/MERCHANT/SORT")
        return found[0]

    def named(self, name: str) -> Source:
        """The source that a person names: channel/merchant/sort. Raises UnknownBillError."""
        for source in self._sources:
            if "/".join(named(source)) == name:
                return source
        known = ", ".join("/".join(named(one)) for one in self._sources)
        raise UnknownBillError(f"{name} is none of {known}")


def _may_be_bill(name: str) -> bool:
    return not name.startswith(".") and not name.endswith(BESIDE)


def day_of(note: Note) -> str:
    """A bill's day for people."""
    return str(note.day) if note.day != UNKNOWN_DAY else "不明 unknown"


def day_in(name: str) -> date | None:
    """The day that a file's name has (20251111, 2025-11-11, UnionPay's INN251111); None: it has none, or several.

    >>> day_in("2088000000000001_20251111.csv.zip"), day_in("bill.csv")
    (datetime.date(2025, 11, 11), None)
    >>> day_in("INN25111188ZM_898000000000001")
    datetime.date(2025, 11, 11)
    """
    found = set()
    for match in _DAY.finditer(_SHORT_DAY.sub(r"20\1_", name)):
        try:
            found.add(date(*map(int, match.groups())))
        except ValueError:
            continue
    return found.pop() if len(found) == 1 else None


def _note(event: BillComplete | BillRefused) -> Note:
    fields = {
        name: getattr(event, name) for name in event.__struct_fields__ if name in Note.__struct_fields__
    }
    return Note(**fields)
