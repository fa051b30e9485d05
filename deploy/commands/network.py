"""The network directory."""

import argparse
import os
import sys
from pathlib import Path

from dashboards.library import directory_files
from deploy import publish
from deploy.commands import Command, safely, who_decides
from deploy.commands.where import settings_of, store_of
from deploy.files import require_document, write_document
from deploy.tariff.opening import grouped
from flows.rating.workbook import write_texts
from schemas.counted import counted
from schemas.problems import DocumentError


def publish_network(arguments: argparse.Namespace) -> int:
    """Check a network directory and publish it to all flows."""
    who_decides(arguments)
    try:
        version, remarks = publish.publish_network(settings_of(arguments), arguments.directory, arguments.by)
    except DocumentError as error:
        sys.stderr.write(f"refused, nothing is published:\n{error}\n")
        return 1
    for line in grouped(remarks, "" if arguments.all else "--all"):
        sys.stderr.write(f"warning: {line}\n")
    sys.stdout.write(f"published version {version}\n")
    return 0


def export_network(arguments: argparse.Namespace) -> int:
    """The newest published network directory, as its files or as an Excel workbook, to be edited and published."""
    require_document(arguments.to)
    files = directory_files(store_of(arguments))
    write_document(files, arguments.to, write_texts)
    sys.stdout.write(f"{counted(len(files), 'file')} in {arguments.to}\n")
    return 0


def add(command: Command) -> None:
    """publish-network, export-network."""
    one = command("publish-network", safely(publish_network))
    one.add_argument("directory", type=Path, help="with the document's TOML and CSV files, or .xlsx")
    one.add_argument("--all", action="store_true", help="each warning on a line of its own")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who publishes")
    one = command("export-network", safely(export_network))
    one.add_argument("to", type=Path, help="a new or empty directory, or an .xlsx file")
