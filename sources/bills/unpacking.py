"""Bytes of bills out of their packing, in bounded memory: plain, gzip, the entry of a ZIP; then lines of text."""

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from sources.bills.model import MOST_BYTES, MOST_LINES, MOST_WIDTH, BillError

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
PIECE = 1 << 18
MOST_ENTRIES = 16
BROKEN = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
)
"""What unpacking a file that is cut or changed can raise."""
STRANGE = (NotImplementedError, RuntimeError, ValueError, LookupError, OverflowError, MemoryError)
"""And one of a kind that nobody sends: encrypted, packed in another way, with impossible sizes."""


class Limited(io.RawIOBase):
    """A stream that gives up beyond so many bytes, and reads pieces of a bounded size."""

    def __init__(self, stream: BinaryIO, most: int = MOST_BYTES) -> None:
        self._stream, self._left = stream, most

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer. Raises BillError for what cannot be unpacked, or is too large."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            piece = self._stream.read(min(len(view), PIECE))
        except BillError:
            raise
        except BROKEN as error:
            raise BillError("bill_truncated", f"cannot be unpacked: {type(error).__name__}") from error
        except STRANGE as error:
            raise BillError("bill_unreadable", f"cannot be unpacked: {type(error).__name__}") from error
        self._left -= len(piece)
        if self._left < 0:
            raise BillError("bill_too_large", "is larger than a bill can be when it is unpacked")
        view[: len(piece)] = piece
        return len(piece)


class _Archive:
    """A ZIP file of which nothing large is read at once: its directory may say that it is."""

    def __init__(self, stream: BinaryIO) -> None:
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable
        self._read = stream.read

    def read(self, size: int = -1) -> bytes:
        """At most `PIECE` bytes."""
        piece = self._read(size if 0 <= size <= PIECE else PIECE + 1)
        if len(piece) > PIECE:
            raise BillError("bill_too_large", "its archive has a directory that is too large")
        return piece

    def close(self) -> None:
        """Whoever opened the stream closes it."""


def guarded(stream: BinaryIO) -> BinaryIO:
    """A ZIP file for a library that opens it."""
    return cast("BinaryIO", _Archive(stream))


def unpacked(stream: BinaryIO) -> BinaryIO:
    """The content of a file that is packed with gzip, or not at all."""
    stream.seek(0)
    packed = stream.read(2) == GZIP
    stream.seek(0)
    raw = cast("BinaryIO", gzip.GzipFile(fileobj=stream)) if packed else stream
    return cast("BinaryIO", io.BufferedReader(Limited(raw), PIECE))


def is_zip(stream: BinaryIO) -> bool:
    """Whether a file is a ZIP; it is read from its beginning again."""
    stream.seek(0)
    begins = stream.read(len(ZIP))
    stream.seek(0)
    return begins == ZIP


def entry(stream: BinaryIO, ending: str) -> tuple[str, BinaryIO]:
    """The only entry of a ZIP whose name ends so, with its name; names are GBK, whatever they are said to be."""
    stream.seek(0)
    try:
        archive = zipfile.ZipFile(guarded(stream), metadata_encoding="gb18030")
        entries = archive.infolist()
        found = [one for one in entries if one.filename.endswith(ending)]
        if len(entries) > MOST_ENTRIES or len(found) != 1:
            raise BillError("bill_unreadable", f"its archive has not one entry that ends with {ending}")
        if found[0].file_size > MOST_BYTES:
            raise BillError("bill_too_large", "is larger than a bill can be when it is unpacked")
        opened = archive.open(found[0])
    except BillError:
        raise
    except (*BROKEN, *STRANGE) as error:
        raise BillError(
            "bill_unreadable", f"is no archive that can be opened: {type(error).__name__}"
        ) from error
    return found[0].filename, cast("BinaryIO", io.BufferedReader(Limited(cast("BinaryIO", opened)), PIECE))


def lines(stream: BinaryIO, charset: str) -> Iterator[str]:
    """Lines of a text without their ends. Raises BillError naming the line that is too long or not in `charset`."""
    for number in range(1, MOST_LINES + 1):
        raw = stream.readline(MOST_WIDTH)
        if not raw:
            return
        if len(raw) >= MOST_WIDTH:
            raise BillError("bill_too_large", f"row {number} is longer than a row can be")
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            yield raw.decode(charset).rstrip("\r\n")
        except UnicodeDecodeError:
            raise BillError("bill_unreadable", f"row {number} is not written in {charset}") from None
    raise BillError("bill_too_large", f"has more than {MOST_LINES} rows")
