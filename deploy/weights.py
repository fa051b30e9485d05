"""`waybook weight-cases` and `waybook decide-weight`: what differs, and what a person decides about it."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards import words
from dashboards.queries import rows
from flows.rating.explain import WEIGHT_CLASSES
from schemas import topics
from schemas.events import WeightDecided
from schemas.identity import content_id
from schemas.settings import Settings
from sinks.kafka import sending

CASES = """
SELECT waybill, state, counts, counts_class, counts_g, counts_site, class_of_other, g_of_other, site_of_other,
       outlet, since, treatment, undecided, decided, m.class_a AS class_a, m.g_a AS g_a, m.site_a AS site_a,
       m.class_b AS class_b, m.g_b AS g_b, m.site_b AS site_b
FROM weight_case_now AS n LEFT JOIN (
    SELECT waybill, argMax(weight_class, (seq, line)) AS class_a, argMax(weight_g, (seq, line)) AS g_a,
           argMax(site, (seq, line)) AS site_a, argMax(other_class, (seq, line)) AS class_b,
           argMax(other_g, (seq, line)) AS g_b, argMax(other_site, (seq, line)) AS site_b
    FROM weight_case WHERE decision = '' GROUP BY waybill
) AS m ON m.waybill = n.waybill
WHERE undecided OR NOT {open:Bool} ORDER BY since, waybill LIMIT {limit:UInt32}"""
"""A decided weight stands in the place of a measured one: both measurements are of the newest row before."""
COUNTS = """
SELECT weighed, weight_g, volume_cm3, decided FROM (
    SELECT event_id, event_id AS weighed, weight_g,
           intDiv(toUInt64(length_mm) * width_mm * height_mm, 1000) AS volume_cm3, false AS decided
    FROM event WHERE waybill = {waybill:String} AND weight_g > 0
    UNION ALL
    SELECT event_id, weight_event AS weighed, weight_g, volume_cm3, true AS decided
    FROM weight_decision WHERE waybill = {waybill:String} AND decision = 'override'
) WHERE event_id = {event:String} LIMIT 1"""
"""A weight, measured, declared or decided; `weighed`: its event, of a decided one that of the weight it corrects."""
SOMETHING = "SELECT count() AS n FROM event WHERE waybill = {waybill:String}"
CASE = "SELECT counts FROM weight_case_now WHERE waybill = {waybill:String}"
ADOPTED = "SELECT event_id FROM adopted_weight WHERE waybill = {waybill:String} ORDER BY seq DESC, line DESC LIMIT 1"

NEWEST = "SELECT max(toUnixTimestamp64Milli(event_time)) AS ms FROM event"
"""How late it is in the books: they may be of a simulated network, or behind. A decision is taken then."""


def cases(client: Client, *, only_open: bool, limit: int = 1000) -> Iterator[str]:
    """A line for each case, and one that says so where there are more than `limit`."""
    for n, row in enumerate(rows(client, CASES, open=only_open, limit=limit + 1)):
        if n == limit:
            yield f"更多案件见 /weight-cases — there are more than these {limit:,}: /weight-cases of the page has all"
            return
        other = _told(row["class_of_other"], row["g_of_other"], row["site_of_other"])
        if row["counts_class"] == "decided" and row["g_a"]:
            a, b = (
                _told(row["class_a"], row["g_a"], row["site_a"]),
                _told(row["class_b"], row["g_b"], row["site_b"]),
            )
            other = f"{a}, {b}"
        counts = _told(row["counts_class"], row["counts_g"], row["counts_site"])
        state = words.CASES[row["state"]] + (words.TREATMENTS[row["treatment"]] if row["undecided"] else ())
        yield (
            f"{row['waybill']}  {' '.join(state)}  {counts}  ≠  {other}  {row['outlet']}  "
            f"{words.shanghai(row['since'])}"
        )


def decide(
    settings: Settings,
    client: Client,
    waybill: str,
    decision: str,
    *,
    grams: int = 0,
    volume_cm3: int | None = None,
    weight_event: str = "",
    by: str,
    reason: str,
) -> WeightDecided:
    """Publish a decision; LookupError where there is no such parcel or weight, msgspec.ValidationError for absurd ones.

    Without an event it is about the weight that counts now. An `override` keeps what was not wrong with it: its moment,
    its longest side and, unless another is given, its volume. To confirm what somebody decided is to decide it again.
    """
    records = sending(settings)
    event = weight_event or _counting(client, waybill)
    known = rows(client, COUNTS, waybill=waybill, event=event)
    if not rows(client, SOMETHING, waybill=waybill)[0]["n"]:
        raise LookupError(f"there is nothing about waybill {waybill}")
    if not known and (decision == "confirm" or weight_event):
        weight = f"there is no weight {event} of {waybill}" if event else f"no weight of {waybill} counts yet"
        raise LookupError(f"{weight}: waybook explain {waybill} shows what it has, and --event names one")
    if decision == "confirm" and known[0]["decided"]:
        decision, grams = "override", int(known[0]["weight_g"])
    if volume_cm3 is None:
        volume_cm3 = int(known[0]["volume_cm3"]) if known else 0
    newest = rows(client, NEWEST)[0]["ms"]
    now = min(int(time.time() * 1000), newest) if newest else int(time.time() * 1000)
    fields: dict[str, Any] = {
        "id": content_id("decision", waybill, decision, event, str(grams), str(now), by),
        "time": now,
        "waybill": waybill,
        "decision": decision,
        "decided_by": by,
        "weight_event": known[0]["weighed"] if known else "",
        "weight_g": grams if decision == "override" else 0,
        "volume_cm3": volume_cm3 if decision == "override" else 0,
        "reason": reason,
    }
    made = msgspec.convert({"type": "weight_decided", **fields}, WeightDecided)
    records.produce(topics.ORDERS.name, waybill, msgspec.json.encode(made))
    records.flush()
    return made


def _counting(client: Client, waybill: str) -> str:
    """The event whose weight counts: its case's, else the adopted one's; empty: none."""
    for sql, column in ((CASE, "counts"), (ADOPTED, "event_id")):
        for row in rows(client, sql, waybill=waybill):
            return str(row[column])
    return ""


def _told(weight_class: str, grams: int, site: str) -> str:
    return f"{WEIGHT_CLASSES.get(weight_class, ('', ''))[0]} {grams:,} g {site}".rstrip()
