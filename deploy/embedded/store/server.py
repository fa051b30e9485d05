"""ClickHouse's HTTP interface: /ping, queries by GET and POST, errors and headers as its clients expect them.

    python -m deploy.embedded.store --directory DIRECTORY --port-file FILE [--port PORT]

It listens on 127.0.0.1 only, and has no users. Sessions and temporary tables do not exist.
"""

import argparse
import gzip
import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from deploy.embedded.process import announce, stop_on_signal
from deploy.embedded.store.engine import Engine, QueryError
from deploy.embedded.store.request import BadRequestError, Request, parse, unpack

NOT_FOUND = (60, 81)
"""Codes that ClickHouse answers with 404: unknown table, unknown database."""
NOT_COMPILED = dict.fromkeys(
    ("compile_expressions", "compile_aggregate_expressions", "compile_sort_description"), "0"
)
"""What is asked often is not compiled to machine code: over millions of rows that gains nothing that can be measured,
while hundreds of questions about little cost a fifth more."""


class Handler(BaseHTTPRequestHandler):
    """One client's connection."""

    protocol_version = "HTTP/1.1"
    server: "Server"
    wbufsize = 1 << 16

    def setup(self) -> None:
        """A connection to the engine for as long as the client stays."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.engine: Engine | None = None

    def finish(self) -> None:
        """The client left."""
        super().finish()
        if self.engine is not None:
            self.engine.close()

    def log_message(self, *_: object) -> None:
        """Clients log for themselves."""

    def do_GET(self) -> None:
        """/ping, or a query in the URL."""
        path = self.path.partition("?")[0]
        if path in ("/ping", "/replicas_status") or "query=" not in self.path:
            self._answer(200, b"Ok.\n", {"Content-Type": "text/html; charset=UTF-8"})
        else:
            self._query(b"")

    def do_POST(self) -> None:
        """A query, perhaps with data."""
        self._query(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _query(self, body: bytes) -> None:
        began = time.monotonic()
        try:
            plain = unpack(body, self.headers.get("Content-Encoding", "").lower())
            request = parse(self.path, plain, self.headers.get("Content-Type", ""))
            if self.engine is None:
                self.engine = self.server.engine()
            result = self.engine.execute(request)
        except BadRequestError as error:
            self._failed(400, 1000, f"Code: 1000. DB::Exception: {error}. (POCO_EXCEPTION)")
        except QueryError as error:
            status = 404 if error.code in NOT_FOUND else 500 if error.code == 1000 else 400
            self._failed(status, error.code, str(error))
        else:
            self._succeeded(request, result, time.monotonic() - began)

    def _failed(self, status: int, code: int, message: str) -> None:
        headers = {"Content-Type": "text/plain; charset=UTF-8", "X-ClickHouse-Exception-Code": str(code)}
        self._answer(status, message.encode(), headers)

    def _succeeded(self, request: Request, result: bytes, seconds: float) -> None:
        names = (
            "read_rows",
            "read_bytes",
            "written_rows",
            "written_bytes",
            "total_rows_to_read",
            "result_rows",
        )
        summary = dict.fromkeys(names, "0") | {"elapsed_ns": str(int(seconds * 1e9))}
        headers = {
            "Content-Type": "application/octet-stream",
            "X-ClickHouse-Summary": json.dumps(summary),
            "X-ClickHouse-Query-Id": request.query_id,
            "X-ClickHouse-Format": request.format,
        }
        wanted = "gzip" in self.headers.get("Accept-Encoding", "")
        if wanted and (request.compress or "clickhouse-go" in self.headers.get("User-Agent", "")):
            result = gzip.compress(result, 1)
            headers["Content-Encoding"] = "gzip"
        self._answer(200, result, headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Server-Display-Name", "chdb")
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    """Owns the directory. `threads`: CPU threads that one query may use."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, directory: Path, port: int, threads: int) -> None:
        self.directory, self.threads = directory, threads
        directory.mkdir(parents=True, exist_ok=True)
        self._keeper = self.engine()  # the engine lives as long as one connection is open
        super().__init__(("127.0.0.1", port), Handler)

    def engine(self) -> Engine:
        """A further connection."""
        return Engine(self.directory, {"max_threads": str(self.threads)} | NOT_COMPILED)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="deploy.embedded.store")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads that one query may use")
    arguments = parser.parse_args()
    server = Server(arguments.directory, arguments.port, arguments.threads)
    stop_on_signal(server.shutdown)
    threading.Thread(
        target=announce, args=(arguments.port_file, f"http://127.0.0.1:{server.server_port}"), daemon=True
    ).start()
    server.serve_forever(poll_interval=0.1)
    # what was inserted is on disk; taken down while a client is connected, the engine crashes or hangs
    os._exit(0)
