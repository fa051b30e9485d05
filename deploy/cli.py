"""`waybook`: the demo, and what people ask of the books from a terminal."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from deploy import audit, dead_letters, publish
from deploy import explain as explaining
from deploy.audit.__main__ import heads_in
from deploy.commands import (
    bills,
    closes,
    costs,
    exceptions,
    handovers,
    payment_rules,
    payments,
    receive,
    service_levels,
    store_months,
    tariffs,
    virtual_accounts,
    volumes,
    weight_cases,
)
from deploy.commands import recall as recalling
from deploy.commands.where import LONG, settings_of, store_of, vault_of
from deploy.dead_letters import ReplayError
from deploy.demo import Demo, Options
from deploy.home import Home, HomeError, in_use, told
from deploy.part import ROOT, Server
from flows.engine.stop import Stop
from schemas.problems import DocumentError
from schemas.settings import Settings
from sinks.clickhouse import StoreAwayError
from sinks.kafka import DeliveryError

UNSEAL = "those of payments, too, which are encrypted: needs the keys for evidence (WAYBOOK_KEYS)"

GROUPS = (
    *(
        tariffs,
        virtual_accounts,
        handovers,
        weight_cases,
        volumes,
        store_months,
        service_levels,
        costs,
        bills,
        closes,
        exceptions,
        recalling,
    ),
    *(receive, payment_rules, payments),
)
"""Groups of commands, in the order of the help."""


def open_(arguments: argparse.Namespace) -> int:
    """Serve the data that a demo has left, until Ctrl-C."""
    home = Home(arguments.directory.resolve())
    home.reopen()
    stop = Stop()
    settings = told(home.directory) or Settings()
    server = Server(
        home.directory,
        "store",
        ["deploy.embedded.store", "--directory", str(home.directory / "store")],
        {"PYTHONPATH": str(ROOT)},
        keeps_port=False,
    )
    try:
        home.tell(msgspec.structs.replace(settings, clickhouse=server.address))
        sys.stdout.write(f"clickhouse  {server.address}   (Ctrl-C ends it)\n")
        sys.stdout.flush()
        while not stop.wait(0.5) and not server.ended:
            pass
    finally:
        server.stop()
        home.release()
    return 0 if stop.asked else 1


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
    client = store_of(arguments, LONG)
    answer = client.raw_query(arguments.query, fmt=arguments.format)
    sys.stdout.flush()
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return 0


def explain_(arguments: argparse.Namespace) -> int:
    """Why a parcel, or a stay in a store, cost what it cost."""
    name, store = arguments.waybill.strip(), store_of(arguments)
    text = explaining.explain(name.upper(), store) or explaining.explain(name, store)
    sys.stdout.write((text or f"there is nothing about waybill {arguments.waybill}") + "\n")
    return 0 if text else 1


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
    )
    if arguments.json:
        arguments.json.write_bytes(report.to_json())
    sys.stdout.write(report.to_text() + "\n")
    return 0 if report.passed else 1


def list_dead_letters(arguments: argparse.Namespace) -> int:
    """Dead letters as JSON lines, to be mended in an editor."""
    client = store_of(arguments)
    unseal = vault_of(arguments, client) if arguments.unseal else None
    sys.stdout.write(dead_letters.export(client, arguments.reason, unseal))
    return 0


def replay(arguments: argparse.Namespace) -> int:
    """Send dead letters again: from a file as mended, or as they are."""
    settings, client = settings_of(arguments), store_of(arguments)
    unseal = vault_of(arguments, client) if arguments.unseal else None
    if arguments.file is not None:
        lines = arguments.file.read_text("utf-8")
    else:
        lines = dead_letters.export(client, arguments.reason, unseal)
    letters = dead_letters.read(lines)
    if not arguments.as_they_are and (same := dead_letters.unchanged(client, letters, unseal)):
        raise ReplayError(
            f"{len(same)} of {len(letters)} letters are unchanged (the first: {same[0]}); nothing is sent. "
            "Mend them, take them out, or send them with --as-they-are if it is the rules that have changed"
        )
    sent = dead_letters.replay(settings, client, letters, arguments.by)
    sys.stdout.write(f"{sent} dead letters sent again\n")
    return 0


def publish_network(arguments: argparse.Namespace) -> int:
    """Check a network directory and publish it to all flows."""
    try:
        version = publish.publish_network(settings_of(arguments), arguments.directory, arguments.by)
    except DocumentError as error:
        sys.stderr.write(f"refused, nothing is published:\n{error}\n")
        return 1
    except LookupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"published version {version}\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="waybook", description="The live books of a parcel network")
    commands = top.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=run.__doc__)
        made.set_defaults(run=run)
        made.add_argument("--url", default="", help="ClickHouse; default: WAYBOOK_CLICKHOUSE, or the demo's")
        made.add_argument("--home", type=Path, default=Path("data/demo"), help="the demo's directory")
        return made

    one = command("demo", demo)
    one.add_argument("--seconds", type=float, help="stop after so long; default: Ctrl-C")
    one.add_argument("--rate", type=float, default=100, help="parcels a second")
    one.add_argument("--chaos", action="store_true", help="kill the flows at random")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--port", type=int, default=0, help="of the live page; 0: any free one")
    one.add_argument("--no-faults", action="store_true", help="a network in which nothing goes wrong")
    command("open", open_).add_argument("directory", type=Path, help="of a demo that has ended")
    one = command("sql", sql)
    one.add_argument("query")
    one.add_argument("--format", default="PrettyCompactMonoBlock")
    one = command("publish-network", publish_network)
    one.add_argument("directory", type=Path, help="with the document's TOML and CSV files, or .xlsx")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who publishes")
    for several in GROUPS:
        several.add(command)
    command("explain", explain_).add_argument("waybill")
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
    one = command("dead-letters", list_dead_letters)
    one.add_argument("--reason", default="")
    one.add_argument("--unseal", action="store_true", help=UNSEAL)
    one = command("replay-dead-letters", replay)
    one.add_argument("file", type=Path, nargs="?", help="JSON lines as `dead-letters` writes them, mended")
    one.add_argument("--reason", default="", help="without a file: only those of one reason")
    one.add_argument("--unseal", action="store_true", help=UNSEAL)
    one.add_argument("--as-they-are", action="store_true", help="also letters that nobody has mended")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who sends them")
    return top


def main(words: Sequence[str] | None = None) -> None:
    """Run a command; exit code 1 when the answer is no, 2 when something that it needs is away."""
    words, known = sys.argv[1:] if words is None else words, parser()
    for word in words:
        if any("\udc80" <= letter <= "\udcff" for letter in word):  # bytes that Python could not decode
            known.error(f"{word!r} is not UTF-8")
    arguments = known.parse_args(words)
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())  # its errors are told below
    try:
        code = arguments.run(arguments)
    except (StoreAwayError, HTTPError) as away:
        code = _fail(f"the store is away: {away}{_hint(arguments)}", 2)
    except HomeError as error:
        code = _fail(str(error), 2)
    except DeliveryError as error:
        code = _fail(f"Kafka is away: {error}", 2)
    except ClickHouseError as error:
        code = _fail(f"ClickHouse: {_first_line(error)}", 1)
    except BrokenPipeError:  # whoever read the answer has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (ReplayError, msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        code = _fail(str(error), 1)
    sys.exit(code)


def _hint(arguments: argparse.Namespace) -> str:
    """What to do about a demo's store that is away because the demo has ended."""
    ended = told(arguments.home) is not None and not in_use(arguments.home)
    if arguments.url or "WAYBOOK_CLICKHOUSE" in os.environ or not ended:
        return ""
    return f" (the demo has ended: waybook open {arguments.home} serves its data)"


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


def _first_line(error: Exception) -> str:
    """What ClickHouse says, without the trace that some versions send after it."""
    return str(error).strip().partition("\n")[0][:1000]


if __name__ == "__main__":
    main()
