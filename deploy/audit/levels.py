"""Outlets' months judged again: how many parcels were late by scans and breaches of the blocks, and what that costs."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from deploy.audit.report import Check, Findings
from deploy.audit.store import Store, read_blocks, up_to

EPOCH = date(1970, 1, 1)
E4 = 10_000
BY = "service-levels"
_ROWS = """
    SELECT toInt32(month) AS month, toString(level) AS level, toString(rule) AS rule, toString(outlet) AS outlet,
           parcels, late, toString(due) AS due, reinterpretAsInt64(amount) AS units, waybill, claim, directory,
           toString(blocks) AS blocks
    FROM $service_level ORDER BY month, level, outlet"""
_STEPS = "SELECT version, content FROM $network_directory WHERE file = 'levels.csv' ORDER BY seq"
_SIGNED = """
    SELECT waybill, min((event_time, event_id, toString(outlet), toString(operation))) AS first FROM $event
    WHERE ({known}) AND kind = 'scan' AND operation IN ('50', '70', '80') GROUP BY waybill HAVING first.4 = '50'"""
_BROKEN = """
    SELECT waybill, argMax((toString(outlet), toString(status), toUnixTimestamp64Milli(due)), (seq, line)) AS newest
    FROM $chain_breach WHERE ({known}) AND rule = {{rule:String}} GROUP BY waybill"""
_COUNTED = f"""
    WITH signed AS ({_SIGNED}), broken AS ({_BROKEN})
    SELECT outlet, count() AS parcels, sum(late) AS late FROM (
        SELECT signed.first.3 AS outlet, toInt32(toDate(signed.first.1, 'Asia/Shanghai')) AS day,
               toUInt8(broken.newest.1 = outlet AND broken.waybill != '') AS late
        FROM signed LEFT JOIN broken ON broken.waybill = signed.waybill
        UNION ALL
        SELECT newest.1, toInt32(toDate(fromUnixTimestamp64Milli(newest.3), 'Asia/Shanghai')), toUInt8(1) FROM broken
        WHERE newest.2 = 'final' AND waybill NOT IN (SELECT waybill FROM signed)
    ) WHERE outlet != '' AND day BETWEEN {{{{first:Int32}}}} AND {{{{last:Int32}}}} GROUP BY outlet"""
_CLAIMS = f"""
    SELECT event_id, waybill, toString(kind) AS kind, toString(responsible) AS pays, toString(beneficiary) AS gets,
           reinterpretAsInt64(amount) AS units
    FROM $claim WHERE by = '{BY}' AND status = 'claimed'"""
_REWARDS = (
    "SELECT DISTINCT toString(due) AS due FROM $fee WHERE payee = 'beneficiary' AND payer = 'headquarters'"
)

Row = dict[str, Any]
Group = tuple[str, str, int, str, str]
"""Level, rule, month, directory and blocks: what is judged together."""


def check_levels(store: Store) -> Check:
    """Each row of `service_level` follows from the books, and each claim that the job made from a row."""
    found = Findings("service_levels", "网点月度时效达标率由扫描与违规独立重算，奖惩与之相符")
    groups: dict[Group, list[Row]] = defaultdict(list)
    for row in store.rows(_ROWS):
        found.seen += 1
        key = row["level"], row["rule"], row["month"], row["directory"], row["blocks"]
        groups[key].append(row)
    steps = {row["version"]: row["content"] for row in store.rows(_STEPS)}
    for (level, rule, month, version, blocks), rows in groups.items():
        known = up_to(read_blocks(blocks))
        first = EPOCH + timedelta(days=month)
        last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        asked: dict[str, Any] = {"rule": rule, "first": month, "last": (last - EPOCH).days}
        counted = store.rows(_COUNTED.format(known=known), **asked)
        mine = _steps_of(steps.get(version, ""), level, first)
        wanted = {one["outlet"]: _outcome(mine, one["parcels"], one["late"]) for one in counted}
        there = {row["outlet"]: (row["parcels"], row["late"], row["due"], row["units"]) for row in rows}
        for outlet in sorted(wanted.keys() | there.keys()):
            if there.get(outlet) != wanted.get(outlet):
                found.add(f"{level} {first} {outlet}: {there.get(outlet)}, should be {wanted.get(outlet)}")
    _claims(store, [row for rows in groups.values() for row in rows], found)
    return found.check("outlets' months")


def _outcome(steps: Sequence[Row], parcels: int, late: int) -> tuple[int, int, str, int]:
    """Counts, due and units of a month."""
    share = Decimal(100 * (parcels - late)) / parcels
    below = [step for step in steps if Decimal(step["from_percent"]) <= share]
    if not below:
        return parcels, late, "", 0
    step = max(below, key=lambda one: Decimal(one["from_percent"]))
    times = {"parcel": parcels, "late": late, "month": 1}[step["per"]]
    amount = (Decimal(step["amount"] or 0) * times).quantize(Decimal("0.01"), ROUND_HALF_UP)
    units = int(amount * E4) if step["due"] else 0
    return parcels, late, step["due"] if units else "", units


def _steps_of(text: str, level: str, month: date) -> list[Row]:
    found = []
    for raw in csv.DictReader(io.StringIO(text.lstrip("\ufeff"))):
        row = {name.strip(): (cell or "").strip() for name, cell in raw.items()}
        held = (row["from"] or "0000") <= month.isoformat() <= (row["to"] or "9999")
        if row["level"] == level and held:
            found.append(row)
    return found


def _claims(store: Store, rows: Sequence[Row], found: Findings) -> None:
    rewards = {row["due"] for row in store.rows(_REWARDS)}
    wanted = Counter[tuple[object, ...]]()
    for row in rows:
        if row["claim"]:
            ends = ("", row["outlet"]) if row["due"] in rewards else (row["outlet"], "")
            wanted[row["claim"], row["waybill"], row["due"], *ends, row["units"]] += 1
    there = Counter(tuple(row.values()) for row in store.rows(_CLAIMS))
    for one in (there - wanted).elements():
        found.add(f"{one} is claimed, and no outlet's month says so")
