"""The directory of bills: `bills.toml`, what is dropped, and what became of it.

    bills.toml    which bills there are                     drop/      files that wait
    done/         files that were sent                      refused/   files that were not believed, each with NAME.txt
    sent/         a note for each file whose bills are in Kafka     fetched/   downloads on their way
    taken/        a note for each object of a store that was looked at

A note is written when Kafka has all of a file, and says what its bills came to, one for each of its days; so a job that
is killed sends all of it again, with the same messages, which the lanes know.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec

from deploy.files import utf8_of
from schemas.identity import content_id
from schemas.payments import Sort
from sources.bills.download.objects import Object
from sources.bills.model import Place, Source
from sources.bills.settings import FILE, read_places, read_sources
from sources.bills.verified import named

DROP, DONE, REFUSED, SENT, FETCHED, TAKEN = "drop", "done", "refused", "sent", "fetched", "taken"
LEFT = "left.json"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a bill."""

    bill: str
    channel: str
    merchant: str
    sort: Sort
    day: date
    statement: str = ""
    time: int = 0
    """Of its events: of two bills of a day the later one counts."""
    file: str = ""
    parts: int = 0
    lines: int = 0
    paid_e4: int = 0
    refunded_e4: int = 0
    fee_e4: int = 0
    reason: str = ""
    """Why it is not believed; empty: it is."""
    detail: str = ""


def superseded(notes: Sequence[Note]) -> set[Note]:
    """Notes of bills whose place another one of their day and statement has taken: the latest one counts, by its time
    and hash."""
    days: dict[tuple[str, str, str, date, str], list[Note]] = {}
    for one in notes:
        if not one.reason:
            of = one.channel, one.merchant, one.sort, one.day, one.statement
            days.setdefault(of, []).append(one)
    return {
        one for same in days.values() for one in sorted(same, key=lambda note: (note.time, note.bill))[:-1]
    }


class Office:
    """The directory, whose subdirectories are made when they are needed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def require(self) -> None:
        """Raises LookupError where there is no such directory, or where it says nothing of bills."""
        if not self.directory.is_dir():
            raise LookupError(
                f"there is no directory {self.directory}: --directory or WAYBOOK_BILLS names it"
            )
        if not (self.directory / FILE).is_file():
            raise LookupError(f"{self.directory} is no directory of bills: there is no {FILE} in it")

    def sources(self) -> list[Source]:
        """The bills that there are. Raises OSError and DocumentError."""
        return read_sources(utf8_of(self.directory / FILE))

    def stores(self) -> list[Place]:
        """Where files are dropped besides. Raises OSError and DocumentError."""
        return read_places(utf8_of(self.directory / FILE))

    def has_taken(self, place: Place, one: Object) -> bool:
        """Whether an object has been looked at, as it is now."""
        return self._taken(place, one).exists()

    def take(self, place: Place, one: Object) -> None:
        """An object has been looked at."""
        self._taken(place, one).write_bytes(msgspec.json.format(msgspec.json.encode(one)))

    def _taken(self, place: Place, one: Object) -> Path:
        name = content_id("object", place.address, one.path, str(one.size), str(one.changed))
        return self.place(TAKEN) / f"{name}.json"

    def place(self, name: str) -> Path:
        """A subdirectory, made if it is not there."""
        place = self.directory / name
        place.mkdir(parents=True, exist_ok=True)
        return place

    def notes_of(self, source: Source, name: str) -> list[Note]:
        """What became of a file's bills; none: it has not been sent as a whole. `name`: the file's hash."""
        file = self._note(source, name)
        return _notes(file) if file.exists() else []

    def keep(self, source: Source, name: str, notes: Sequence[Note]) -> None:
        """Note what became of a file's bills, so that it survives whatever comes."""
        file = self._note(source, name)
        fresh = file.with_suffix(".new")
        with fresh.open("wb") as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(notes)))
            stream.flush()
            os.fsync(stream.fileno())
        fresh.rename(file)

    def notes(self) -> Iterator[Note]:
        """All notes, by day, channel, merchant, sort and bill."""
        found = self._read("*.json")
        yield from sorted(found, key=lambda one: (one.day, one.channel, one.merchant, one.sort, one.bill))

    def keep_left(self, lines: Sequence[str]) -> None:
        """What the newest pass could not take: files that nobody knows, stores and channels that did not answer."""
        fresh = (self.directory / LEFT).with_suffix(".new")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(lines)))
        fresh.rename(self.directory / LEFT)

    def left(self) -> list[str]:
        """The same; nothing before the first pass."""
        file = self.directory / LEFT
        return msgspec.json.decode(file.read_bytes(), type=list[str]) if file.exists() else []

    def sent(self, source: Source, day: date | None) -> int:
        """How many bills of that day are in Kafka and believed."""
        return sum(
            note.day == day and not note.reason
            for note in self._read(self._note(source, "*").name)
            if (note.channel, note.merchant, note.sort) == named(source)
        )

    def _read(self, files: str) -> Iterator[Note]:
        for file in (self.directory / SENT).glob(files):
            yield from _notes(file)

    def _note(self, source: Source, name: str) -> Path:
        safe = [
            "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in one)
            for one in named(source)
        ]
        return self.place(SENT) / f"{'~'.join([*safe, name])}.json"


def _notes(file: Path) -> list[Note]:
    """What a file's note says; one of a version that knew a bill a file is a single one."""
    said = msgspec.json.decode(file.read_bytes(), type=Note | list[Note])
    return said if isinstance(said, list) else [said]
