"""What an HTTP client of ClickHouse sent: SQL, data, parameters and settings, whatever way it was packed."""

import gzip
import re
import zlib
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl, urlsplit

import lz4.frame
import msgspec
from backports import zstd

NOT_SETTINGS = frozenset(
    (
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_write_exception_in_output_format",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    )
)
"""Parameters of the URL that are about HTTP, the session or the user; every other is a setting of the query."""

_INSERT = re.compile(rb"\s*INSERT\s+INTO\b.*?\bFORMAT\s+\w+[ \t]*\r?\n", re.IGNORECASE | re.DOTALL)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


class BadRequestError(ValueError):
    """The request cannot be read; the message is for the client."""


class Request(msgspec.Struct, frozen=True):
    """A query as the client means it."""

    sql: str
    data: bytes
    format: str
    """Output format that SQL or the URL names."""
    database: str
    settings: dict[str, str]
    parameters: dict[str, str]
    query_id: str
    protocol: int
    compress: bool


def unpack(body: bytes, encoding: str) -> bytes:
    """A body without its Content-Encoding. LZ4, Zstandard and gzip bodies may hold several frames."""
    try:
        match encoding:
            case "" | "identity":
                return body
            case "gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
            case "lz4":
                return _frames(body)
            case "zstd":
                return bytes(zstd.decompress(body))
    except (OSError, EOFError, RuntimeError, zlib.error, zstd.ZstdError) as error:
        raise BadRequestError(f"the {encoding} body cannot be unpacked: {error}") from error
    raise BadRequestError(f"unknown Content-Encoding {encoding!r}")


def _frames(body: bytes) -> bytes:
    parts = []
    while body:
        frame = lz4.frame.LZ4FrameDecompressor()
        parts.append(frame.decompress(body))
        if not frame.eof:
            raise BadRequestError("the lz4 body ends within a frame")
        body = frame.unused_data or b""
    return b"".join(parts)


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """A form's fields; clients send what would make the URL too long so."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    fields: dict[str, str] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name, value = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(value, bytes):
            raise BadRequestError("a field of the form has no name or value")
        fields[name] = value.decode()
    if not fields:
        raise BadRequestError("the form has no fields")
    return fields


def parse(target: str, body: bytes, content_type: str = "") -> Request:
    """The query of a request line's target and an unpacked body. What a form has stands as if it were in the URL."""
    url = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
    if content_type.startswith("multipart/form-data"):
        url |= _form(content_type, body)
        body = b""
    if "query" in url:
        sql, data = url["query"], body
    elif found := _INSERT.match(body):
        sql, data = found.group().decode(), body[found.end() :]
    else:
        sql, data = body.decode(), b""
    named = _FORMAT.search(sql)
    return Request(
        sql=sql.strip().rstrip(";"),
        data=data,
        format=named.group(1) if named else url.get("default_format", "TabSeparated"),
        database=url.get("database", ""),
        settings={k: v for k, v in url.items() if k not in NOT_SETTINGS and not k.startswith("param_")},
        parameters={k[6:]: v for k, v in url.items() if k.startswith("param_")},
        query_id=url.get("query_id", ""),
        protocol=int(url.get("client_protocol_version", "0") or 0),
        compress=url.get("enable_http_compression") == "1",
    )
