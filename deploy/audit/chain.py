"""The plan log: numbered without holes, offsets that only grow, and the hash chain over all of it.

Row n of `block` says where block n of a lane ends and carries the receipt of block n - 1: which tables it wrote,
how many rows, and their digests. So a block is sealed as soon as the next plan is stored.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from deploy.audit.digest import digests, place
from deploy.audit.report import Check, Findings, Head
from deploy.audit.store import BLOCKS, LANE, Store
from sinks.tables import FACTS, Table


class Plan(msgspec.Struct, frozen=True):
    """A row of `block`."""

    lane: int
    n: int
    inputs: list[str]
    upto: list[int]
    version: str
    tables: list[str]
    rows: list[int]
    digests: list[str]
    chain: str

    @property
    def seq(self) -> int:
        """The block's number in other tables."""
        return self.lane << LANE | self.n

    @property
    def wrote(self) -> dict[str, tuple[int, str]]:
        """By table: rows and digest of the block before."""
        return dict(zip(self.tables, zip(self.rows, self.digests, strict=False), strict=False))


class Log(msgspec.Struct, frozen=True):
    """All plans that are stored, in order."""

    plans: list[Plan]

    @property
    def heads(self) -> tuple[Head, ...]:
        """Each lane's newest plan."""
        newest = {plan.lane: plan for plan in self.plans}
        return tuple(Head(plan.lane, plan.n, plan.chain) for plan in newest.values())

    def until(self, upto: Mapping[int, int]) -> "Log":
        """The log up to these blocks, by lane."""
        return Log([plan for plan in self.plans if plan.n <= upto[plan.lane]])


def read_log(store: Store) -> Log:
    """The plan log as it is now."""
    rows = store.rows(
        "SELECT lane, n, inputs, upto, version, tables, rows, digests, chain FROM $block ORDER BY lane, n"
    )
    return Log([msgspec.convert(row, Plan) for row in rows])


def check_plans(log: Log) -> Check:
    """Plans are numbered from 1 without a hole, none stands twice, and no input goes back."""
    found = Findings("plans", "计划编号连续，位点不回退")
    before: dict[int, Plan] = {}
    for plan in log.plans:
        found.seen += 1
        earlier = before.get(plan.lane)
        expected = earlier.n + 1 if earlier else 1
        if plan.n != expected:
            what = "stands twice" if plan.n < expected else f"follows block {expected - 1}"
            found.add(f"{place(plan.seq)} {what}")
        for wrong in _malformed(plan, earlier):
            found.add(f"{place(plan.seq)}: {wrong}")
        before[plan.lane] = plan
    if not log.plans:
        found.add("there are no books here")
    return found.check("plans")


def _malformed(plan: Plan, earlier: Plan | None) -> Iterable[str]:
    if len(plan.inputs) != len(plan.upto) or len(set(plan.inputs)) != len(plan.inputs):
        yield "inputs and offsets do not fit"
    if not len(plan.tables) == len(plan.rows) == len(plan.digests):
        yield "tables, rows and digests do not fit"
    if plan.tables != sorted(set(plan.tables)):
        yield "the tables are not in order"
    if earlier is None:
        if plan.tables:
            yield "the first plan tells of a block before it"
        return
    read = dict(zip(earlier.inputs, earlier.upto, strict=False))
    for name, offset in zip(plan.inputs, plan.upto, strict=False):
        if offset < read.get(name, 0):
            yield f"{name} goes back from {read[name]} to {offset}"


def check_chain(log: Log) -> Check:
    """Every link of the hash chain, recomputed from the plans."""
    found = Findings("chain", "哈希链逐环重算")
    links: dict[int, str] = {}
    for plan in log.plans:
        found.seen += 1
        if plan.chain != link(links.get(plan.lane, ""), plan):
            found.add(f"{place(plan.seq)}: the chain is broken")
        links[plan.lane] = plan.chain
    return found.check("links")


def link(chain: str, plan: Plan) -> str:
    """The link of a plan after another link, in hexadecimal."""
    fields = [plan.lane, plan.n, plan.inputs, plan.upto, plan.version, plan.tables, plan.rows, plan.digests]
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(chain.encode() + b"\0" + text.encode()).hexdigest()


def check_heads(log: Log, heads: Sequence[Head]) -> Check:
    """The ends of the chains as an earlier audit saw them are still there."""
    found = Findings("heads", "上次审计的链头仍在")
    chains = {(plan.lane, plan.n): plan.chain for plan in log.plans}
    for head in heads:
        found.seen += 1
        if chains.get((head.lane, head.n)) != head.chain:
            found.add(f"lane {head.lane} block {head.n} is not what it was")
    return found.check("chain heads of an earlier audit")


def check_closed(log: Log) -> Check:
    """Each lane ended well: its newest plan is that of an empty block, which seals the one before it.

    So not even the newest rows can be changed or be gone. What was cut off back to an earlier end only an earlier
    report's heads show.
    """
    found = Findings("closed", "各泳道已封账，最新区块亦有摘要")
    newest: dict[int, list[Plan]] = {}
    for plan in log.plans:
        newest[plan.lane] = [*newest.get(plan.lane, [])[-1:], plan]
    for lane, plans in newest.items():
        found.seen += 1
        if len({(tuple(plan.inputs), tuple(plan.upto)) for plan in plans}) != 1 or len(plans) != 2:
            found.add(f"lane {lane} did not end well: nothing seals {place(plans[-1].seq)}")
    return found.check("lanes")


class Sealed:
    """What the plans say about the blocks' rows, compared table by table with the rows themselves."""

    def __init__(self, log: Log) -> None:
        self._known = {plan.seq for plan in log.plans}
        self._sealed = {plan.seq - 1: plan.wrote for plan in log.plans if plan.seq & BLOCKS > 1}
        self.rows = Findings("block_rows", "每个区块行数与计划一致，无来历不明的行")
        self.digests = Findings("digests", "已封区块的摘要逐一重算")
        self.unsealed = 0
        for seq, wrote in self._sealed.items():
            for table in wrote.keys() - {table.name for table in FACTS}:
                self.rows.add(f"{place(seq)} is said to have written an unknown table {table}")

    def look_at(self, store: Store, table: Table) -> None:
        """Compare all blocks of one table."""
        seen: set[int] = set()
        for first, last in store.ranges(table.name):
            for seq, rows, digest, counted in digests(store, table, first, last):
                seen.add(seq)
                if seq in self._known and not counted:
                    self.rows.add(f"{place(seq)}: lines of {table.name} do not count from 0")
                self._compare(seq, table.name, rows, digest)
        for seq, wrote in self._sealed.items():
            if table.name in wrote and seq not in seen:
                self._compare(seq, table.name, 0, "")

    def _compare(self, seq: int, table: str, rows: int, digest: str) -> None:
        self.rows.seen += 1
        if seq not in self._known:
            self.rows.add(f"{rows} rows of {table} belong to {place(seq)}, which was never planned")
            return
        if seq not in self._sealed:
            self.unsealed += rows
            return
        expected = self._sealed[seq].get(table, (0, ""))
        self.digests.seen += 1
        if rows != expected[0]:
            self.rows.add(f"{place(seq)}: {rows} rows in {table}, planned {expected[0]}")
        if digest != expected[1]:
            self.digests.add(f"{place(seq)}: the rows of {table} are not what was sealed")


def check_blocks(store: Store, log: Log) -> tuple[Check, Check, int]:
    """Rows and digests of every block in every table; rows that no plan has sealed yet."""
    sealed = Sealed(log)
    for table in FACTS:
        sealed.look_at(store, table)
    return sealed.rows.check("blocks of tables"), sealed.digests.check("digests"), sealed.unsealed


def complete(log: Log) -> Mapping[int, int]:
    """By lane, the newest block that is certainly complete: the one before the newest plan."""
    return {head.lane: head.n - 1 for head in log.heads}
