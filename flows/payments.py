"""The payments flow: notifications × dues → matches → journal, ClickHouse, and statuses on Kafka; one process a lane.

python -m flows.payments LANE        settings from the environment: see schemas.settings
"""

import sys
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow

from flows.engine.lane import Lane
from flows.engine.messages import Letter
from flows.engine.source import Input
from flows.journal.deductions import bodies
from flows.journal.positions import Positions
from flows.lifecycle.intake import RefusedError
from flows.parcels import letters
from flows.reconciliation import counts
from flows.reconciliation.accounts import Terms
from flows.reconciliation.output import Output
from flows.reconciliation.posting import POSTED
from flows.reconciliation.process import Payments
from flows.reconciliation.tables import Tables
from flows.reconciliation.threeway import MILLION
from schemas import topics
from schemas.money import parse_yuan
from schemas.partition import partition_of
from schemas.payments import Notification, Payment
from schemas.problems import DocumentError
from schemas.settings import Settings, from_environment
from schemas.times import HOUR, MINUTE
from sources.channels import refused
from sources.channels.keys import read_keys
from sources.channels.model import Channel, Merchant
from sources.channels.read import read_channels, read_payers
from sources.channels.verify import Verifier

FIRST = 3000
"""Number of the flow's first lane: the tables are shared with the other flows, whose lanes begin with 0, 1000, 2000."""
SENDER = "payments"
"""The name under which messages to other flows are sent."""
CODE = "payments-21"
"""Raise it with every change that makes other rows of the same input: stored plans of another are refused."""


class Door:
    """The channels of published documents with their keys, as `flows.reconciliation.process.Channels`.

    Raises DocumentError for documents that are refused, and RuntimeError where a key that they name is not here:
    keys are no part of the input, so a lane that lacks one does not go on.
    """

    def __init__(self, keys: Path, files: Mapping[str, str]) -> None:
        channels, payers = read_channels(files), read_payers(files)
        try:
            found = read_keys(channels, keys)
        except DocumentError as error:
            raise RuntimeError(f"keys are missing: {error}") from error
        self._verifier = Verifier(channels, found)
        self._terms = {
            (channel.name, merchant.called): (merchant.group, terms_of(channel, merchant))
            for channel in channels.channels.values()
            for merchant in channel.merchant
        }
        self.scrub, self.payer, self.seal = found.tokens.scrub, found.tokens.known_as, found.evidence.seal
        self.party_of = lambda token: payers.get(token, "")

    def terms(self, channel: str, merchant: str) -> tuple[str, Terms] | None:
        """The group of a merchant, and what is agreed about its bills; None: there is no such merchant."""
        return self._terms.get((channel, merchant))

    def payments(self, notification: Notification) -> tuple[Payment, ...]:
        """The payments that a notification tells of, verified. Raises RefusedError."""
        try:
            return self._verifier.payments(notification)
        except refused.RefusedError as error:
            raise RefusedError(error.reason, error.detail) from error


def terms_of(channel: Channel, merchant: Merchant) -> Terms:
    """What is agreed about a merchant's bills."""
    rate = merchant.fee if merchant.fee is not None else channel.fee
    ppm = None if rate is None else int(Decimal(rate) * MILLION)
    if channel.bills is None:
        return Terms(rate_ppm=ppm)
    hours, _, minutes = channel.bills.cut_off.partition(":")
    return Terms(
        channel.bills.sorts,
        channel.bills.notified,
        int(hours) * HOUR + int(minutes) * MINUTE,
        channel.bills.grace_days,
        ppm,
        parse_yuan(channel.bills.slack),
        channel.bills.due_hours * HOUR,
    )


def payments(lane: Lane, tables: Tables, positions: Positions) -> Dataflow:
    """The dataflow."""

    def make(item: tuple[str, Any]) -> tuple[str, Any]:
        block, output = item[1]
        counts.count(output)
        rows = tables.make(output, lane.number << 32 | block.n)
        asked = bodies((one.ask for one in output.asked), lane.settings.partitions)
        said = letters(lane.number, block.n, tables.booked, positions, SENDER, asked)
        return "lane", (block, rows, said + told(output))

    flow = Dataflow("payments")
    blocks = op.input("blocks", flow, lane.source())
    matched = op.stateful_batch("match", blocks, lane.keeper)
    rows = op.map("rows", matched, make)
    op.output("store", rows, lane.sink())
    return flow


def told(output: Output) -> list[Letter]:
    """What the business systems are told."""
    encode = msgspec.json.encode
    statuses = [Letter(topics.STATUSES.name, one.document, encode(one)) for one in output.statuses]
    return statuses + [Letter(topics.INVOICES.name, one.document, encode(one)) for one in output.invoices]


def inputs(lane: int, settings: Settings) -> list[Input]:
    """What a lane reads, in the order in which a block is processed: rules and time before dues, these before money."""
    mine = [p for p in range(settings.partitions) if p % settings.payment_lanes == lane]
    channels = [topics.notifications(channel).name for channel in settings.payment_channels]
    return [
        Input(topics.CONTROL.name, 0, documents=True),
        Input(topics.PAYMENT_CONTROL.name, 0, first=True, documents=True),
        Input(topics.TICKS.name, 0, first=True, leads=True),
        *(Input(topics.RECEIVABLES.name, p, leads=True) for p in mine),
        *(Input(channel, p, leads=True) for channel in channels for p in mine),
        *(Input(topics.BILLS.name, p) for p in mine),
        *(Input(topics.DECISIONS.name, p) for p in mine),
        *(Input(topics.DEDUCTIONS.name, p) for p in mine),
        *(Input(topics.DEAD_LETTERS.name, p) for p in mine),
    ]


def work(lane: int, settings: Settings) -> Payments:
    """The groups of a lane."""
    return Payments(
        partial(Door, settings.keys),
        partial(partition_of, partitions=settings.partitions),
        settings.ahead,
        oldest=settings.oldest,
        leap=settings.leap,
        first=lane == 0,
    )


def main() -> None:
    """Run one lane until it is told to stop."""
    settings, index = from_environment(), int(sys.argv[1]) if len(sys.argv) > 1 else 0
    tables = Tables(writes_documents=index == 0)
    rules = tables.posting.rules
    positions = Positions(rules, tuple(rules.rules), POSTED, settings.partitions)
    lane = Lane(
        FIRST + index, settings, inputs(index, settings), work(index, settings), f"{CODE} {rules.version}"
    )
    lane.run(payments(lane, tables, positions))


if __name__ == "__main__":
    main()
