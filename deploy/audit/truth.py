"""The books against the simulated network's truth: nothing vanished, nothing was invented.

The network writes into a directory, before it publishes anything:
`truth.jsonl`    a line for each message: `accepted` must be exactly one event, `refused` exactly one dead letter
                 with this reason (its id is `dead_letter` where that can be foreseen), `repeated` nothing more
`stays.jsonl`    a line for each event of goods in a store, and for each word about a haul, that was sent
`payments.jsonl` a line for each movement of money, if customers pay (`deploy.audit.paid`)
`parcels.jsonl`  a line for each parcel: what is true of it once all its messages have been published
`status.json`    its state, and the simulated time of its newest tick

What whoever runs the network did in it is counted and named, and not compared (`deploy.audit.own`).
"""

from collections import Counter
from pathlib import Path

import msgspec

from deploy.audit.facts import IN_A_SHARD
from deploy.audit.own import OWN_LETTER, Own, own
from deploy.audit.paid import FILE as PAID
from deploy.audit.paid import check_paid
from deploy.audit.report import Check, Findings
from deploy.audit.sent import Line, Parcel, StayLine, Terms, lines, status_of
from deploy.audit.store import BLOCK_RANGE, OF_SHARD, Row, Store

_MESSAGES = "waybill NOT IN (SELECT waybill FROM $service_level)"
"""What `waybook service-levels` claims is its own, and no message of the network."""
_NOT_OWN = "event_id NOT IN {own:Array(String)}"
"""What the user did is not compared."""
_FACTS = f"""
    SELECT waybill, count() AS events,
           argMaxIf((event_id, origin, destination, product, customer, reinterpretAsInt64(payment), weight_g),
                    (event_time, event_id), kind = 'order') AS ordered,
           minIf(toUnixTimestamp64Milli(event_time), operation = '10') AS picked_up,
           minIf(toUnixTimestamp64Milli(event_time), operation = '50') AS signed,
           minIf(toUnixTimestamp64Milli(event_time), operation IN ('70', '80')) AS gone,
           argMinIf(toString(courier), (event_time, event_id), operation = '10') AS picked_by,
           argMinIf(toString(courier), (event_time, event_id), operation = '50') AS signed_by,
           arraySort(groupArrayIf((event_id, weight_class, toUnixTimestamp64Milli(event_time), weight_g,
               intDiv(toUInt64(length_mm) * width_mm * height_mm, 1000)), kind = 'weight')) AS weights
    FROM $event WHERE {OF_SHARD} AND {_MESSAGES} AND {_NOT_OWN} GROUP BY waybill"""

_SAID = f"""
    SELECT waybill, groupArray(fact) AS facts FROM (
        SELECT waybill, arrayMap(toString, [event_id, toString(pieces), channel,
                   toString(reinterpretAsInt64(insured)), toString(reinterpretAsInt64(cod)),
                   toString(promised_hours), direction, billing, related, services]) AS fact
        FROM $order_terms WHERE {_NOT_OWN}
        UNION ALL
        SELECT waybill, [claim, toString(anyIf(kind, status = 'claimed')),
                   toString(anyIf(responsible, status = 'claimed')), toString(anyIf(beneficiary, status = 'claimed')),
                   toString(sumIf(reinterpretAsInt64(amount), status = 'claimed')),
                   toString(countIf(status = 'claimed')), toString(countIf(status = 'withdrawn'))]
        FROM $claim WHERE status IN ('claimed', 'withdrawn') AND {_MESSAGES} AND {_NOT_OWN}
        GROUP BY waybill, claim
        UNION ALL
        SELECT waybill, [event_id, toString(decision), weight_event, toString(weight_g), toString(volume_cm3)]
        FROM $weight_decision WHERE {_NOT_OWN}
    ) WHERE {OF_SHARD} GROUP BY waybill"""
"""What few parcels have, as lists of words: terms, claims with their withdrawals, decisions about weights.

Claims that a breach of a scan chain makes are the lanes' own, and no message.
"""


def newest_tick(directory: Path) -> int | None:
    """The time of the newest tick, UTC ms; None: the network did not end by passing the last deadline."""
    status = status_of(directory)
    return status.time if status.state == "done" else None


def check_truth(store: Store, directory: Path) -> list[Check]:
    """All checks. Raises OSError when there is no truth in the directory, msgspec.DecodeError when it is torn."""
    accepted: dict[str, str] = {}
    refused: list[Line] = []
    for line in lines(directory / "truth.jsonl", Line):
        if line.fate == "accepted":
            accepted[line.event_id] = line.waybill
        elif line.fate == "refused":
            refused.append(line)
    users = own(store, accepted.keys())
    checks = [
        _check_events(store, accepted, users),
        _check_dead_letters(store, refused, users),
        _check_stays(store, directory / "stays.jsonl"),
    ]
    if status_of(directory).state == "done":
        parcels = list(lines(directory / "parcels.jsonl", Parcel))
        checks += [check(store, parcels, users) for check in (_check_parcels, _check_said)]
        checks.append(_check_breaches(store, parcels))
        if (directory / PAID).exists():
            checks += check_paid(store, directory)
    return checks


def _check_events(store: Store, sent: dict[str, str], users: Own) -> Check:
    found = Findings("truth_events", "模拟网络发出的每个有效事实恰好入账一次")
    found.seen = len(sent)
    missing = dict(sent)
    for table, source in (("event", "toString(source)"), ("weight_decision", "''")):
        for first, last in store.ranges(table, 1_000_000):
            events = store.columns(
                f"SELECT event_id, waybill, {source} AS device FROM ${table} WHERE {BLOCK_RANGE} AND {_MESSAGES}",
                first=first,
                last=last,
            )
            for event_id, waybill, device in zip(*events.values(), strict=True):
                if missing.pop(event_id, None) == waybill:
                    continue
                if event_id in users.said:
                    found.own(f"{waybill} {event_id}, by {users.said[event_id]['signed']}")
                elif event_id not in sent and users.came_again(event_id, device):
                    found.own(f"{waybill} {event_id}, of a dead letter that was sent again")
                else:
                    found.add(f"{waybill} {event_id}: nobody sent this, or it stands twice")
    for event_id, waybill in missing.items():
        found.add(f"{waybill} {event_id}: was sent and is not there")
    return found.check("facts sent")


def _check_stays(store: Store, file: Path) -> Check:
    found = Findings("truth_stays", "模拟冷库发出的每个在库事件与运输事件恰好入账一次")
    expected = {line.event_id: line.stay for line in lines(file, StayLine)} if file.exists() else {}
    found.seen = len(expected)
    for row in store.rows(
        "SELECT event_id, stay FROM $stay_event UNION ALL SELECT event_id, haul FROM $haul"
    ):
        if expected.pop(row["event_id"], None) != row["stay"]:
            found.add(f"{row['stay']} {row['event_id']}: nobody sent this, or it stands twice")
    for event_id, stay in expected.items():
        found.add(f"{stay} {event_id}: was sent and is not there")
    return found.check("facts of the store")


def _check_dead_letters(store: Store, expected: list[Line], users: Own) -> Check:
    found = Findings("truth_dead_letters", "每条错误输入恰好一条死信，原因相符")
    found.seen = len(expected)
    # Decisions about payments are looked at with these: whoever runs the simulation may have some refused.
    letters = store.rows(f"""
        SELECT dead_letter_id, argMinIf(reason, (seq, line), status = 'open') AS why, max({OWN_LETTER}) AS own
        FROM $dead_letter
        WHERE NOT startsWith(topic, 'waybook.notifications.')
            AND topic != 'waybook.payment-decisions'
        GROUP BY dead_letter_id HAVING countIf(status = 'open') > 0""")
    mended = {one.letter for one in users.again if one.letter != one.of}
    there = {
        row["dead_letter_id"]: row["why"]
        for row in letters
        if not row["own"] and row["dead_letter_id"] not in mended
    }
    for row in letters:
        if row["dead_letter_id"] not in there:
            found.own(f"{row['dead_letter_id']} {row['why']}")
    for line in expected:
        if line.dead_letter and there.get(line.dead_letter) != line.reason:
            found.add(
                f"{line.dead_letter}: should be refused as {line.reason}, is {there.get(line.dead_letter)}"
            )
    sent, kept = Counter(line.reason for line in expected), Counter(there.values())
    again = sum(not one.raw for one in users.again)
    for reason in sorted(sent.keys() | kept.keys()):
        more = kept[reason] - sent[reason]
        if 0 < more <= again:
            again -= more
            found.own(f"{more} {reason}, of dead letters that were sent again")
        elif more:
            found.add(f"{reason}: {sent[reason]} were sent, {kept[reason]} are dead letters")
    return found.check("faults sent")


def _check_parcels(store: Store, parcels: list[Parcel], users: Own) -> Check:
    found = Findings("truth_parcels", "每个运单的订单、揽收、签收、退转与称重如模拟网络所知")
    expected = {parcel.waybill: parcel for parcel in parcels}
    found.seen = len(expected)
    for shard, shards in store.shards("event", IN_A_SHARD):
        for row in store.rows(_FACTS, shard=shard, shards=shards, own=users.events):
            parcel = expected.pop(row["waybill"], None)
            if parcel is None:
                found.add(f"{row['waybill']}: there is no such parcel")
            elif (there := _booked(row)) != (sent := _sent(parcel)):
                found.add(f"{parcel.waybill}: {there}, should be {sent}")
    for waybill in expected:
        found.add(f"{waybill}: not there")
    return found.check("parcels")


def _check_said(store: Store, parcels: list[Parcel], users: Own) -> Check:
    found = Findings("truth_terms", "每个运单的条款、理赔与重量裁决如模拟网络所知")
    expected = {parcel.waybill: said for parcel in parcels if (said := _said(parcel))}
    found.seen = len(expected)
    for shard, shards in store.shards("event", IN_A_SHARD):
        for row in store.rows(_SAID, shard=shard, shards=shards, own=users.events):
            there, sent = sorted(map(tuple, row["facts"])), expected.pop(row["waybill"], [])
            if there != sent:
                found.add(f"{row['waybill']}: {there}, should be {sent}")
    for waybill, sent in expected.items():
        found.add(f"{waybill}: nothing, should be {sent}")
    return found.check("parcels with terms, claims or decisions")


def _said(parcel: Parcel) -> list[tuple[str, ...]]:
    """What few parcels have, as the store gives it."""
    said: list[tuple[object, ...]] = [
        (c.event_id, c.kind, c.responsible, c.beneficiary, c.amount_e4, 1, c.withdrawn) for c in parcel.claims
    ]
    if parcel.terms != Terms():
        *others, services = msgspec.structs.astuple(parcel.terms)
        said.append((parcel.order_id, *others, "|".join(services)))
    if parcel.decided is not None:
        said.append(msgspec.structs.astuple(parcel.decided))
    return sorted(tuple(map(str, one)) for one in said)


_NEEDED = "SELECT DISTINCT rule, others FROM $chain_rule WHERE direction = 'need' AND operation = '50'"
_BREACHED = """
    SELECT waybill FROM $chain_breach WHERE rule = {rule:String}
    GROUP BY waybill HAVING argMax(status, (seq, line)) IN ('open', 'final')"""


def _check_breaches(store: Store, parcels: list[Parcel]) -> Check:
    """Signed parcels whose scans were lost are the breaches of the rules that need those scans, and no others."""
    found = Findings("truth_breaches", "签收前缺失的扫描恰好成为扫描链违规")
    signed = [one for one in parcels if one.signed and not (one.gone and one.gone <= one.signed)]
    for rule in store.rows(_NEEDED):
        needed = set(rule["others"].split())
        expected = {parcel.waybill for parcel in signed if needed <= set(parcel.unscanned)}
        there = {row["waybill"] for row in store.rows(_BREACHED, rule=rule["rule"])}
        found.seen += len(expected)
        for waybill in sorted(expected ^ there):
            what = "is missing" if waybill in expected else "has no reason"
            found.add(f"{waybill}: a breach of {rule['rule']} {what}")
    return found.check("breaches")


def _booked(row: Row) -> tuple[object, ...]:
    scans = row["picked_up"], row["picked_by"], row["signed"], row["signed_by"], row["gone"]
    return (row["events"], *row["ordered"], *scans, row["weights"])


def _sent(parcel: Parcel) -> tuple[object, ...]:
    weights = [(w.event_id, w.weight_class, w.time, w.weight_g, w.volume_cm3) for w in parcel.weights]
    return (
        parcel.events,
        parcel.order_id,
        parcel.origin,
        parcel.destination,
        parcel.product,
        parcel.customer,
        parcel.payment_e4,
        parcel.declared_g,
        parcel.picked_up,
        parcel.picked_by,
        parcel.signed,
        parcel.signed_by,
        parcel.gone,
        sorted(weights),
    )
