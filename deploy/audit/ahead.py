"""Rows of blocks that nobody planned, in books that a flow may be writing.

A block's plan is stored before its rows. So of rows that were there before the plan log was read, none may lie
beyond the newest plan that was found; rows that come later are none of this audit's business.
"""

from collections.abc import Mapping

from deploy.audit.chain import Log
from deploy.audit.digest import place
from deploy.audit.report import Check, Findings
from deploy.audit.store import LANE, Store
from sinks.tables import FACTS

Newest = Mapping[str, list[int]]
"""By table, each lane's newest block that has rows: its seq."""


def newest_rows(store: Store) -> Newest:
    """How far the rows go now. Ask before the plan log is read."""
    return {
        table.name: store.columns(
            f"SELECT max(seq) AS newest FROM ${table.name} GROUP BY bitShiftRight(seq, {LANE}) ORDER BY newest"
        )["newest"]
        for table in FACTS
    }


def check_ahead(newest: Newest, log: Log) -> Check:
    """None of these rows lies beyond its lane's newest plan."""
    found = Findings("ahead", "没有一行超前于其泳道的最新计划")
    planned = {head.lane: head.n for head in log.heads}
    for table, blocks in newest.items():
        for seq in blocks:
            found.seen += 1
            if seq & ((1 << LANE) - 1) > planned.get(seq >> LANE, 0):
                found.add(f"{place(seq)} has rows in {table} and was never planned")
    return found.check("newest blocks of tables")
