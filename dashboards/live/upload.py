"""What a browser sends with a file: `multipart/form-data`, read whole and bounded."""

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

MOST_BYTES = 10 << 20

_BOUNDARY = re.compile(r'boundary="?([^";]{1,70})"?')
_NAME = re.compile(rb'[;\s]name="([^"]*)"')
_FILE = re.compile(rb'filename="([^"]*)"')


class TooLargeError(ValueError):
    """More was sent than is read."""


class Part(NamedTuple):
    """A field of a form; `file` is the name of an uploaded file."""

    file: str
    content: bytes


async def body_of(stream: AsyncIterator[bytes]) -> bytes:
    """All that is sent. Raises TooLargeError."""
    body = bytearray()
    async for piece in stream:
        body += piece
        if len(body) > MOST_BYTES:
            raise TooLargeError
    return bytes(body)


def parts_of(body: bytes, content_type: str) -> dict[str, Part]:
    """The fields of a form by name; none where the body is no form.

    >>> kind = "multipart/form-data; boundary=x"
    >>> parts_of(b'--x\\r\\nContent-Disposition: form-data; name="a"\\r\\n\\r\\n1\\r\\n--x--\\r\\n', kind)
    {'a': Part(file='', content=b'1')}
    """
    found = _BOUNDARY.search(content_type)
    if found is None or not content_type.startswith("multipart/form-data"):
        return {}
    parts: dict[str, Part] = {}
    for piece in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:]:
        head, blank, content = piece.partition(b"\r\n\r\n")
        name, file = _NAME.search(head), _FILE.search(head)
        if blank and name:
            parts[name[1].decode(errors="replace")] = Part(
                file[1].decode(errors="replace") if file else "", content
            )
    return parts
