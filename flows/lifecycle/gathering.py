"""Tariff books and directories that travel in parts: what has come of them, and when they are whole.

What happens depends on the records of `waybook.control` alone, in their order, and for directories not on what comes of
books: so every lane of every flow has a document from the same place of the input on. Parts may come in any order and
more than once.
"""

from collections.abc import Iterable

import msgspec

from flows.lifecycle.intake import RefusedError
from schemas.events import ControlEvent, DocumentPart
from schemas.parts import Document, Part, joined
from schemas.times import HOUR

PATIENCE = HOUR
"""A publication is given up when a document that is younger by more than this (ms) comes before it is whole."""
MOST_UNFINISHED = 4
"""Publications of a kind that may be on their way at a time; before a further one begins, the oldest is given up."""
REFUSED = {"tariff": "book_refused", "network": "network_refused"}
"""The rule that is broken, by kind of document."""
_part: msgspec.json.Decoder[Part] = msgspec.json.Decoder(Part)


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
    kind: str = "tariff"

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

    def crowded(self, part: DocumentPart) -> list[Unfinished]:
        """What is given up because this part begins a further publication."""
        alike = [one for one in self.unfinished if one.kind == _kind(part)]
        if self._of(part) is not None or len(alike) < MOST_UNFINISHED:
            return []
        self.unfinished.remove(alike[0])
        return alike[:1]

    def take(self, part: DocumentPart, offset: int, raw: bytes) -> Unfinished | None:
        """The publication, when this part makes it whole; it is then on its way no more. Raises RefusedError."""
        kind = _kind(part)
        if part.part > part.parts:
            raise RefusedError(REFUSED[kind], f"part {part.part} of {part.parts} is none of them")
        one = self._of(part)
        if one is None:
            one = Unfinished(part.publication, part.version, part.parts, part.time, kind=kind)
            self.unfinished.append(one)
        if (one.version, one.parts) != (part.version, part.parts):
            raise RefusedError(
                REFUSED[kind],
                f"publication {one.publication} has {one.parts} parts of version {one.version} by the part that came "
                f"first, and not {part.parts} of {part.version}",
            )
        before = one.found.get(part.part)
        if before is None:
            one.found[part.part] = Kept(offset, raw)
            one.time = max(one.time, part.time)
        elif _content(before.raw) != part.content:
            raise RefusedError(
                REFUSED[kind],
                f"part {part.part} of publication {one.publication} came before with other content",
            )
        if len(one.found) < one.parts:
            return None
        self.unfinished.remove(one)
        return one

    def document(
        self, event: ControlEvent, known: Iterable[str], of: type[DocumentPart] = DocumentPart
    ) -> ControlEvent | None:
        """For who keeps nothing aside: the event itself, the publication that this part makes whole, or nothing.

        `known`: ids of publications that are whole already, whose parts come again. `of`: other parts are passed over.
        """
        self.late(event.time)
        if not isinstance(event, DocumentPart):
            return event
        if not isinstance(event, of) or event.publication in known:
            return None
        self.crowded(event)
        try:
            complete = self.take(event, 0, msgspec.json.encode(event))
            return whole(complete) if complete is not None else None
        except RefusedError:
            return None

    def _of(self, part: DocumentPart) -> Unfinished | None:
        said = part.publication, _kind(part)
        return next((one for one in self.unfinished if (one.publication, one.kind) == said), None)


def whole(one: Unfinished) -> Document:
    """The publication that its parts say. Raises RefusedError."""
    try:
        said = joined([_content(one.found[n].raw) for n in range(1, one.parts + 1)])
    except ValueError as error:
        raise RefusedError(REFUSED[one.kind], str(error)) from error
    if (said.id, said.version, _kind(said)) != (one.publication, one.version, one.kind):
        raise RefusedError(
            REFUSED[one.kind],
            f"the parts together are {_kind(said)} {said.id} of version {said.version}, "
            f"not {one.kind} {one.publication} of {one.version} as they say",
        )
    return said


def _kind(event: Document | DocumentPart) -> str:
    """`tariff` or `network`."""
    return str(event.__struct_config__.tag).removesuffix("_part")


def _content(raw: bytes) -> bytes:
    return _part.decode(raw).content
