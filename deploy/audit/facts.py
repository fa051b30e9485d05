"""A parcel's facts, by one question to ClickHouse: whatever order they came in, the same facts come out."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from deploy.audit.store import LANE, OF_SHARD, Store

IN_A_SHARD = 250_000
"""Events whose parcels are looked at together."""


class Weight(NamedTuple):
    """A weighing. Times are UTC ms."""

    event_id: str
    time: int
    weight_class: str
    grams: int
    cm3: int
    longest_mm: int
    site: str
    seq: int


class Decision(NamedTuple):
    """The newest decision about the weight; an empty id: there is none."""

    event_id: str
    time: int
    decision: str
    weight_event: str
    grams: int
    cm3: int
    seq: int


class Facts(msgspec.Struct, frozen=True):
    """What is known of a parcel. Ids are empty where a fact is missing; times are UTC ms.

    The order is the latest one (by time, then id), the scans are the earliest. A `…_seq` says in which block a
    fact came.
    """

    waybill: str
    lane: int
    lanes: int
    """Lanes that the parcel's events are in: one."""
    first_seq: int
    last_seq: int
    """Blocks in which the first and the last of its events came."""
    order_id: str
    order_time: int
    origin: str
    destination: str
    product: str
    customer: str
    payment: int
    declared_g: int
    order_seq: int
    picked_id: str
    picked: int
    picked_seq: int
    signed_id: str
    signed: int
    signed_seq: int
    """The signature, unless it went back or on before."""
    ended: int
    ended_seq: int
    """The end of its way: the signature, or that it went back or on; time 0: it has none yet."""
    last: int
    """Time of the newest event."""
    weights: tuple[Weight, ...]
    """All that were measured."""
    scans: tuple[tuple[int, str, str], ...]
    """Time, operation and site of every scan, in order of time."""
    decision: Decision
    recalled_seq: int = 0
    """The block in which all of it was assessed again last, though no fact came; 0: never."""
    recalled: int = 0
    """Data time of that."""

    @property
    def returned(self) -> bool:
        """Whether it went back or on instead of being signed for."""
        return self.ended != 0 and not self.signed_id

    @property
    def weighed_seq(self) -> int:
        """The block in which the last fact came with which its weight is chosen again."""
        facts = self.first_seq, self.order_seq, self.picked_seq, self.ended_seq, self.decision.seq
        return max(*facts, *(one.seq for one in self.weights))


def _scan(operation: str) -> str:
    return (
        "argMinIf((event_id, toUnixTimestamp64Milli(event_time), seq), (event_time, event_id), "
        f"kind = 'scan' AND operation = '{operation}')"
    )


_SQL = f"""
    SELECT waybill, lane, lanes, first_seq, last_seq, last,
           o.1 AS order_id, o.2 AS order_time, o.3 AS origin, o.4 AS destination, o.5 AS product,
           o.6 AS payment, o.7 AS declared_g, o.8 AS order_seq, o.9 AS customer,
           p.1 AS picked_id, p.2 AS picked, p.3 AS picked_seq,
           if(e.2 = '50', e.1, '') AS signed_id, if(e.2 = '50', e.3, 0) AS signed,
           if(e.2 = '50', e.4, 0) AS signed_seq, e.3 AS ended, e.4 AS ended_seq, weights, scans
    FROM (
        SELECT waybill, min(bitShiftRight(seq, 32)) AS lane, uniqExact(bitShiftRight(seq, 32)) AS lanes,
               min(seq) AS first_seq, max(seq) AS last_seq, max(toUnixTimestamp64Milli(event_time)) AS last,
               argMaxIf((event_id, toUnixTimestamp64Milli(event_time), toString(origin), toString(destination),
                         toString(product), reinterpretAsInt64(payment), weight_g, seq, toString(customer)),
                        (event_time, event_id), kind = 'order') AS o,
               {_scan("10")} AS p,
               argMinIf((event_id, toString(operation), toUnixTimestamp64Milli(event_time), seq),
                        (event_time, event_id), kind = 'scan' AND operation IN ('50', '70', '80')) AS e,
               groupArrayIf((event_id, toUnixTimestamp64Milli(event_time), toString(weight_class), weight_g,
                             intDiv(toUInt64(length_mm) * width_mm * height_mm, 1000),
                             greatest(length_mm, width_mm, height_mm), toString(site), seq),
                            kind = 'weight') AS weights,
               arraySort(groupArrayIf((toUnixTimestamp64Milli(event_time), toString(operation), toString(site)),
                                      kind = 'scan')) AS scans
        FROM $event WHERE {OF_SHARD} GROUP BY waybill
    )"""
_DECISIONS = f"""
    SELECT waybill, argMax((event_id, toUnixTimestamp64Milli(event_time), toString(decision), weight_event,
                            weight_g, volume_cm3, seq), (event_time, event_id)) AS decision
    FROM $weight_decision WHERE {OF_SHARD} GROUP BY waybill"""
_RECALLS = f"""
    SELECT waybill, max(seq) AS seq, max(toUnixTimestamp64Milli(event_time)) AS time
    FROM $recall WHERE {OF_SHARD} GROUP BY waybill"""
_UNDECIDED = Decision("", 0, "", "", 0, 0, 0)


def read_facts(store: Store, shard: int, shards: int) -> Iterator[Facts]:
    """The facts of a shard's parcels."""
    decisions = {
        row["waybill"]: Decision(*row["decision"])
        for row in store.rows(_DECISIONS, shard=shard, shards=shards)
    }
    recalls = {
        row["waybill"]: (row["seq"], row["time"]) for row in store.rows(_RECALLS, shard=shard, shards=shards)
    }
    columns = store.columns(_SQL, shard=shard, shards=shards)
    names = [name for name in Facts.__struct_fields__ if name in columns]
    for values in zip(*(columns[name] for name in names), strict=True):
        given = dict(zip(names, values, strict=True))
        given["weights"] = tuple(Weight(*one) for one in given["weights"])
        given["scans"] = tuple(given["scans"])
        decision = decisions.pop(given["waybill"], _UNDECIDED)
        given["last_seq"] = max(given["last_seq"], decision.seq)
        seq, time = recalls.get(given["waybill"], (0, 0))
        yield Facts(**given, decision=decision, recalled_seq=seq, recalled=time)
    for waybill, decision in decisions.items():
        yield _only_decided(waybill, decision)


def _only_decided(waybill: str, decision: Decision) -> Facts:
    """A parcel of which nothing is known but what somebody decided about its weight."""
    texts = ("order_id", "origin", "destination", "product", "customer", "picked_id", "signed_id")
    numbers = (
        *("order_time", "payment", "declared_g", "order_seq", "picked", "picked_seq"),
        *("signed", "signed_seq", "ended", "ended_seq"),
    )
    unsaid: dict[str, Any] = dict.fromkeys(texts, "") | dict.fromkeys(numbers, 0)
    return Facts(
        waybill=waybill,
        lane=decision.seq >> LANE,
        lanes=1,
        first_seq=decision.seq,
        last_seq=decision.seq,
        last=decision.time,
        weights=(),
        scans=(),
        decision=decision,
        **unsaid,
    )
