"""SQL, and why a parcel cost what it cost."""

import argparse
import sys

from deploy import explain as explaining
from deploy.commands import Command
from deploy.commands.where import LONG, books_of, store_of


def sql(arguments: argparse.Namespace) -> int:
    """Ask ClickHouse."""
    client = store_of(arguments, LONG)
    answer = client.raw_query(arguments.query, fmt=arguments.format)
    sys.stdout.flush()
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return 0


def explain_(arguments: argparse.Namespace) -> int:
    """Why a parcel, or a stay in a store, cost what it cost."""
    name = arguments.waybill.strip()
    if not name:  # as rows that are of no parcel have it
        sys.stderr.write("explain needs the number of a waybill or a stay\n")
        return 1
    store = books_of(arguments)
    text = explaining.explain(name.upper(), store) or explaining.explain(name, store)
    sys.stdout.write((text or f"there is nothing about waybill {arguments.waybill}") + "\n")
    return 0 if text else 1


def add(command: Command) -> None:
    """sql, explain."""
    one = command("sql", sql)
    one.add_argument("query")
    one.add_argument("--format", default="PrettyCompactMonoBlock")
    command("explain", explain_).add_argument("waybill")
