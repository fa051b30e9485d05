"""UnionPay: one signed form asks for a settlement day's files; the answer, a signed form as well, holds them as a ZIP.

The form is the open platform's 文件传输类交易 (open.unionpay.com: address, fields, what is answered); how both are
signed (5.1.0), that an answer's values are not escaped, and that `fileContent` is Base64 of what zlib has packed, is as
UnionPay's own SDK does it, and its test platform's answers are signed so. Answers from 01 to 09 are troubles of
UnionPay's own, which pass.
"""

import binascii
import hashlib
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from schemas.times import SECOND
from sources.bills.download.http import MOST_FILE, PIECE, DownloadError, Web, host
from sources.bills.download.signing import is_signed, private_key, signed
from sources.bills.model import Source
from sources.bills.unpacking import is_zip
from sources.channels.keys import read_public

FIELDS = {
    "version": "5.1.0",
    "encoding": "UTF-8",
    "signMethod": "01",
    "txnType": "76",
    "txnSubType": "01",
    "bizType": "000000",
    "accessType": "0",
    "fileType": "00",
}
"""What is the same in each request: RSA; a settlement file; of a merchant who is connected by itself."""
ECHOED = ("merId", "settleDate", "txnTime", "txnType", "fileType")
"""What an answer repeats: so none is believed that was given to another request."""
FINE, NOTHING = "00", "98"
MOST_FIELDS, MOST_NAME, MOST_TEXT = 64, 64, 8_192
"""Fields of an answer; bytes of a name, and of a field other than the file."""


def download(web: Web, source: Source, keys: Path, day: date, file: BinaryIO) -> bool:
    """A day's bill into a file, a ZIP; False: there is none. Raises DownloadError."""
    key, signers = private_key(keys / source.key), _in_force(source, keys)

    def once() -> bool:
        now = datetime.now(UTC) + timedelta(hours=8)
        asked = FIELDS | {
            "certId": source.serial,
            "merId": source.account,
            "settleDate": f"{day:%m%d}",
            "txnTime": f"{now:%Y%m%d%H%M%S}",
        }
        signature = signed(key, _digest({name: [value.encode()] for name, value in asked.items()}))
        with TemporaryFile() as stream:
            web.fetch(source.address, {}, stream, asked | {"signature": signature})
            if not stream.tell():
                raise DownloadError(f"{host(source.address)} answers nothing", again=True)
            with mmap(stream.fileno(), 0, access=ACCESS_READ) as raw:
                return _believed(_Answer(raw, source), asked, signers, file)

    return web.tried(once)


def _in_force(source: Source, keys: Path) -> list[RSAPublicKey]:
    """UnionPay's keys that are believed today. Raises DownloadError that names a file that is none."""
    try:
        known = [read_public(keys / name) for name in source.certificates]
    except OSError as error:
        raise DownloadError(f"{error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise DownloadError(str(error)) from error
    now = int(time.time()) * SECOND
    return [one.key for one in known if one.begins <= now <= one.ends]


def _digest(fields: Mapping[str, Iterable[bytes]]) -> str:
    """What is signed: the digest, in hexadecimal digits, of all fields by name, the signature without."""
    digest, between = hashlib.sha256(), ""
    for name in sorted(fields):
        digest.update(f"{between}{name}=".encode())
        for piece in fields[name]:
            digest.update(piece)
        between = "&"
    return digest.hexdigest()


class _Answer:
    """A form whose values are as they were signed. It may be large: only pieces of it are in memory."""

    def __init__(self, raw: mmap, source: Source) -> None:
        self._raw = raw
        self.by, self.certificates = host(source.address), ", ".join(source.certificates)
        self._at: dict[str, tuple[int, int]] = {}
        """Where each field's value begins and ends."""
        begin = 0
        while begin < len(raw):
            end = raw.find(b"&", begin)
            end = len(raw) if end < 0 else end
            equals = raw.find(b"=", begin, min(end, begin + MOST_NAME))
            name = raw[begin:equals].decode("ascii", "replace")
            if equals <= begin or name in self._at or len(self._at) == MOST_FIELDS:
                raise DownloadError(f"{self.by} answers no form", again=True)
            self._at[name] = equals + 1, end
            begin = end + 1

    def text(self, name: str) -> str:
        """A field; empty: it is not there."""
        return b"".join(self._pieces(name, MOST_TEXT)).decode("utf-8", "replace")

    def pieces(self, name: str) -> Iterator[bytes]:
        """A field, however large."""
        return self._pieces(name, MOST_FILE)

    def _pieces(self, name: str, most: int) -> Iterator[bytes]:
        begin, end = self._at.get(name, (0, 0))
        end = min(end, begin + most)
        for at in range(begin, end, PIECE):
            yield self._raw[at : min(end, at + PIECE)]

    def is_by(self, signers: Iterable[RSAPublicKey]) -> bool:
        """Whether one of them has signed all of it."""
        said = {name: self.pieces(name) for name in self._at if name != "signature"}
        return is_signed(signers, self.text("signature").encode(), _digest(said))


def _believed(
    answer: _Answer, asked: Mapping[str, str], signers: Iterable[RSAPublicKey], file: BinaryIO
) -> bool:
    """Write the files that an answer holds; False: there are none. Raises DownloadError."""
    code = answer.text("respCode")
    if not answer.is_by(signers):
        why = f"what none of {answer.certificates} that is in force has signed"
        raise DownloadError(f"{answer.by} answers {code[:8]!r}, {why}")
    if code not in (FINE, NOTHING):
        text = f"{answer.by} answers {code} {answer.text('respMsg')[:64]}".rstrip()
        raise DownloadError(text, again=code.startswith("0"))
    for name in ECHOED:
        if answer.text(name) != asked[name]:
            raise DownloadError(f"{answer.by} answers another request: its {name} is not ours")
    if code == NOTHING:
        return False
    try:
        _unpack(answer.pieces("fileContent"), file)
    except (binascii.Error, zlib.error) as error:
        raise DownloadError(f"{answer.by}: fileContent cannot be unpacked: {error}") from error
    if not is_zip(file):
        raise DownloadError(f"{answer.by}: fileContent is no archive (ZIP)")
    return True


def _unpack(pieces: Iterable[bytes], file: BinaryIO) -> None:
    """Base64 of what zlib has packed, piece by piece into a file. Raises binascii.Error and zlib.error."""
    packed, left = zlib.decompressobj(), b""
    for piece in pieces:
        text = left + piece.translate(None, b"\r\n ")
        whole = len(text) // 4 * 4
        left, raw = text[whole:], binascii.a2b_base64(text[:whole], strict_mode=True)
        full = True
        while raw or full:
            content = packed.decompress(raw, PIECE)
            raw, full = packed.unconsumed_tail, len(content) == PIECE
            file.write(content)
            if file.tell() > MOST_FILE:
                raise zlib.error(f"it has more than {MOST_FILE} bytes")
    if left or not packed.eof:
        raise zlib.error("it is cut")
    file.flush()
