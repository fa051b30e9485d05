"""A parcel's facts, by one question to ClickHouse: whatever order they came in, the same facts come out."""

from collections.abc import Iterator

import msgspec

from deploy.audit.eras import UNRANKED, Eras
from deploy.audit.store import Store

IN_A_SHARD = 250_000
"""Events whose parcels are looked at together."""


class Facts(msgspec.Struct, frozen=True):
    """What is known of a parcel. Ids are empty where a fact is missing; times are UTC ms.

    The order is the latest one (by time, then id); the scans and the measured weight are the earliest, the
    weight among those of the best class. A `…_seq` says in which block a fact came.
    """

    waybill: str
    lane: int
    lanes: int
    """Lanes that the parcel's events are in: one."""
    order_id: str
    order_time: int
    origin: str
    destination: str
    product: str
    customer: str
    payment: int
    declared_g: int
    declared_rank: int
    order_seq: int
    picked_id: str
    picked: int
    picked_seq: int
    signed_id: str
    signed: int
    signed_seq: int
    weight_id: str
    weight_time: int
    weight_class: str
    weight_g: int
    volume_cm3: int
    longest_mm: int
    weight_site: str
    weight_rank: int
    weight_seq: int
    last: int
    """Time of the newest event."""


def _scan(operation: str) -> str:
    return (
        "argMinIf((event_id, toUnixTimestamp64Milli(event_time), seq), (event_time, event_id), "
        f"kind = 'scan' AND operation = '{operation}')"
    )


def _sql(eras: Eras) -> str:
    return f"""
    SELECT waybill, lane, lanes, last,
           o.1 AS order_id, o.2 AS order_time, o.3 AS origin, o.4 AS destination, o.5 AS product,
           o.6 AS payment, o.7 AS declared_g, o.8 AS declared_rank, o.9 AS order_seq, o.10 AS customer,
           p.1 AS picked_id, p.2 AS picked, p.3 AS picked_seq,
           s.1 AS signed_id, s.2 AS signed, s.3 AS signed_seq,
           w.1 AS weight_id, w.2 AS weight_time, w.3 AS weight_class, w.4 AS weight_g, w.5 AS volume_cm3,
           w.6 AS weight_site, w.7 AS weight_rank, w.8 AS weight_seq, w.9 AS longest_mm
    FROM (
        SELECT waybill, min(bitShiftRight(seq, 32)) AS lane, uniqExact(bitShiftRight(seq, 32)) AS lanes,
               max(toUnixTimestamp64Milli(event_time)) AS last,
               argMaxIf((event_id, toUnixTimestamp64Milli(event_time), toString(origin), toString(destination),
                         toString(product), reinterpretAsInt64(payment), weight_g, rank, seq, toString(customer)),
                        (event_time, event_id), kind = 'order') AS o,
               {_scan("10")} AS p,
               {_scan("50")} AS s,
               argMinIf((event_id, toUnixTimestamp64Milli(event_time), toString(weight_class), weight_g,
                         intDiv(toUInt64(length_mm) * width_mm * height_mm, 1000), toString(site), rank, seq,
                         greatest(length_mm, width_mm, height_mm)),
                        (rank, event_time, event_id), kind = 'weight' AND rank < {UNRANKED}) AS w
        FROM (SELECT *, {eras.ranks("weight_class")} AS rank FROM $event
              WHERE cityHash64(waybill) % {{shards:UInt64}} = {{shard:UInt64}})
        GROUP BY waybill
    )"""


def read_facts(store: Store, eras: Eras, shard: int, shards: int) -> Iterator[Facts]:
    """The facts of a shard's parcels."""
    columns = store.columns(_sql(eras), shard=shard, shards=shards)
    names = Facts.__struct_fields__
    for values in zip(*(columns[name] for name in names), strict=True):
        yield Facts(*values)
