"""`waybook tariff parallel`: a draft rates live traffic beside the books in force, without posting anything."""

import argparse
import sys
import time
from collections.abc import Iterator

from clickhouse_connect.driver.client import Client

from dashboards.drafts import RUN_STATUS, summaries
from dashboards.words import shanghai
from deploy.commands.where import LONG, writers_settings
from deploy.rerating import follow
from deploy.rerating.runs import known
from deploy.tariff.opening import Connect, open_book
from deploy.terminal import table
from flows.engine.stop import Stop
from flows.fees.current import FEES
from schemas.identity import version_of
from schemas.money import yuan
from schemas.settings import Settings
from sinks.clickhouse import AWAY, StoreAwayError, create_tables, is_away
from sinks.clickhouse import connect as writing

PERIOD = 1.0
"""Seconds between two looks for sealed blocks."""
PATIENCE = 300.0
"""Seconds for which a store that is away is waited for: a restart is over by then."""


def parallel(arguments: argparse.Namespace, connect: Connect, settings: Settings) -> int:  # noqa: ARG001
    """Rate live traffic by a draft beside the books in force; without a BOOK: the drafts that run or have run."""
    if arguments.stop and not arguments.book:
        raise LookupError("nothing is stopped: name the draft's book or version before --stop")
    if not arguments.book:
        for line in listed(connect()):
            sys.stdout.write(f"{line}\n")
        return 0
    reader = connect(LONG)
    own = writers_settings(arguments)
    writer = writing(own, LONG)
    if not own.cluster:
        create_tables(writer)
    if arguments.stop:
        version = run_named(reader, arguments.book, connect)
        follow.stop(reader, writer, version, arguments.by)
        sys.stdout.write(f"stopped: {version}\n")
        return 0
    opened = open_book(arguments.book, connect)
    follower = follow.Follower(reader, writer, version_of(opened.files), opened.read, FEES, arguments.by)
    follower.begin(from_now=not arguments.all)
    sys.stdout.write(f"draft {follower.version} runs; Ctrl-C ends this, --stop the run\n")
    sys.stdout.flush()
    _go_on(follower, Stop(), once=arguments.once)
    if follower.stopped():
        sys.stdout.write("the run is stopped\n")
    return 0


def _go_on(follower: follow.Follower, stop: Stop, *, once: bool) -> None:
    """Until it is stopped; `once`: until all blocks that are sealed are rated.

    Raises what is wrong with the store once it has been away for too long; the run goes on when it is started again.
    """
    pause, answered = 0.1, time.monotonic()
    while not stop.asked and not follower.stopped():
        try:
            blocks = follower.step()
        except AWAY as error:
            if once or not is_away(error):
                raise
            if time.monotonic() - answered > PATIENCE:
                raise StoreAwayError(
                    f"for {PATIENCE:.0f} s it has not answered; the draft goes on from here when it is started again"
                ) from error
            sys.stderr.write(f"waiting for the store: {str(error)[:200]}\n")
            follower.unsure()
            stop.wait(pause)
            pause = min(2 * pause, 10.0)
            continue
        pause, answered = 0.1, time.monotonic()
        if not blocks:
            if once:
                return
            stop.wait(PERIOD)


def run_named(client: Client, text: str, connect: Connect) -> str:
    """The run that a text means: the beginning of its version, a draft's name, or the draft itself."""
    found = [one.run for one in known(client) if one.run.startswith(text) or one.name == text]
    return found[-1] if len(set(found)) == 1 else version_of(open_book(text, connect).files)


def listed(client: Client) -> Iterator[str]:
    """All runs and what came of them."""
    header = (
        "草案 draft", "名称 name", "状态 status", "始于 since", "由 by", "票数 charges", "变化 changed",
        "无价 unpriced", "原金额 before", "草案金额 after", "差额 difference",
    )  # fmt: skip
    rows = [
        (
            one.run, one.name, RUN_STATUS[one.status], shanghai(one.since), one.by, f"{one.charges:,}",
            f"{one.changed:,}", f"{one.unpriced:,}", *map(yuan, (one.before, one.after, one.after - one.before)),
        )
        for one in summaries(client)
    ]  # fmt: skip
    yield from table([header, *rows])
