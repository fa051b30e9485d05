"""What the flow remarked: anomalies found again, dead letters judged again, names of charges computed again."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from xxhash import xxh3_128_digest

from deploy.audit.eras import Eras
from deploy.audit.facts import IN_A_SHARD
from deploy.audit.report import Check, Findings
from deploy.audit.rules import AS_OF, BLOCK_RANGE
from deploy.audit.store import Store
from schemas.topics import DEVICES, ORDERS

_SHARD = "cityHash64(waybill) % {shards:UInt64} = {shard:UInt64}"

_ORDERS = f"""
    SELECT seq, waybill, event_id, toUnixTimestamp64Milli(event_time) AS time, origin, destination,
           origin_city, destination_city
    FROM $event WHERE kind = 'order' AND {_SHARD}"""
_ANOMALIES = f"""
    SELECT kind, waybill, event_id, toUnixTimestamp64Milli(event_time) AS time, site, expected, found
    FROM $anomaly WHERE {_SHARD} AND kind != 'weight_implausible'"""

Anomaly = tuple[str, str, str, int, str, str, str]
"""Kind, waybill, event, time, site, expected, found."""


def check_anomalies(store: Store, eras: Eras) -> Check:
    """Every difference in place is remarked once, and nothing else is; weights are looked at with their parcels."""
    found = Findings("anomalies", "异常（地址不符）独立重算")
    for shard, shards in store.shards("event", IN_A_SHARD):
        expected = Counter[Anomaly]()
        for row in store.rows(_ORDERS, shard=shard, shards=shards):
            expected.update(_misplaced(row, eras))
        there = Counter(tuple(row.values()) for row in store.rows(_ANOMALIES, shard=shard, shards=shards))
        found.seen += there.total()
        for one in (there - expected).elements():
            found.add(f"{one} is no anomaly")
        for one in (expected - there).elements():
            found.add(f"{one} was not remarked")
    return found.check("anomalies")


def _misplaced(row: Mapping[str, Any], eras: Eras) -> list[Anomaly]:
    places = eras[eras.of(row["seq"])].directory.places
    ends = ((row["origin"], row["origin_city"]), (row["destination"], row["destination_city"]))
    return [
        ("place_mismatch", row["waybill"], row["event_id"], row["time"], place["site"], place["city"], city)
        for outlet, city in ends
        if city and (place := places.get(outlet)) is not None and place["city"] != city
    ]


def check_names(store: Store) -> Check:
    """A charge's id is the hash of its waybill, fee and revision."""
    found = Findings("charge_names", "费用编号由运单、费用、修订号算出")
    for first, last in store.ranges("charge"):
        charges = store.columns(
            f"SELECT hex(charge_id) AS id, waybill, fee, revision, {AS_OF} AS charged "
            f"FROM $charge WHERE {BLOCK_RANGE}",
            first=first,
            last=last,
        )
        found.seen += len(charges["id"])
        for charge, waybill, fee, revision, charged in zip(*charges.values(), strict=True):
            name = f"{waybill}|{fee}|{revision}" + ("" if charged else "|r")
            if charge != xxh3_128_digest(name.encode())[:15].hex().upper() + "00":
                found.add(f"{charge} is not the id of {name}")
    return found.check("charges")


def _is_json(raw: str) -> bool:
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True


Judgement = Callable[[dict[str, Any], "Eras"], bool]


def _known(eras: Eras, kind: str, word: object) -> bool:
    return any(word in getattr(era.directory, kind) for era in eras.eras)


_BROKEN: dict[str, Judgement] = {
    "unknown_site": lambda event, eras: not _known(eras, "sites", event.get("site")),
    "unknown_outlet": lambda event, eras: (
        not all(_known(eras, "places", event.get(end)) for end in ("origin", "destination"))
    ),
    "unknown_operation": lambda event, _: event.get("operation") not in ("10", "20", "30", "40", "50"),
    "waybill_out_of_pattern": lambda event, _: (
        re.fullmatch("[A-Z]{0,4}[0-9]{9,17}", str(event.get("waybill")), re.ASCII) is None
    ),
    "weight_out_of_range": lambda event, _: (
        not all(0 <= event.get(name, 1) <= 1_000_000 for name in ("weight_g", "declared_g"))
        or event.get("weight_g") == 0
    ),
    "amount_out_of_range": lambda event, _: not 0 <= event.get("payment_e4", 0) <= 10**14,
    "identifier_too_long": lambda event, _: any(
        isinstance(value, str) and len(value) > 64 for value in event.values()
    ),
}
"""By reason: whether an event really breaks the rule, as far as it can be seen from the event alone."""

_LETTERS = f"""
    SELECT reason, raw, event_id, waybill FROM $dead_letter
    WHERE {BLOCK_RANGE} AND status = 'open' AND transport = 'kafka' AND topic IN ('{ORDERS.name}', '{DEVICES.name}')"""
_ACCEPTED = """
    SELECT count() AS accepted FROM $dead_letter WHERE status = 'open' AND reason = 'conflicting_duplicate'
        AND transport = 'kafka' AND (waybill, event_id) NOT IN (
            SELECT waybill, event_id FROM $event WHERE (waybill, event_id) IN (
                SELECT waybill, event_id FROM $dead_letter WHERE reason = 'conflicting_duplicate'))"""


def check_dead_letters(store: Store, eras: Eras) -> Check:
    """What the lanes refused really breaks the rule that they name, where the event alone shows it."""
    found = Findings("dead_letters", "死信确实违反所述规则")
    for first, last in store.ranges("dead_letter"):
        letters = store.columns(_LETTERS, first=first, last=last)
        for reason, raw in zip(letters["reason"], letters["raw"], strict=True):
            found.seen += 1
            if (reason == "not_json") == _is_json(raw):
                found.add(f"{reason}: {raw[:200]}")
            elif (judge := _BROKEN.get(reason)) is not None and not judge(json.loads(raw), eras):
                found.add(f"{reason} is not broken by {raw[:200]}")
    conflicts = store.value(_ACCEPTED)
    if conflicts:
        found.add(f"{conflicts} conflicting duplicates have nothing to conflict with", conflicts)
    return found.check("dead letters of the lanes")
