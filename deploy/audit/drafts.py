"""Drafts beside live traffic: what table `draft_difference` says was charged is what the blocks charged, once."""

from collections.abc import Iterator, Mapping

from deploy.audit.report import Check, Findings
from deploy.audit.rules import AS_OF
from deploy.audit.store import LANE, Row, Store

_SAID = """
SELECT run, seq, fee, toInt64(sum(charges)) AS charges, toInt64(sum(before) * 10000) AS units
FROM $draft_difference GROUP BY run, seq, fee"""
_CHARGED = f"""
SELECT seq, fee, toInt64(sum(if({AS_OF}, 1, -1))) AS charges, toInt64(sum(amount) * 10000) AS units
FROM $charge GROUP BY seq, fee"""
_SAME = """
SELECT run, seq, fee FROM $draft_difference
WHERE route = '' AND payer = '' AND customer = '' AND (before != after OR changed != 0 OR unpriced != 0)"""
_BEGUN = "SELECT run, n, lanes, blocks FROM draft_run WHERE status = 'begun' ORDER BY run, n"

Sums = tuple[int, int]
Blocks = dict[int, dict[str, Sums]]
"""By seq and fee: charges, reversals counted as one less, and units of 0.0001 yuan."""


def check_drafts(store: Store) -> Check:
    """Every block that a run has looked at is there, by fee as it was charged, and none is left out between two."""
    found = Findings("drafts", "草案试运行：原金额与各区块计费一致，不漏不重")
    of_runs: dict[str, list[Row]] = {}
    for row in store.rows(_SAID):
        of_runs.setdefault(row["run"], []).append(row)
    begun = store.rows(_BEGUN)  # after the rows: a run that begins meanwhile has none of them
    charged = _blocks(store.rows(_CHARGED)) if of_runs else {}
    for run, rows in sorted(of_runs.items()):
        said = _blocks(rows)
        spans = list(_spans([row for row in begun if row["run"] == run], said))
        for seq in sorted(said.keys() | {seq for seq in charged if _within(seq, spans)}):
            found.seen += 1
            if said.get(seq) != charged.get(seq):
                found.add(
                    f"draft {run}, block {seq >> LANE}:{seq & 0xFFFFFFFF}: {_wrong(said, charged, seq)}"
                )
    for row in store.rows(_SAME):
        found.add(f"draft {row['run']}, block {row['seq']}: {row['fee']} does not differ, but its sums do")
    return found.check("blocks")


def _blocks(rows: list[Row]) -> Blocks:
    blocks: Blocks = {}
    for row in rows:
        blocks.setdefault(row["seq"], {})[row["fee"]] = row["charges"], row["units"]
    return blocks


def _spans(begun: list[Row], said: Mapping[int, object]) -> Iterator[tuple[int, int]]:
    """After which block and up to which a run's rows are without a hole."""
    for place, row in enumerate(begun):
        following = begun[place + 1] if place + 1 < len(begun) else None
        for lane in sorted({seq >> LANE for seq in said}):
            first = _after(row, lane)
            end = _after(following, lane) if following else (lane + 1 << LANE) - 1
            newest = max((seq for seq in said if first < seq <= end), default=first)
            yield first, newest


def _after(row: Row, lane: int) -> int:
    blocks: dict[int, int] = dict(zip(row["lanes"], row["blocks"], strict=True))
    return lane << LANE | blocks.get(lane, 0)


def _within(seq: int, spans: list[tuple[int, int]]) -> bool:
    return any(first < seq <= last for first, last in spans)


def _wrong(said: Blocks, charged: Blocks, seq: int) -> str:
    one, other = said.get(seq, {}), charged.get(seq, {})
    fee = next(fee for fee in sorted(one.keys() | other.keys()) if one.get(fee) != other.get(fee))
    return f"{fee} is {one.get(fee, (0, 0))}, charged {other.get(fee, (0, 0))}"
