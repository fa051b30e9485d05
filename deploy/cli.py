"""`waybook`: the demo, and what people ask of the books from a terminal."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from deploy.commands import wrong
from deploy.home import USUAL, HomeError, in_use, told
from sinks.clickhouse import StoreAwayError, unanswered
from sinks.kafka import DeliveryError

GROUPS = {
    "stack": ("demo", "open"),
    "questions": ("sql", "explain"),
    "network": ("publish-network", "export-network"),
    "tariffs": ("tariff", "publish-tariff"),
    "virtual_accounts": ("balance", "statement", "ledger", "ask", "trial-balance"),
    "handovers": ("transfer-outlet", "merge-outlets", "withdraw-handover", "move-balances", "parties"),
    "books": ("books",),
    "weight_cases": ("weight-cases", "decide-weight"),
    "volumes": ("volumes",),
    "months": ("store-months", "parcel-months"),
    "service_levels": ("service-levels",),
    "costs": ("costs",),
    "bills": ("bills",),
    "closes": ("close",),
    "exceptions": ("exceptions", "match", "evidence"),
    "recall": ("recall",),
    "receive": ("receive",),
    "payment_rules": ("publish-payment-rules", "token"),
    "payments": ("payments",),
    "auditing": ("audit",),
    "letters": ("dead-letters", "replay-dead-letters"),
}
"""Modules of `deploy.commands` and what each adds, in the order of the help: only that of the command is loaded."""


class Command(argparse.ArgumentParser):
    """A command, or a part of one: where the store is may be said behind either."""

    def __init__(self, *words: Any, **said: Any) -> None:
        super().__init__(*words, **said)
        unsaid: Any = argparse.SUPPRESS  # or a part would forget what its command was told
        self.add_argument(
            "--url", default=unsaid, help="ClickHouse; default: WAYBOOK_CLICKHOUSE, or the demo's"
        )
        self.add_argument("--home", type=Path, default=unsaid, help=f"the demo's directory; default: {USUAL}")


def parser(asked: str = "") -> argparse.ArgumentParser:
    """The command line: of the one command that is asked for, or of all."""
    top = argparse.ArgumentParser(prog="waybook", description="The live books of a parcel network")
    commands = top.add_subparsers(required=True, metavar="command", parser_class=Command)

    def command(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        made.set_defaults(run=run, url="", home=None)
        return made

    for group in [group for group, names in GROUPS.items() if asked in names] or GROUPS:
        import_module(f"deploy.commands.{group}").add(command)
    return top


def main(words: Sequence[str] | None = None) -> None:
    """Run a command; exit code 1 when the answer is no, 2 when something that it needs is away."""
    words = sys.argv[1:] if words is None else words
    known = parser(*words[:1])
    for word in words:
        if any("\udc80" <= letter <= "\udcff" for letter in word):  # bytes that Python could not decode
            known.error(f"{word!r} is not UTF-8")
    arguments = known.parse_args(words)
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())  # its errors are told below
    try:
        code = arguments.run(arguments)
    except StoreAwayError as away:
        code = _fail(f"the store is away: {away}{_hint(arguments)}", 2)
    except HTTPError as error:  # an answer that broke off
        code = _fail(f"the store is away: it {unanswered(error)}{_hint(arguments)}", 2)
    except HomeError as error:
        code = _fail(str(error), 2)
    except DeliveryError as error:
        code = _fail(f"Kafka is away: {error}{_flows_hint(arguments)}", 2)
    except ClickHouseError as error:
        code = _fail(f"ClickHouse: {_first_line(error)}", 1)
    except BrokenPipeError:  # whoever read the answer has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        code = _fail(wrong(error), 1)
    sys.exit(code)


def _hint(arguments: argparse.Namespace) -> str:
    """What to do about a demo's store that is away because the demo has ended."""
    home = arguments.home or USUAL
    ended = told(home) is not None and not in_use(home)
    if arguments.url or "WAYBOOK_CLICKHOUSE" in os.environ or not ended:
        return ""
    return f" (the demo has ended: waybook open {home} serves its data)"


def _flows_hint(arguments: argparse.Namespace) -> str:
    """What to do about a demo's Kafka that is away: it went with the demo's flows, or was not asked for."""
    if "WAYBOOK_KAFKA" in os.environ:
        return ""
    if arguments.url or "WAYBOOK_CLICKHOUSE" in os.environ:
        return " (--url or WAYBOOK_CLICKHOUSE names the store, so no demo's Kafka is asked: WAYBOOK_KAFKA names one)"
    home = arguments.home or USUAL
    if told(home) is None:
        return ""
    return (
        f" (the demo in {home} has ended, and its flows with it; `waybook open` serves what it left "
        "to be read; what flows have to do needs running ones)"
    )


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


def _first_line(error: Exception) -> str:
    """What ClickHouse says, without the trace that some versions send after it."""
    return str(error).strip().partition("\n")[0][:1000]


if __name__ == "__main__":
    main()
