"""`waybook`: the demo, and what people ask of the books from a terminal."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from dashboards.words import SHANGHAI
from deploy import ask as asking
from deploy import audit, dead_letters, publish, statements
from deploy import explain as explaining
from deploy.demo import Demo, Options
from schemas.money import yuan
from schemas.problems import DocumentError
from schemas.reasons import ANSWER
from schemas.settings import Settings, from_environment
from sinks.clickhouse import StoreAwayError, connect


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The environment's settings, with the store that the command names; else the last demo's."""
    settings = from_environment()
    url = arguments.url
    if not url and "WAYBOOK_CLICKHOUSE" not in os.environ:
        last = Path("data/demo/clickhouse")
        url = last.read_text() if last.exists() else ""
    return msgspec.structs.replace(settings, clickhouse=url) if url else settings


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
    report = audit.run(connect(settings_of(arguments)), truth=arguments.truth)
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


def publish_tariff(arguments: argparse.Namespace) -> int:
    """Check a tariff book and publish it to all lanes."""
    settings = settings_of(arguments)
    return _publish(
        lambda: publish.publish_tariff(settings, arguments.directory, arguments.by, arguments.comment)
    )


def balance(arguments: argparse.Namespace) -> int:
    """A party's virtual accounts, now or when data time was at some moment."""
    return _known(
        statements.balance(connect(settings_of(arguments)), arguments.party, arguments.at), arguments
    )


def statement(arguments: argparse.Namespace) -> int:
    """A party's statement of account: opening balance, movements, closing balance."""
    client = connect(settings_of(arguments))
    first, last = arguments.first, arguments.last
    text = statements.statement(client, arguments.party, first, last, lines=arguments.lines)
    return _known(text, arguments)


def trial_balance(arguments: argparse.Namespace) -> int:
    """Every account's debits and credits up to a date, and whether headquarters' book mirrors the parties'."""
    text, agrees = statements.trial_balance(connect(settings_of(arguments)), arguments.at, arguments.book)
    sys.stdout.write(text + "\n")
    return 0 if agrees else 1


def ledger(arguments: argparse.Namespace) -> int:
    """An account of a party's book, row by row."""
    client = connect(settings_of(arguments))
    first, last = arguments.first, arguments.last
    text = statements.ledger(client, arguments.party, arguments.account, first, last, arguments.limit)
    sys.stdout.write(text + "\n")
    return 0


def ask(arguments: argparse.Namespace) -> int:
    """Ask for something on a party's virtual accounts: top_up amount=100."""
    try:
        body = asking.body_of(arguments.name, arguments.fields)
    except ValueError as error:  # msgspec.ValidationError is one
        sys.stderr.write(f"{error}\n")
        return 1
    at = int(
        (arguments.time or datetime.now(UTC).replace(tzinfo=None)).replace(tzinfo=UTC).timestamp() * 1000
    )
    settings, number = settings_of(arguments), arguments.id
    answer = asking.ask(settings, arguments.party, arguments.name, body, arguments.by, at, number)
    if answer is None:
        sys.stderr.write("there was no answer\n")
        return 2
    reason = f"refused: {answer.reason} {ANSWER[answer.reason]}" if answer.reason else "accepted"
    sys.stdout.write(f"{answer.id}  {reason}, available {yuan(answer.available_e4)}\n")
    return 0 if answer.accepted else 1


def _known(text: str, arguments: argparse.Namespace) -> int:
    sys.stdout.write((text or f"there is nothing about party {arguments.party}") + "\n")
    return 0 if text else 1


def _moment(text: str) -> datetime:
    """A time of Shanghai as UTC; of a date its last moment."""
    at = datetime.fromisoformat(text)
    if len(text) == len("2025-11-11"):
        at += timedelta(days=1, milliseconds=-1)
    return at - SHANGHAI


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
    for name, run in (("publish-network", publish_network), ("publish-tariff", publish_tariff)):
        one = command(name, run)
        one.add_argument("directory", type=Path, help="with the document's TOML and CSV files")
        one.add_argument("--by", default=os.environ.get("USER", ""), help="who publishes")
        one.add_argument("--comment", default="")
    for name, run in (("balance", balance), ("statement", statement), ("ledger", ledger), ("ask", ask)):
        one = command(name, run)
        one.add_argument("party")
        if name == "balance":
            one.add_argument("--at", type=_moment, default=datetime(2100, 1, 1), help="Shanghai's time")
        elif name == "ask":
            one.add_argument("name", help="top_up, withdraw, hold, release, capture, purchase, deposit_in…")
            one.add_argument("fields", nargs="*", help="key=value, amounts in yuan")
            one.add_argument("--by", default=os.environ.get("USER", "") or "waybook", help="who asks")
            one.add_argument("--id", default="", help="the command's number: the same again is a repeat")
            one.add_argument("--time", type=_moment, help="Shanghai's time; default: now")
        else:
            one.add_argument("--from", dest="first", type=date.fromisoformat, default=date(1970, 1, 1))
            one.add_argument("--to", dest="last", type=date.fromisoformat, default=date(2100, 1, 1))
        if name == "statement":
            one.add_argument("--lines", action="store_true", help="down to the waybill of every row")
        if name == "ledger":
            one.add_argument("account", help="number in the chart of accounts")
            one.add_argument("--limit", type=int, default=10_000, help="rows, at most")
    one = command("trial-balance", trial_balance)
    one.add_argument("--at", type=date.fromisoformat, default=date(2100, 1, 1), help="business date")
    one.add_argument("--book", default="", help="one party's book")
    command("explain", explain_).add_argument("waybill")
    command("audit", audit_).add_argument("--truth", type=Path, help="directory of a simulation's truth")
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
