"""Where the store and the brokers are, for a command."""

import argparse
import os
from pathlib import Path

import msgspec

from schemas.settings import Settings, from_environment
from sinks.clickhouse import readers


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The environment's settings, with the store that the command names; else the last demo's."""
    settings = from_environment()
    url = arguments.url
    if not url and "WAYBOOK_CLICKHOUSE" not in os.environ:
        last = Path("data/demo/clickhouse")
        url = last.read_text() if last.exists() else ""
    return readers(msgspec.structs.replace(settings, clickhouse=url) if url else settings)
