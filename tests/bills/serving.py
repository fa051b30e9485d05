"""HTTP on this machine, for channels and stores that tests play."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Serving:
    """Serves on 127.0.0.1 from when it is made until `stop`."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
