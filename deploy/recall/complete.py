"""How far the books are complete, lane by lane, and what data time it was then."""

from collections.abc import Iterable

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.blocks import LANE, within
from schemas.events import Tick
from schemas.settings import Settings
from schemas.topics import TICKS
from sources.kafka import record_at

_TICKS = f"upto[indexOf(inputs, '{TICKS.name}:0')]"
PLANS = f"""
SELECT lane, newest.1 AS n, newest.2 AS read, maxIf(block.n, {_TICKS} < read) AS settled
FROM block INNER JOIN (
    SELECT lane, max((n, {_TICKS})) AS newest FROM block
    WHERE (lane, n) NOT IN (SELECT lane, max(n) FROM block GROUP BY lane) GROUP BY lane
) AS complete USING (lane)
WHERE block.n <= n AND n > 0 GROUP BY lane, n, read ORDER BY lane"""


class Complete(msgspec.Struct, frozen=True):
    """By lane: the newest complete block, data time at its end (UTC ms), and the newest block before that time."""

    blocks: dict[int, int]
    times: dict[int, int]
    before: dict[int, int]

    @property
    def sql(self) -> str:
        """The condition that a row is of a complete block."""
        return within(self.blocks)

    def lacking(self, lanes: Iterable[int], flow: str) -> list[str]:
        """A line for people if some of a flow's lanes have no complete block yet."""
        lanes = [lane for lane in lanes if lane not in self.times]
        return [f"lane {lanes[0]} has no complete block yet: does the flow of {flow} run?"] if lanes else []

    def time_of(self, seq: int) -> int:
        """Data time of the lane that a row is of."""
        return self.times[seq >> LANE]


def complete(client: Client, settings: Settings) -> Complete:
    """Ask. A lane whose time cannot be read is left out."""
    found = Complete({}, {}, {})
    for lane, n, read, settled in client.query(PLANS).result_rows:
        raw = record_at(settings.kafka, TICKS.name, read - 1, settings.kafka_options) if read else None
        if raw is not None:
            found.blocks[lane], found.before[lane] = n, settled
            found.times[lane] = msgspec.json.decode(raw, type=Tick).time
    return found
