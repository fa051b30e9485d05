"""Tariff books that travel in parts: what has come of them, and when they are whole.

What happens depends on the records of `waybook.control` alone, in their order: so every lane has a book from the
same place of the input on. Parts may come in any order and more than once.
"""

from collections.abc import Iterable

import msgspec

from flows.lifecycle.intake import RefusedError
from schemas.events import ControlEvent, TariffPart, TariffPublished
from schemas.parts import joined
from schemas.times import HOUR

PATIENCE = HOUR
"""A publication is given up when a document that is younger by more than this (ms) comes before it is whole."""
MOST_UNFINISHED = 4
"""Publications that may be on their way at a time; before a further one begins, the oldest is given up."""


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """A part: its bytes as they came, and where."""

    offset: int
    raw: bytes


class Unfinished(msgspec.Struct, array_like=True):
    """A publication of which parts are missing."""

    publication: str
    version: str
    parts: int
    time: int
    """The youngest part's, UTC ms."""
    found: dict[int, Kept] = {}
    """By number, from 1."""

    @property
    def missing(self) -> str:
        """What did not come, for people."""
        numbers = [n for n in range(1, self.parts + 1) if n not in self.found]
        some = ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")
        return f"of publication {self.publication} in {self.parts} parts {len(numbers)} never came: {some}"


class Gathering(msgspec.Struct, array_like=True):
    """All that is on its way, in the order in which it began."""

    unfinished: list[Unfinished] = []

    def late(self, time: int) -> list[Unfinished]:
        """What is given up because a document of this time comes before it is whole."""
        gone = [one for one in self.unfinished if one.time + PATIENCE < time]
        if gone:
            self.unfinished = [one for one in self.unfinished if one not in gone]
        return gone

    def crowded(self, part: TariffPart) -> list[Unfinished]:
        """What is given up because this part begins a further publication."""
        if self._of(part) is not None or len(self.unfinished) < MOST_UNFINISHED:
            return []
        return [self.unfinished.pop(0)]

    def take(self, part: TariffPart, offset: int, raw: bytes) -> Unfinished | None:
        """The publication, when this part makes it whole; it is then on its way no more. Raises RefusedError."""
        if part.part > part.parts:
            raise RefusedError("book_refused", f"part {part.part} of {part.parts} is none of them")
        one = self._of(part)
        if one is None:
            one = Unfinished(part.publication, part.version, part.parts, part.time)
            self.unfinished.append(one)
        if (one.version, one.parts) != (part.version, part.parts):
            raise RefusedError(
                "book_refused",
                f"publication {one.publication} has {one.parts} parts of version {one.version} by the part that came "
                f"first, and not {part.parts} of {part.version}",
            )
        before = one.found.get(part.part)
        if before is None:
            one.found[part.part] = Kept(offset, raw)
            one.time = max(one.time, part.time)
        elif _content(before.raw) != part.content:
            raise RefusedError(
                "book_refused",
                f"part {part.part} of publication {one.publication} came before with other content",
            )
        if len(one.found) < one.parts:
            return None
        self.unfinished.remove(one)
        return one

    def document(self, event: ControlEvent, known: Iterable[str]) -> ControlEvent | None:
        """For who keeps nothing aside: the event itself, the publication that this part makes whole, or nothing.

        `known`: ids of publications that are whole already, whose parts come again.
        """
        self.late(event.time)
        if not isinstance(event, TariffPart):
            return event
        if event.publication in known:
            return None
        self.crowded(event)
        try:
            complete = self.take(event, 0, msgspec.json.encode(event))
            return whole(complete) if complete is not None else None
        except RefusedError:
            return None

    def _of(self, part: TariffPart) -> Unfinished | None:
        return next((one for one in self.unfinished if one.publication == part.publication), None)


def whole(one: Unfinished) -> TariffPublished:
    """The publication that its parts say. Raises RefusedError."""
    try:
        said = joined([_content(one.found[n].raw) for n in range(1, one.parts + 1)])
    except ValueError as error:
        raise RefusedError("book_refused", str(error)) from error
    if (said.id, said.version) != (one.publication, one.version):
        raise RefusedError(
            "book_refused",
            f"the parts together are publication {said.id} of version {said.version}, "
            f"not {one.publication} of {one.version} as they say",
        )
    return said


def _content(raw: bytes) -> bytes:
    return msgspec.json.decode(raw, type=TariffPart).content
