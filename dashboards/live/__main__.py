"""`python -m dashboards.live --port-file FILE [--port PORT] [--ended]`: serve the page on 127.0.0.1."""

import argparse
import socket
from pathlib import Path

import uvicorn

from dashboards.live.app import create_app
from schemas.settings import from_environment


def main() -> None:
    """Serve until told to stop; the address is written to the file once the port is taken."""
    parser = argparse.ArgumentParser(prog="dashboards.live")
    parser.add_argument("--port-file", type=Path)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--ended", action="store_true", help="of a demo that has ended: nothing new comes")
    arguments = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", arguments.port))
    if arguments.port_file is not None:
        fresh = arguments.port_file.with_suffix(".new")
        fresh.write_text(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        fresh.rename(arguments.port_file)
    app = create_app(from_environment(), ended=arguments.ended)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
