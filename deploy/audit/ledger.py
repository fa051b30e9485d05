"""What the books say of themselves: the plan log, the hash chain, the digests, and the rules of bookkeeping."""

from collections.abc import Sequence

from deploy.audit.chain import Log, check_blocks, check_chain, check_heads, check_plans
from deploy.audit.digest import place
from deploy.audit.report import Check, Counts, Findings, Head
from deploy.audit.rules import RULES, check_rule
from deploy.audit.store import BLOCK_RANGE, Store
from schemas.topics import BILLS, DECISIONS, RECEIVABLES

SUMS = {
    "journal": """
        SELECT book, account, side, fee, business_date, counterparty, sum(amount) AS amount, count() AS rows
        FROM $journal GROUP BY book, account, side, fee, business_date, counterparty ORDER BY ALL""",
    "charge": """
        SELECT fee, payer, payee, business_date, sum(amount) AS amount, count() AS rows
        FROM $charge GROUP BY fee, payer, payee, business_date ORDER BY ALL""",
}
"""Sums that readers ask for, and that the store may answer from projections."""

PLAIN = {"optimize_use_projections": 0, "optimize_use_implicit_projections": 0, "use_skip_indexes": 0}
"""Settings under which ClickHouse reads the rows themselves."""


def counts(store: Store, log: Log, unsealed: int) -> Counts:
    """How much there is."""
    of_journal = store.rows(
        "SELECT count() AS rows, toDecimalString(sumIf(amount, side = 'D'), 2) AS debit, "
        "toDecimalString(sumIf(amount, side = 'C'), 2) AS credit FROM $journal"
    )[0]
    of_events = store.rows("SELECT count() AS rows, uniqExact(waybill) AS parcels FROM $event")[0]
    return Counts(
        parcels=of_events["parcels"],
        events=of_events["rows"],
        charges=store.count("charge"),
        journal_rows=of_journal["rows"],
        debit=of_journal["debit"],
        credit=of_journal["credit"],
        blocks=len(log.plans),
        unsealed_rows=unsealed,
    )


def check_ledger(store: Store, log: Log, heads: Sequence[Head]) -> tuple[list[Check], int]:
    """All checks that need nothing but the books, and the number of rows that no plan has sealed yet.

    `heads`: the ends of the chains as an earlier audit saw them.
    """
    rows, digests, unsealed = check_blocks(store, log)
    checks = [check_plans(log), check_chain(log), rows, digests]
    if heads:
        checks.append(check_heads(log, heads))
    checks += [check_offsets(store, log), *(check_rule(store, rule) for rule in RULES), check_sums(store)]
    return checks, unsealed


_TOPICS = {
    "event": "topic",
    "notification": "topic",
    "receivable": f"'{RECEIVABLES.name}'",
    "payment_decision": f"'{DECISIONS.name}'",
    "close": f"'{DECISIONS.name}'",
    "bill": f"'{BILLS.name}'",
    "bill_line": f"'{BILLS.name}'",
}
"""Tables of facts, and of which topic they are: a column, or always the same."""


def check_offsets(store: Store, log: Log) -> Check:
    """Every fact stands in the block whose planned offsets hold its record."""
    found = Findings("offsets", "事件的位点在其区块的计划之内")
    ranges = _planned(log)
    for table, topic in _TOPICS.items():
        for first, last in store.ranges(table, 5_000_000):
            for row in store.rows(
                f"SELECT seq, concat({topic}, ':', toString(partition)) AS input, min(offset) AS first, "
                f"max(offset) AS last, count() AS rows FROM ${table} WHERE {BLOCK_RANGE} GROUP BY seq, input",
                first=first,
                last=last,
            ):
                found.seen += row["rows"]
                start, end = ranges.get((row["seq"], row["input"]), (0, 0))
                if not start <= row["first"] <= row["last"] < end:
                    found.add(
                        f"{place(row['seq'])}: {row['input']} has offsets {row['first']} to {row['last']}, "
                        f"planned {start} to {end - 1}"
                    )
    return found.check("events")


def _planned(log: Log) -> dict[tuple[int, str], tuple[int, int]]:
    """By block and input: the first offset of the block, and the offset after its last."""
    ranges: dict[tuple[int, str], tuple[int, int]] = {}
    read: dict[tuple[int, str], int] = {}
    for plan in log.plans:
        for name, end in zip(plan.inputs, plan.upto, strict=False):
            ranges[plan.seq, name] = read.get((plan.lane, name), 0), end
            read[plan.lane, name] = end
    return ranges


def check_sums(store: Store) -> Check:
    """Sums from indexes and projections are the sums of the rows."""
    found = Findings("sums", "投影与索引给出的合计等于逐行合计")
    for table, sql in SUMS.items():
        quick, plain = store.rows(sql), store.rows(sql, PLAIN)
        found.seen += len(plain)
        if quick != plain:
            found.add(f"sums of {table} differ without projections")
    return found.check("sums")
