"""The independent audit."""

import argparse
import sys
from pathlib import Path

from deploy import audit
from deploy.audit.__main__ import heads_in
from deploy.commands import Command
from deploy.commands.where import LONG, settings_of, store_of


def audit_(arguments: argparse.Namespace) -> int:
    """Recompute everything that ClickHouse holds."""
    live = not (arguments.stopped or arguments.closed) and arguments.truth is None
    report = audit.run(
        store_of(arguments, LONG),
        truth=arguments.truth,
        live=live,
        closed=arguments.closed,
        heads=heads_in(arguments.since) if arguments.since else (),
        limits=settings_of(arguments),
        say=_say,
    )
    if arguments.json:
        arguments.json.write_bytes(report.to_json())
    sys.stdout.write(report.to_text() + "\n")
    return 0 if report.passed else 1


def _say(what: str) -> None:
    """To people who wait; a file or a program gets the report alone."""
    if sys.stderr.isatty():
        sys.stderr.write(f"auditing {what} …\n")


def add(command: Command) -> None:
    """audit."""
    one = command("audit", audit_)
    one.add_argument("--truth", type=Path, help="directory of a simulation's truth; nothing may be running")
    one.add_argument(
        "--stopped", action="store_true", help="nothing is running: look at the newest block, too"
    )
    one.add_argument(
        "--closed", action="store_true", help="the flows have ended well: nothing may be unsealed"
    )
    one.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    one.add_argument(
        "--since", type=Path, metavar="FILE", help="an earlier report: nothing before it has changed"
    )
