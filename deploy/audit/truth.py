"""The books against the simulated network's truth: nothing vanished, nothing was invented.

The network writes into a directory, before it publishes anything:
`truth.jsonl`    a line for each message: `accepted` must be exactly one event, `refused` exactly one dead letter
                 with this reason (its id is `dead_letter` where that can be foreseen), `repeated` nothing more
`parcels.jsonl`  a line for each parcel: what is true of it once all its messages have been published
`status.json`    its state, and the simulated time of its newest tick
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from deploy.audit.facts import IN_A_SHARD
from deploy.audit.report import Check, Findings
from deploy.audit.store import BLOCK_RANGE, OF_SHARD, Row, Store

T = TypeVar("T")


class Line(msgspec.Struct, frozen=True):
    """A message and what must come of it."""

    fate: str
    event_id: str = ""
    reason: str = ""
    waybill: str = ""
    dead_letter: str = ""


class Weighing(msgspec.Struct, frozen=True):
    """A weight that was sent."""

    weight_class: str
    time: int
    event_id: str
    weight_g: int
    volume_cm3: int


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a parcel. Times are UTC ms, 0: did not happen."""

    waybill: str
    order_id: str
    origin: str
    destination: str
    product: str
    payment_e4: int
    declared_g: int
    picked_up: int
    signed: int
    events: int
    weights: tuple[Weighing, ...]
    unscanned: tuple[str, ...] = ()
    """Operations of which no scan was accepted."""


class Status(msgspec.Struct, frozen=True):
    """How far the network has come."""

    state: str = ""
    time: int = 0


_FACTS = f"""
    SELECT waybill, count() AS events,
           argMaxIf((event_id, origin, destination, product, reinterpretAsInt64(payment), weight_g),
                    (event_time, event_id), kind = 'order') AS ordered,
           minIf(toUnixTimestamp64Milli(event_time), operation = '10') AS picked_up,
           minIf(toUnixTimestamp64Milli(event_time), operation = '50') AS signed,
           arraySort(groupArrayIf((event_id, weight_class, toUnixTimestamp64Milli(event_time), weight_g,
               intDiv(toUInt64(length_mm) * width_mm * height_mm, 1000)), kind = 'weight')) AS weights
    FROM $event WHERE {OF_SHARD} GROUP BY waybill"""


def newest_tick(directory: Path) -> int | None:
    """The time of the newest tick, UTC ms; None: the network did not end by passing the last deadline."""
    status = _status(directory)
    return status.time if status.state == "done" else None


def check_truth(store: Store, directory: Path) -> list[Check]:
    """All checks. Raises OSError when there is no truth in the directory, msgspec.DecodeError when it is torn."""
    accepted: dict[str, str] = {}
    refused: list[Line] = []
    for line in _lines(directory / "truth.jsonl", Line):
        if line.fate == "accepted":
            accepted[line.event_id] = line.waybill
        elif line.fate == "refused":
            refused.append(line)
    checks = [_check_events(store, accepted), _check_dead_letters(store, refused)]
    if _status(directory).state == "done":
        parcels = list(_lines(directory / "parcels.jsonl", Parcel))
        checks += [_check_parcels(store, parcels), _check_breaches(store, parcels)]
    return checks


def _status(directory: Path) -> Status:
    file = directory / "status.json"
    return msgspec.json.decode(file.read_bytes(), type=Status) if file.exists() else Status()


def _lines(file: Path, kind: type[T]) -> Iterator[T]:
    decode = msgspec.json.Decoder(kind).decode
    with file.open("rb") as lines:
        for line in lines:
            yield decode(line)


def _check_events(store: Store, expected: dict[str, str]) -> Check:
    found = Findings("truth_events", "模拟网络发出的每个有效事实恰好入账一次")
    found.seen = len(expected)
    for first, last in store.ranges("event", 1_000_000):
        events = store.columns(
            f"SELECT event_id, waybill FROM $event WHERE {BLOCK_RANGE}",
            first=first,
            last=last,
        )
        for event_id, waybill in zip(events["event_id"], events["waybill"], strict=True):
            if expected.pop(event_id, None) != waybill:
                found.add(f"{waybill} {event_id}: nobody sent this, or it stands twice")
    for event_id, waybill in expected.items():
        found.add(f"{waybill} {event_id}: was sent and is not there")
    return found.check("facts sent")


def _check_dead_letters(store: Store, expected: list[Line]) -> Check:
    found = Findings("truth_dead_letters", "每条错误输入恰好一条死信，原因相符")
    found.seen = len(expected)
    letters = store.columns("""
        SELECT dead_letter_id, argMinIf(reason, (seq, line), status = 'open') AS why
        FROM $dead_letter GROUP BY dead_letter_id""")
    there = dict(zip(letters["dead_letter_id"], letters["why"], strict=True))
    for line in expected:
        if line.dead_letter and there.get(line.dead_letter) != line.reason:
            found.add(
                f"{line.dead_letter}: should be refused as {line.reason}, is {there.get(line.dead_letter)}"
            )
    sent, kept = Counter(line.reason for line in expected), Counter(there.values())
    for reason in sorted(sent.keys() | kept.keys()):
        if sent[reason] != kept[reason]:
            found.add(f"{reason}: {sent[reason]} were sent, {kept[reason]} are dead letters")
    return found.check("faults sent")


def _check_parcels(store: Store, parcels: list[Parcel]) -> Check:
    found = Findings("truth_parcels", "每个运单的订单、揽收、签收与称重如模拟网络所知")
    expected = {parcel.waybill: parcel for parcel in parcels}
    found.seen = len(expected)
    for shard, shards in store.shards("event", IN_A_SHARD):
        for row in store.rows(_FACTS, shard=shard, shards=shards):
            parcel = expected.pop(row["waybill"], None)
            if parcel is None:
                found.add(f"{row['waybill']}: there is no such parcel")
            elif (there := _booked(row)) != (sent := _sent(parcel)):
                found.add(f"{parcel.waybill}: {there}, should be {sent}")
    for waybill in expected:
        found.add(f"{waybill}: not there")
    return found.check("parcels")


_NEEDED = "SELECT DISTINCT rule, others FROM $chain_rule WHERE direction = 'need' AND operation = '50'"
_BREACHED = """
    SELECT waybill FROM $chain_breach WHERE rule = {rule:String}
    GROUP BY waybill HAVING argMax(status, (seq, line)) IN ('open', 'final')"""


def _check_breaches(store: Store, parcels: list[Parcel]) -> Check:
    """Signed parcels whose scans were lost are the breaches of the rules that need those scans, and no others."""
    found = Findings("truth_breaches", "签收前缺失的扫描恰好成为扫描链违规")
    signed = [parcel for parcel in parcels if parcel.signed]
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
    return (row["events"], *row["ordered"], row["picked_up"], row["signed"], row["weights"])


def _sent(parcel: Parcel) -> tuple[object, ...]:
    weights = [(w.event_id, w.weight_class, w.time, w.weight_g, w.volume_cm3) for w in parcel.weights]
    return (
        parcel.events,
        parcel.order_id,
        parcel.origin,
        parcel.destination,
        parcel.product,
        parcel.payment_e4,
        parcel.declared_g,
        parcel.picked_up,
        parcel.signed,
        sorted(weights),
    )
