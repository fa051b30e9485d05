"""Serves the receiver until told to stop; what is under way then is answered first."""

import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn

from deploy.embedded.process import announce
from deploy.receiver.app import MOST, create_app
from flows.engine import metrics
from flows.engine.stop import Stop
from schemas.settings import Settings

NAME = "receiver"
SPARE = 100
"""Connections beyond the notifications under way, so that whoever is too much is told so."""
GRACE = 10
"""Seconds in which what is under way must be answered when the receiver is told to stop."""
BACKLOG = 2048


def serve(settings: Settings, host: str, port: int, port_file: Path | None = None) -> int:
    """Serve on an address; the port is written to the file once it is taken. The exit code: 75 asks for a new start."""
    code = 0

    def failed(why: str) -> None:
        nonlocal code
        code = os.EX_TEMPFAIL
        logging.getLogger("waybook.receiver").error("Kafka's client cannot go on: %s", why)
        server.should_exit = True

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings, failed),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            limit_concurrency=MOST + SPARE,
            timeout_graceful_shutdown=GRACE,
        )
    )
    Stop()  # uvicorn passes the signal on when it has ended, which must not kill
    metrics.serve(settings.metrics_port, settings.home / NAME, settings.metrics_host)
    address = f"http://{host}:{listening.getsockname()[1]}"
    sys.stdout.write(
        f"takes notifications at {address}/notify/CHANNEL/GROUP, tells how it is at {address}/health\n"
    )
    sys.stdout.flush()
    if port_file is not None:
        announce(port_file, address)
    server.run(sockets=[listening])
    return code
