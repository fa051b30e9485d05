"""`waybook`: the demo, and what people ask of the books from a terminal."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy import audit, dead_letters, publish
from deploy import explain as explaining
from deploy.audit.__main__ import heads_in
from deploy.commands import handovers, tariffs, virtual_accounts
from deploy.commands.where import settings_of
from deploy.demo import Demo, Options
from schemas.problems import DocumentError
from sinks.clickhouse import StoreAwayError, connect


def demo(arguments: argparse.Namespace) -> int:
    """Everything on this machine, live."""
    return Demo(
        Options(
            home=arguments.home.resolve(),
            seconds=arguments.seconds,
            rate=arguments.rate,
            chaos=arguments.chaos,
            seed=arguments.seed,
            port=arguments.port,
            faults=not arguments.no_faults,
        )
    ).run()


def sql(arguments: argparse.Namespace) -> int:
    """Ask ClickHouse."""
    client = connect(settings_of(arguments))
    sys.stdout.write(client.raw_query(arguments.query, fmt=arguments.format).decode())
    return 0


def explain_(arguments: argparse.Namespace) -> int:
    """Why a parcel cost what it cost."""
    text = explaining.explain(arguments.waybill, connect(settings_of(arguments)))
    sys.stdout.write((text or f"there is nothing about waybill {arguments.waybill}") + "\n")
    return 0 if text else 1


def audit_(arguments: argparse.Namespace) -> int:
    """Recompute everything that ClickHouse holds."""
    report = audit.run(
        connect(settings_of(arguments)),
        truth=arguments.truth,
        closed=arguments.closed,
        heads=heads_in(arguments.since) if arguments.since else (),
    )
    if arguments.json:
        arguments.json.write_bytes(report.to_json())
    sys.stdout.write(report.to_text() + "\n")
    return 0 if report.passed else 1


def list_dead_letters(arguments: argparse.Namespace) -> int:
    """Dead letters as JSON lines, to be mended in an editor."""
    sys.stdout.write(dead_letters.export(connect(settings_of(arguments)), arguments.reason))
    return 0


def replay(arguments: argparse.Namespace) -> int:
    """Send dead letters again: from a file as mended, or as they are."""
    settings = settings_of(arguments)
    if arguments.file is not None:
        lines = arguments.file.read_text("utf-8")
    else:
        lines = dead_letters.export(connect(settings), arguments.reason)
    sent = dead_letters.replay(settings, lines, arguments.by)
    sys.stdout.write(f"{sent} dead letters sent again\n")
    return 0


def publish_network(arguments: argparse.Namespace) -> int:
    """Check a network directory and publish it to all flows."""
    return _publish(
        lambda: publish.publish_network(settings_of(arguments), arguments.directory, arguments.by)
    )


def _publish(publishing: Callable[[], str]) -> int:
    try:
        sys.stdout.write(f"published version {publishing()}\n")
    except DocumentError as error:
        sys.stderr.write(f"refused, nothing is published:\n{error}\n")
        return 1
    except LookupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="waybook", description="The live books of a parcel network")
    commands = top.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=run.__doc__)
        made.set_defaults(run=run)
        made.add_argument("--url", default="", help="ClickHouse; default: WAYBOOK_CLICKHOUSE, or the demo's")
        return made

    one = command("demo", demo)
    one.add_argument("--home", type=Path, default=Path("data/demo"), help="directory for all data")
    one.add_argument("--seconds", type=float, help="stop after so long; default: Ctrl-C")
    one.add_argument("--rate", type=float, default=100, help="parcels a second")
    one.add_argument("--chaos", action="store_true", help="kill the flows at random")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--port", type=int, default=0, help="of the live page; 0: any free one")
    one.add_argument("--no-faults", action="store_true", help="a network in which nothing goes wrong")
    one = command("sql", sql)
    one.add_argument("query")
    one.add_argument("--format", default="PrettyCompactMonoBlock")
    one = command("publish-network", publish_network)
    one.add_argument("directory", type=Path, help="with the document's TOML and CSV files, or .xlsx")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who publishes")
    tariffs.add(command)
    virtual_accounts.add(command)
    handovers.add(command)
    command("explain", explain_).add_argument("waybill")
    one = command("audit", audit_)
    one.add_argument("--truth", type=Path, help="directory of a simulation's truth")
    one.add_argument(
        "--closed", action="store_true", help="the flows have ended well: nothing may be unsealed"
    )
    one.add_argument("--json", type=Path, metavar="FILE", help="write the report there, too")
    one.add_argument(
        "--since", type=Path, metavar="FILE", help="an earlier report: nothing before it has changed"
    )
    command("dead-letters", list_dead_letters).add_argument("--reason", default="")
    one = command("replay-dead-letters", replay)
    one.add_argument("file", type=Path, nargs="?", help="JSON lines as `dead-letters` writes them, mended")
    one.add_argument("--reason", default="", help="without a file: only those of one reason")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who sends them")
    return top


def main(words: Sequence[str] | None = None) -> None:
    """Run a command; exit code 1 when the answer is no, 2 when the store is away."""
    arguments = parser().parse_args(words)
    try:
        code = arguments.run(arguments)
    except StoreAwayError as away:
        sys.stderr.write(f"the store is away: {away}\n")
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()
