"""What the flow remarked: anomalies found again, dead letters judged again, names of charges computed again."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, NoReturn

from deploy.audit.eras import Eras
from deploy.audit.facts import IN_A_SHARD
from deploy.audit.names import name_of
from deploy.audit.report import Check, Findings
from deploy.audit.rules import AS_OF
from deploy.audit.store import BLOCK_RANGE, OF_SHARD, Store
from schemas.events import OPERATIONS
from schemas.parties import HQ
from schemas.times import iso
from schemas.topics import COMMANDS, CONTROL, DECISIONS, DEVICES, ORDERS, RECEIVABLES, STAYS

_ORDERS = f"""
    SELECT seq, waybill, event_id, toUnixTimestamp64Milli(event_time) AS time, origin, destination,
           origin_city, destination_city, origin_county, destination_county
    FROM $event WHERE kind = 'order' AND {OF_SHARD}"""
_SERVICES = f"""
    SELECT e.seq AS seq, e.waybill AS waybill, e.event_id AS event_id, toUnixTimestamp64Milli(e.event_time) AS time,
           toString(t.services) AS services
    FROM (SELECT seq, waybill, event_id, event_time FROM $event WHERE kind = 'order' AND {OF_SHARD}) AS e
    INNER JOIN (SELECT waybill, event_id, services FROM $order_terms WHERE {OF_SHARD} AND services != '') AS t
    ON e.waybill = t.waybill AND e.event_id = t.event_id"""
_ANOMALIES = f"""
    SELECT kind, waybill, event_id, toUnixTimestamp64Milli(event_time) AS time, site, expected, found
    FROM $anomaly WHERE {OF_SHARD} AND kind NOT IN ('weight_implausible', 'ended_twice')"""
_ENDS = f"""
    SELECT waybill, toString(operation) AS operation, min((event_time, event_id)) AS first,
           min(toUnixTimestamp64Milli(event_time)) AS time
    FROM $event WHERE {OF_SHARD} AND kind = 'scan' AND operation IN ('50', '70', '80') AND waybill IN (
        SELECT waybill FROM $event WHERE {OF_SHARD} AND kind = 'scan' AND operation IN ('70', '80'))
    GROUP BY waybill, operation ORDER BY waybill, first"""
_TOLD = f"""
    SELECT waybill, argMax((event_id, toUnixTimestamp64Milli(event_time), expected, found), (seq, line)) AS newest
    FROM $anomaly WHERE {OF_SHARD} AND kind = 'ended_twice' GROUP BY waybill"""

Anomaly = tuple[str, str, str, int, str, str, str]
"""Kind, waybill, event, time, site, expected, found."""


def check_anomalies(store: Store, eras: Eras) -> Check:
    """Differences in place and area, and services that no book knows, are remarked once each, and nothing else is.

    Weights and contradictory ends are looked at elsewhere.
    """
    found = Findings("anomalies", "异常（地址不符、区县不符、未知附加服务）独立重算")
    for shard, shards in store.shards("event", IN_A_SHARD):
        expected = Counter[Anomaly]()
        for row in store.rows(_ORDERS, shard=shard, shards=shards):
            expected.update(_misplaced(row, eras))
        for row in store.rows(_SERVICES, shard=shard, shards=shards):
            known = eras[eras.of(row["seq"])].prices.services
            about = row["waybill"], row["event_id"], row["time"]
            for service in row["services"].split("|"):
                if known is not None and service not in known:
                    expected["service_unknown", *about, "", "", service] += 1
        there = Counter(tuple(row.values()) for row in store.rows(_ANOMALIES, shard=shard, shards=shards))
        found.seen += there.total()
        for one in (there - expected).elements():
            found.add(f"{one} is no anomaly")
        for one in (expected - there).elements():
            found.add(f"{one} was not remarked")
    return found.check("anomalies")


def _misplaced(row: Mapping[str, Any], eras: Eras) -> Iterator[Anomaly]:
    """Cities that are not the outlets', counties that nobody serves or others do."""
    directory = eras[eras.of(row["seq"])].directory
    judges = any(directory.counties.values())
    for end in ("origin", "destination"):
        place = directory.places.get(row[end])
        if place is None:
            continue
        city, county = row[f"{end}_city"], row[f"{end}_county"]
        about = row["waybill"], row["event_id"], row["time"], place["site"]
        if city and place["city"] != city:
            yield "place_mismatch", *about, place["city"], city
        serving = directory.counties.get(county, [])
        if county and judges and row[end] not in serving:
            kind = "area_mismatch" if serving else "area_unserved"
            yield kind, *about, " ".join(serving), county


def check_ends(store: Store) -> Check:
    """Parcels that went back or on and were signed for all the same are remarked; the newest remark is the scans'."""
    found = Findings("contradictory_ends", "签收与退件、转寄的矛盾由原始扫描独立重算")
    for shard, shards in store.shards("event", IN_A_SHARD):
        told = {row["waybill"]: row["newest"] for row in store.rows(_TOLD, shard=shard, shards=shards)}
        rows = list(store.rows(_ENDS, shard=shard, shards=shards))
        for waybill, ends in groupby(rows, key=itemgetter("waybill")):
            found.seen += 1
            first, *others = [(row["first"][1], row["time"], row["operation"]) for row in ends]
            wanted = _contradicted(first, others[0]) if others else None
            if (there := told.pop(waybill, None)) != wanted:
                found.add(f"{waybill}: remarked {there}, should be {wanted}")
        for waybill, there in told.items():
            found.add(f"{waybill}: remarked {there}, and it went one way only")
    return found.check("parcels that went back or on")


End = tuple[str, int, str]
"""Event, time, operation."""


def _contradicted(first: End, other: End) -> tuple[str, int, str, str]:
    """What the remark says: the event that contradicts, its time, what counts and what it says."""
    event_id, time, _ = other
    counts, says = (f"{code} {OPERATIONS[code]} {iso(at)}" for _, at, code in (first, other))
    return event_id, time, counts, says


def check_names(store: Store) -> Check:
    """A charge's id is the hash of its waybill, fee, part and revision."""
    found = Findings("charge_names", "费用编号由运单、费用、修订号、时间算出")
    for first, last in store.ranges("charge"):
        charges = store.columns(
            f"SELECT hex(charge_id) AS id, waybill, fee, part, revision, toUnixTimestamp64Milli(event_time) AS at, "
            f"{AS_OF} AS charged "
            f"FROM $charge WHERE {BLOCK_RANGE}",
            first=first,
            last=last,
        )
        found.seen += len(charges["id"])
        for charge, waybill, fee, part, revision, at, charged in zip(*charges.values(), strict=True):
            what = f"{fee}/{part}" if part else fee
            name = f"{waybill}|{what}|{revision}|{at}" + ("" if charged else "|r")
            if charge != name_of(name):
                found.add(f"{charge} is not the id of {name}")
    return found.check("charges")


def _read(raw: str) -> Any:
    """By the standard: Python's reader takes NaN, and halves of characters (`\\ud800`), which no text has, but no whole
    numbers of any length. Raises ValueError."""
    read = json.loads(raw, parse_int=_whole, parse_constant=_none_of_json)
    json.dumps(read, ensure_ascii=False).encode()
    return read


def _whole(digits: str) -> float:
    return int(digits) if len(digits) < LONG else float(digits)


def _none_of_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _is_json(raw: str) -> bool:
    try:
        _read(raw)
    except ValueError:
        return False
    return True


LONG = 1_000
"""Digits of a whole number that means nothing any more."""


DEEP = 500
"""Brackets in a record beyond which decoders may give up, each at its own depth: nothing is said of such."""

Judgement = Callable[[dict[str, Any], "Eras"], bool]


def _known(eras: Eras, kind: str, word: object) -> bool:
    return any(word in getattr(era.directory, kind) for era in eras.eras)


def _known_province(eras: Eras, code: object) -> bool:
    return any(code in era.directory.names["province"].values() for era in eras.eras)


def _values(event: dict[str, Any]) -> Iterator[object]:
    """Fields, and what stands in lists."""
    for value in event.values():
        yield from value if isinstance(value, list) else (value,)


_AMOUNTS = ("payment_e4", "insured_e4", "cod_e4", "amount_e4")

_BROKEN: dict[str, Judgement] = {
    "unknown_site": lambda event, eras: not _known(eras, "sites", event.get("site")),
    "unknown_outlet": lambda event, eras: (
        not all(_known(eras, "places", event.get(end)) for end in ("origin", "destination"))
    ),
    "unknown_county": lambda event, eras: (
        not all(
            _known(eras, "counties", county)
            for end in ("origin", "destination")
            if (county := event.get(f"{end}_county"))
        )
    ),
    "unknown_operation": lambda event, _: event.get("operation") not in OPERATIONS,
    "waybill_out_of_pattern": lambda event, _: (
        re.fullmatch("[A-Z]{0,4}[0-9]{9,17}", str(event.get("waybill")), re.ASCII) is None
    ),
    "weight_out_of_range": lambda event, _: (
        not all(0 <= event.get(name, 1) <= 1_000_000 for name in ("weight_g", "declared_g"))
        or event.get("weight_g") == 0
    ),
    "amount_out_of_range": lambda event, _: any(not 0 <= event.get(name, 0) <= 10**14 for name in _AMOUNTS),
    "part_of_a_fen": lambda event, _: any(event.get(name, 0) % 100 for name in _AMOUNTS),
    "unknown_party": lambda event, eras: any(
        party and party != HQ and not _known(eras, "places", party) and not _known_province(eras, party)
        for party in (event.get("responsible"), event.get("beneficiary"))
    ),
    "identifier_too_long": lambda event, _: any(
        isinstance(value, str) and len(value) > 64 for value in _values(event)
    ),
    "too_many_services": lambda event, _: len(event["services"]) > 16,
}
"""By reason: whether an event really breaks the rule, as far as it can be seen from the event alone."""

_LETTERS = f"""
    SELECT reason, raw FROM $dead_letter
    WHERE {BLOCK_RANGE} AND status = 'open' AND transport = 'kafka' AND topic IN ('{ORDERS.name}', '{DEVICES.name}')"""
_ACCEPTED = {
    (ORDERS, DEVICES): "SELECT waybill, event_id FROM $event WHERE (waybill, event_id) IN ({letters})",
    (STAYS,): "SELECT '', event_id FROM $stay_event UNION ALL SELECT '', event_id FROM $haul "
    "UNION ALL SELECT '', event_id FROM $stay_month",
    (CONTROL,): "SELECT '', change_id FROM $operator UNION ALL SELECT '', move_id FROM $balance_moved "
    "UNION ALL SELECT '', event_id FROM $books_close UNION ALL SELECT '', event_id FROM $cost",
    (COMMANDS,): "SELECT party, command_id FROM $answer WHERE (party, command_id) IN ({letters})",
    (RECEIVABLES,): "SELECT '', event_id FROM $receivable",
    (DECISIONS,): "SELECT '', event_id FROM $payment_decision UNION ALL SELECT '', close_id FROM $close",
}
"""By topics, whose (key, where an id needs one beside it) and ids were accepted. What a payment's notifications and
bills conflict with has no name."""
_WHOSE = {(ORDERS, DEVICES): "waybill", (COMMANDS,): "JSONExtractString(raw, 'subject')"}
"""What is the key of a letter."""


def _alone(store: Store) -> int:
    """How many letters name a conflict with something that was accepted, and there is nothing."""
    alone = 0
    for of, accepted in _ACCEPTED.items():
        names = ", ".join(f"'{topic.name}'" for topic in of)
        where = f"status = 'open' AND reason = 'conflicting_duplicate' AND transport = 'kafka' AND topic IN ({names})"
        key = _WHOSE.get(of, "''")
        letters = f"SELECT {key} AS key, event_id FROM $dead_letter WHERE {where}"
        if store.value(f"SELECT count() FROM ({letters})"):
            taken = accepted.format(letters=letters)
            alone += store.value(f"SELECT count() FROM ({letters}) WHERE (key, event_id) NOT IN ({taken})")
    return alone


def check_dead_letters(store: Store, eras: Eras) -> Check:
    """What the lanes refused really breaks the rule that they name, where the event alone shows it."""
    found = Findings("dead_letters", "死信确实违反所述规则")
    for first, last in store.ranges("dead_letter"):
        letters = store.columns(_LETTERS, first=first, last=last)
        for reason, raw in zip(letters["reason"], letters["raw"], strict=True):
            found.seen += 1
            if raw.count("[") + raw.count("{") > DEEP:
                continue
            if (reason == "not_json") == _is_json(raw):
                found.add(f"{reason}: {raw[:200]}")
            elif (judge := _BROKEN.get(reason)) is not None and not judge(_read(raw), eras):
                found.add(f"{reason} is not broken by {raw[:200]}")
    if conflicts := _alone(store):
        found.add(f"{conflicts} conflicting duplicates have nothing to conflict with", conflicts)
    return found.check("dead letters of the lanes")
