"""Jobs beside the flows, as commands of `waybook`: for the tests to call, and to be killed in the middle.

python -m tests.crash.jobs COMMAND…     one after the other and again, until a point of WAYBOOK_CRASH is reached

Points: before_insert and inserted (rows are in the store), produced and flushed (events are on the way, are in Kafka).
"""

import itertools
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.httpclient import HttpClient

from deploy import cli, costs, levels, parcel_months, store_months, volumes
from flows.engine import crash
from schemas.settings import Settings
from sinks.kafka import Records

Job = Callable[[Settings, Client], list[str]]
BY = "test"
JOBS: dict[str, Job] = {
    "volumes --again": lambda settings, client: volumes.run(settings, client, BY, again=True),
    "costs spread": lambda _, client: costs.spread(client, client),
    "store-months": lambda settings, client: store_months.run(settings, client, BY),
    "parcel-months": lambda settings, client: parcel_months.run(settings, client, BY),
    "service-levels": lambda settings, client: levels.run(settings, client, client, BY),
}
"""What each command does, said in lines for people."""
IDLE = (
    "nothing is to be counted",
    "nothing has changed",
    "nothing is to be told",
    "no month is to be judged",
)
"""How what they say begins when there is nothing to do."""
PAUSE = 0.5
"""Seconds between two rounds."""


def deadly() -> None:
    """Let there be points before and after rows go into the store and events to Kafka."""
    insert, produce, flush = HttpClient.raw_insert, Records.produce, Records.flush
    sent = 0

    def inserts(*words: Any, **named: Any) -> Any:
        crash.point("before_insert")
        insert(*words, **named)
        crash.point("inserted")

    def produces(*words: Any, **named: Any) -> None:
        nonlocal sent
        produce(*words, **named)
        sent += 1
        crash.point("produced")

    def flushes(records: Records) -> None:
        flush(records)
        if sent:
            crash.point("flushed")

    HttpClient.raw_insert, Records.produce, Records.flush = inserts, produces, flushes  # type: ignore[method-assign, assignment]


def main() -> None:
    """Until it dies."""
    deadly()
    for command in itertools.cycle(sys.argv[1:]):
        with suppress(SystemExit):
            cli.main([*command.split(), "--by", BY])
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
