"""Costs of hubs and lines."""

import argparse
import os
import sys
from pathlib import Path

from dashboards.words import FIRST_DAY, LAST_DAY
from deploy import costs
from deploy.commands import Command, day, days, following, safely, who_decides
from deploy.commands.where import LONG, books_of, settings_of, store_of, writers_settings
from deploy.files import text_of
from schemas.problems import DocumentError
from sinks.clickhouse import connect


def costs_(arguments: argparse.Namespace) -> int:
    """Costs of hubs and lines: publish a bill's, withdraw one, spread them over parcels, show lines' profit."""
    if arguments.what == "spread":
        return _spread(arguments)
    if arguments.follow:
        sys.stderr.write("only spread goes on with --follow\n")
        return 1
    if arguments.what == "profit":
        lines = list(costs.profit(books_of(arguments, LONG), *days(arguments)))
    elif not arguments.which:
        sys.stderr.write("publish needs a CSV file, withdraw a cost's id\n")
        return 1
    elif arguments.what == "withdraw":
        who_decides(arguments)
        lines = [costs.withdraw(settings_of(arguments), arguments.which, arguments.reason, arguments.by)]
    else:
        who_decides(arguments)
        try:
            text = text_of(Path(arguments.which))
            file = Path(arguments.which).name
            lines = costs.publish(settings_of(arguments), text, arguments.by, file)
        except DocumentError as error:
            sys.stderr.write(f"refused, nothing is published:\n{error}\n")
            return 1
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _spread(arguments: argparse.Namespace) -> int:
    """Following, the first step looks at all costs, and those after it at the ones of the last days."""
    since = iter((arguments.first,))

    def step() -> list[str]:
        reader = store_of(arguments, LONG)
        first = next(since, None) or max(arguments.first, costs.lately(reader))
        return costs.spread(reader, connect(writers_settings(arguments), LONG), first)

    return following.repeatedly(arguments, step)


def add(command: Command) -> None:
    """costs."""
    one = command("costs", safely(costs_))
    one.add_argument("what", choices=("publish", "withdraw", "spread", "profit"))
    one.add_argument("which", nargs="?", default="", help="publish: CSV file; withdraw: the cost's id")
    one.add_argument(
        "--from", dest="first", type=day, default=FIRST_DAY, help="spread: costs of earlier days stay"
    )
    one.add_argument("--to", dest="last", type=day, default=LAST_DAY, help="profit: the last day")
    following.add(one, 60, "two looks")
    one.add_argument("--reason", default="", help="withdraw: why")
    one.add_argument("--by", default=os.environ.get("USER", ""), help="who publishes or withdraws it")
