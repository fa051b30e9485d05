"""A tariff book or directory that is larger than one Kafka message travels in parts; books are kept packed.

A publication's JSON is compressed and cut; each part says of which publication, of which version, as which of how
many. Brokers' ordinary limit of 1 MB holds for every message, however large the document.
"""

from collections.abc import Mapping, Sequence

import msgspec
from backports import zstd

from schemas.events import Event, NetworkPart, NetworkPublished, TariffPart, TariffPublished
from schemas.identity import content_id
from schemas.problems import UNREADABLE

WHOLE = 900_000
"""Bytes of a publication's JSON that are still sent as one message."""
IN_A_PART = 600_000
"""Compressed bytes in a part; Base64 makes 800 kB of them."""
MOST_UNPACKED = 1 << 29
"""Bytes of a publication's JSON: more are refused before they fill the memory."""
Document = TariffPublished | NetworkPublished
Part = TariffPart | NetworkPart
_document: msgspec.json.Decoder[Document] = msgspec.json.Decoder(Document)


def messages_of(event: Event) -> list[bytes]:
    """The Kafka messages that say an event: one, or the parts of a large document."""
    said = msgspec.json.encode(event)
    if not isinstance(event, Document) or len(said) <= WHOLE:
        return [said]
    return [msgspec.json.encode(part) for part in parts_of(event)]


def parts_of(event: Document, most: int = IN_A_PART) -> list[Part]:
    """A publication in parts of at most so many compressed bytes."""
    packed = zstd.compress(msgspec.json.encode(event))
    contents = [packed[start : start + most] for start in range(0, len(packed), most)]
    of = TariffPart if isinstance(event, TariffPublished) else NetworkPart
    return [
        of(
            id=content_id("part", event.id, str(n)),
            time=event.time,
            version=event.version,
            publication=event.id,
            part=n,
            parts=len(contents),
            content=content,
        )
        for n, content in enumerate(contents, 1)
    ]


def joined(contents: Sequence[bytes]) -> Document:
    """The publication of which these are all parts' contents, in order. Raises ValueError saying what is wrong."""
    try:
        return _document.decode(_unpacked(b"".join(contents)))
    except UNREADABLE as error:
        raise ValueError(f"the parts together are no publication: {error}") from error


def packed(files: Mapping[str, str]) -> bytes:
    """A book's files as they are kept."""
    return zstd.compress(msgspec.json.encode(files))


def unpacked(kept: bytes) -> dict[str, str]:
    """The files again."""
    return msgspec.json.decode(_unpacked(kept), type=dict[str, str])


def _unpacked(compressed: bytes) -> bytes:
    reader = zstd.ZstdDecompressor()
    try:
        content = reader.decompress(compressed, MOST_UNPACKED)
    except zstd.ZstdError as error:
        raise ValueError(f"the parts together do not unpack: {error}") from error
    if not reader.eof:
        raise ValueError(f"the parts together are cut short, or unpack to more than {MOST_UNPACKED} bytes")
    return content
