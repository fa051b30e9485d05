"""A small object store that speaks as much of S3 as is needed, checks each request's signature, and misbehaves."""

import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.bills.serving import Serving

BUCKET, REGION, ACCESS, SECRET = "bills", "cn-test", "AKIDEXAMPLE", "a/secret+of=this/test"
PAGE = 2
"""Objects in an answer, so that a list has several pages."""


class ObjectStore(Serving):
    """Serves on 127.0.0.1 from when it is made until `stop`."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, int]] = {}
        """Key: content, and when it was put there (seconds)."""
        self.faults: list[int] = []
        """Statuses of the next answers."""
        self.asked: list[str] = []
        """Method and path of each request that was signed rightly; others begin with `?`."""
        store = self

        class Handler(BaseHTTPRequestHandler):
            """Hands requests to the store."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                store.answer(self)

            def do_HEAD(self) -> None:
                store.answer(self)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        super().__init__(Handler)

    def put(self, key: str, content: bytes, at: int = 1_762_900_000) -> None:
        """An object is there now."""
        self.objects[key] = content, at

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request."""
        parts = urlsplit(request.path)
        signed = _is_signed(request)
        self.asked.append(f"{'' if signed else '?'}{request.command} {unquote(parts.path)}")
        if self.faults:
            _send(request, self.faults.pop(0), b"")
        elif not signed:
            _send(request, 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif parts.path.strip("/") == BUCKET:
            _send(request, 200, self._listed({name: one[0] for name, one in parse_qs(parts.query).items()}))
        else:
            self._give(request, unquote(parts.path).removeprefix(f"/{BUCKET}/"))

    def _listed(self, asked: dict[str, str]) -> bytes:
        prefix, after = asked.get("prefix", ""), asked.get("continuation-token", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        below = [key for key in keys if "/" in key.removeprefix(prefix)]
        page = [key for key in keys if key not in below][:PAGE]
        rest = [key for key in keys if key not in below][PAGE:]
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key][0])}</Size>"
            f"<LastModified>{_iso(self.objects[key][1])}</LastModified></Contents>"
            for key in page
        )
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
        return (
            f"<ListBucketResult><Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{'true' if rest else 'false'}</IsTruncated>{more}{contents}</ListBucketResult>"
        ).encode()

    def _give(self, request: BaseHTTPRequestHandler, key: str) -> None:
        if key not in self.objects:
            _send(request, 404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        content, at = self.objects[key]
        headers = {"Last-Modified": formatdate(at, usegmt=True), "ETag": '"x"', "Accept-Ranges": "bytes"}
        wanted = request.headers.get("Range")
        if wanted is None:
            _send(request, 200, content, headers)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        piece = content[int(first) : int(last) + 1]
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(piece) - 1}/{len(content)}"
        _send(request, 206, piece, headers)


def _is_signed(request: BaseHTTPRequestHandler) -> bool:
    """Signature Version 4, by its description."""
    kind, _, rest = request.headers.get("Authorization", "").partition(" ")
    said = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    access, day, region, service, end = said.get("Credential", "////").split("/")
    if (kind, access, region, service, end) != ("AWS4-HMAC-SHA256", ACCESS, REGION, "s3", "aws4_request"):
        return False
    parts = urlsplit(request.path)
    names = said["SignedHeaders"].split(";")
    canonical = "\n".join(
        (
            request.command,
            parts.path,
            "&".join(sorted(one if "=" in one else f"{one}=" for one in parts.query.split("&") if one)),
            *(f"{name}:{' '.join(request.headers[name].split())}" for name in names),
            "",
            said["SignedHeaders"],
            request.headers["x-amz-content-sha256"],
        )
    )
    scope = f"{day}/{region}/{service}/{end}"
    moment = request.headers["x-amz-date"]
    text = f"{kind}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, service, end, text):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(key.hex(), said["Signature"])


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _send(
    request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    request.send_response(status)
    for name, value in {"Content-Type": "application/xml", **(headers or {})}.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
