"""The plan log in ClickHouse: which offsets belong to which block, decided once and for ever.

Processing is deterministic given the state and the input's range. So the range of a block is stored before its
rows: a replay cuts the same blocks, makes the same bytes and carries the same insert tokens. What is stored
wins; an instance whose plan is not the stored one, or that finds a newer plan than its own, is outdated and
leaves (`OutdatedError`). Each plan carries the receipt of the block before it and extends the SHA-256 chain,
so that the log is at once the audit trail and a check of determinism.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from clickhouse_connect.driver.client import Client

from flows.engine import crash
from flows.engine.block import Plan, Receipt

FLOW = 1000
"""Lanes of a flow have numbers from a multiple of this on."""


class OutdatedError(RuntimeError):
    """Another instance of this lane is ahead. Start again and follow what is stored."""


class DeterminismError(RuntimeError):
    """A replayed block made other rows than the plan log says, or another version of the code refuses a plan."""


def extend(chain: str, plan: Sequence[object]) -> str:
    """The next link: SHA-256 in hexadecimal over the previous link, a zero byte and the plan as JSON."""
    return hashlib.sha256(chain.encode() + b"\0" + msgspec.json.encode(plan)).hexdigest()


def next_plan(lane: int, version: str, upto: Mapping[str, int], receipt: Receipt) -> Plan:
    """The plan of the block after `receipt`'s, ending at the offsets `upto` (`topic:partition` → offset)."""
    plan = Plan(
        lane,
        receipt.n + 1,
        tuple(upto),
        tuple(upto.values()),
        version,
        receipt.tables,
        receipt.rows,
        receipt.digests,
        chain="",
    )
    return msgspec.structs.replace(plan, chain=extend(receipt.chain, msgspec.structs.astuple(plan)[:-1]))


class PlanLog:
    """One lane's plans. Not thread-safe: `load` before the inserter starts, `store` from it alone."""

    def __init__(self, client: Client, lane: int) -> None:
        self.client, self.lane = client, lane
        self.stored: dict[int, Plan] = {}
        self.newest = 0
        self.doubtful = 0
        """The block that an earlier process may have been inserting when it ended."""

    def load(self, n: int, upto: Mapping[str, int]) -> None:
        """Read the plans from block n on, where the recovery store resumes at the offsets `upto`."""
        plans = self._select(n)
        if n and (n not in plans or dict(zip(plans[n].inputs, plans[n].upto, strict=True)) != dict(upto)):
            raise RuntimeError(
                f"lane {self.lane}: the recovery store knows block {n} otherwise than table `block` does: put "
                "back an older copy of the recovery store, or delete it to replay from the beginning"
            )
        self.stored = {k: plan for k, plan in plans.items() if k > n}
        self.newest = self.doubtful = max(self.stored, default=n)
        if sorted(self.stored) != list(range(n + 1, self.newest + 1)):
            raise RuntimeError(f"lane {self.lane}: table `block` has a hole after block {n}")

    def refuse_others(self, inputs: Iterable[str]) -> None:
        """Raises RuntimeError when another lane of the flow has read one of these inputs: all would count twice."""
        raw = self.client.raw_query(
            "SELECT lane, inputs FROM block WHERE (lane, n) IN (SELECT lane, max(n) FROM block "
            "WHERE intDiv(lane, {of:UInt16}) = {flow:UInt16} AND lane != {lane:UInt16} GROUP BY lane) ORDER BY lane",
            parameters={"of": FLOW, "flow": self.lane // FLOW, "lane": self.lane},
            fmt="JSONEachRow",
        )
        mine = set(inputs)
        for row in map(msgspec.json.decode, raw.splitlines()):
            if both := sorted(mine.intersection(row["inputs"])):
                raise RuntimeError(
                    f"lane {self.lane} would read {', '.join(both)}, which lane {row['lane']} has read: their records "
                    "would count twice; set the numbers of lanes and partitions as they were"
                )

    def written(self) -> float:
        """When the lane's newest plan was stored, in seconds since 1970; 0: there is none."""
        raw = self.client.raw_query(
            "SELECT toUnixTimestamp64Milli(max(at)) FROM block WHERE lane = {lane:UInt16}",
            parameters={"lane": self.lane},
            fmt="TSV",
        )
        return int(raw) / 1000

    def store(self, plan: Plan) -> None:
        """Store a plan, or compare it with the one that is stored. Only when this returns may rows follow."""
        if (known := self.stored.pop(plan.n, None)) is not None:
            if known != plan:
                raise DeterminismError(f"stored {known}, now {plan}")
            return
        crash.point("before_plan")
        body = msgspec.json.encode(plan)
        for attempt in range(3):  # a token can outlive its row when the store is killed in between
            self.client.raw_insert(
                "block",
                insert_block=body,
                fmt="JSONEachRow",
                settings={"insert_deduplication_token": f"plan-{self.lane}-{plan.n}-{attempt}"},
            )
            crash.point("after_plan")
            if found := self._select(plan.n):
                break
        else:
            raise RuntimeError(f"lane {self.lane}: plan {plan.n} cannot be stored")
        if found.get(plan.n) != plan:
            raise OutdatedError(f"lane {self.lane}: another plan {plan.n} is stored")
        if len(found) > 1:
            raise OutdatedError(f"lane {self.lane}: block {max(found)} is planned, this is {plan.n}")
        self.newest = plan.n

    def _select(self, n: int) -> dict[int, Plan]:
        """Stored plans from n on; of two with one number (two instances at the same moment) the first wins."""
        names = ", ".join(f"`{name}`" for name in Plan.__struct_fields__)
        raw = self.client.raw_query(
            f"SELECT {names} FROM block WHERE lane = {{lane:UInt16}} AND n >= {{n:UInt32}} "  # noqa: S608
            "ORDER BY n, at LIMIT 1 BY n",
            parameters={"lane": self.lane, "n": n},
            settings={"output_format_json_quote_64bit_integers": 0},
            fmt="JSONEachRow",
        )
        plans = [msgspec.json.decode(line, type=Plan) for line in raw.splitlines()]
        return {plan.n: plan for plan in plans}
