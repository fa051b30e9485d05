"""The accounts flow: postings, deductions and commands → parties' virtual accounts → ClickHouse, one process per lane.

python -m flows.accounts LANE        settings from the environment: see schemas.settings
"""

import sys
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow

from flows.engine.lane import Lane
from flows.engine.messages import Letter
from flows.engine.source import Input
from flows.journal.rules import PostingRules, read_rules
from flows.wallet import counts
from flows.wallet.output import Output
from flows.wallet.process import Wallets
from flows.wallet.tables import Tables
from schemas import topics
from schemas.partition import CACHED, partition_of
from schemas.settings import Settings, from_environment
from schemas.shipped import shipped

FIRST = 1000
"""Number of the flow's first lane: the tables are shared with the parcel flow, whose lanes begin with 0."""
CODE = "accounts-8"
"""Raise it with every change that makes other rows of the same input: stored plans of another are refused."""


def accounts(lane: Lane, tables: Tables) -> Dataflow:
    """The dataflow."""

    def make(item: tuple[str, Any]) -> tuple[str, Any]:
        block, output = item[1]
        counts.count(output)
        return "lane", (block, tables.make(output, lane.number << 32 | block.n), answers(output))

    flow = Dataflow("accounts")
    blocks = op.input("blocks", flow, lane.source())
    moved = op.stateful_batch("move", blocks, lane.keeper)
    rows = op.map("rows", moved, make)
    op.output("store", rows, lane.sink())
    return flow


def answers(output: Output) -> list[Letter]:
    """What is said to those who asked, again to those who asked again."""
    told, encode = [*(said.answer for said in output.said), *output.again], msgspec.json.encode
    letters = [Letter(topics.ANSWERS.name, answer.id, encode(answer)) for answer in told]
    return letters + [Letter(topics.DEDUCTIONS.name, one.group, encode(one)) for one in output.answered]


def inputs(lane: int, settings: Settings) -> list[Input]:
    """What a lane reads, in the order in which a block is processed: rules and time before money."""
    mine = [p for p in range(settings.partitions) if p % settings.account_lanes == lane]
    return [
        Input(topics.CONTROL.name, 0, first=True, documents=True),
        Input(topics.TICKS.name, 0, first=True, leads=True),
        *(Input(topics.POSTINGS.name, p) for p in mine),
        *(Input(topics.COMMANDS.name, p, leads=True) for p in mine),
        *(Input(topics.DEAD_LETTERS.name, p) for p in mine),
    ]


def money_rules() -> PostingRules:
    """The posting rules of commands and the chart of accounts that this version books by."""
    data = Path(__file__).parent / "journal"
    read = partial(read_rules, file="money.toml")
    return shipped(read, data / "money.toml", data / "accounts.csv")


def work(lane: int, settings: Settings) -> Wallets:
    """The parties of a lane."""
    return Wallets(
        settings.horizon,
        lru_cache(CACHED)(partial(partition_of, partitions=settings.partitions)),
        lambda partition: partition % settings.account_lanes == lane,
        settings.ahead,
        leap=settings.leap,
    )


def main() -> None:
    """Run one lane until it is told to stop."""
    settings, index = from_environment(), int(sys.argv[1]) if len(sys.argv) > 1 else 0
    rules, wallets = money_rules(), work(index, settings)
    lane = Lane(FIRST + index, settings, inputs(index, settings), wallets, f"{CODE} {rules.version}")
    lane.run(accounts(lane, Tables(rules, writes_documents=index == 0)))


if __name__ == "__main__":
    main()
