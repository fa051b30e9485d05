"""The receiver of channels' notifications over HTTP."""

import argparse
from pathlib import Path

from deploy.commands import Command
from deploy.commands.where import writers_settings
from deploy.receiver.serve import serve


def receive(arguments: argparse.Namespace) -> int:
    """Take channels' notifications over HTTP and write them to Kafka, until told to stop."""
    return serve(writers_settings(arguments), arguments.host, arguments.port, arguments.port_file)


def add(command: Command) -> None:
    """receive."""
    one = command("receive", receive)
    one.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; TLS ends in a proxy before it"
    )
    one.add_argument("--port", type=int, default=0, help="0: any free one")
    one.add_argument("--port-file", type=Path, metavar="FILE", help="where its address is written")
