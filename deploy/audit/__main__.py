"""`python -m deploy.audit`: print the report; exit 1 if anything is wrong."""

import argparse
import sys
from pathlib import Path

import msgspec

from deploy.audit import run
from deploy.audit.report import Head
from schemas.settings import from_environment
from sinks.clickhouse import connect, readers


class Earlier(msgspec.Struct):
    """What is read of an earlier report."""

    heads: tuple[Head, ...]


def heads_in(file: Path) -> tuple[Head, ...]:
    """The chain heads of an earlier report of `--json`. Raises msgspec.DecodeError, OSError."""
    return msgspec.json.decode(file.read_bytes(), type=Earlier).heads


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 if every check passed."""
    parser = argparse.ArgumentParser(
        prog="deploy.audit", description="Audit the books that ClickHouse holds."
    )
    parser.add_argument("--url", help="ClickHouse's address; default: WAYBOOK_CLICKHOUSE")
    parser.add_argument("--truth", type=Path, metavar="DIR", help="the simulated network's truth")
    parser.add_argument("--data-time", type=int, metavar="MS", help="newest tick that the lanes have read")
    parser.add_argument("--live", action="store_true", help="a flow is writing: leave out the newest blocks")
    parser.add_argument(
        "--closed", action="store_true", help="the flows have ended well: nothing may be unsealed"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    parser.add_argument(
        "--since", type=Path, metavar="FILE", help="a report of --json: nothing before it has changed"
    )
    given = parser.parse_args(arguments)
    settings = from_environment()
    if given.url:
        settings = msgspec.structs.replace(settings, clickhouse=given.url)
    heads = heads_in(given.since) if given.since else ()
    report = run(
        connect(readers(settings)),
        given.truth,
        given.data_time,
        live=given.live,
        closed=given.closed,
        heads=heads,
        limits=settings,
    )
    if given.json:
        given.json.write_bytes(report.to_json())
    print(report.to_text())
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
