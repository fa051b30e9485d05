"""The network directory."""

import argparse
import os
import sys
from pathlib import Path

from deploy import publish
from deploy.commands import Command, safely
from deploy.commands.where import settings_of
from deploy.tariff.opening import grouped
from schemas.problems import DocumentError


def publish_network(arguments: argparse.Namespace) -> int:
    """Check a network directory and publish it to all flows."""
    try:
        version, remarks = publish.publish_network(settings_of(arguments), arguments.directory, arguments.by)
    except DocumentError as error:
        sys.stderr.write(f"refused, nothing is published:\n{error}\n")
        return 1
    for line in grouped(remarks, "" if arguments.all else "--all"):
        sys.stderr.write(f"warning: {line}\n")
    sys.stdout.write(f"published version {version}\n")
    return 0


def add(command: Command) -> None:
    """publish-network."""
    one = command("publish-network", safely(publish_network))
    one.add_argument("directory", type=Path, help="with the document's TOML and CSV files, or .xlsx")
    one.add_argument("--all", action="store_true", help="each warning on a line of its own")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who publishes")
