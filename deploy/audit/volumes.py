"""Customers' parcels in the month: the published counts, which of them a charge has to use, and whether they hold."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import msgspec

from deploy.audit.report import Check, Findings
from deploy.audit.store import Store, read_blocks, up_to

EPOCH = date(1970, 1, 1)
_COUNTS = """
    SELECT seq, count_id, toUnixTimestamp64Milli(counted_at) AS time, month, through_day, part, parts, blocks,
           groupArray((customer, parcels)) AS volumes, offset
    FROM $volume GROUP BY seq, count_id, time, month, through_day, part, parts, blocks, offset
    ORDER BY seq, offset"""
_TRUE = """
    SELECT whose, count() AS parcels FROM (
        SELECT waybill, minOrNullIf(toUnixTimestamp64Milli(event_time), operation = '10') AS picked,
               argMaxIf(toString(customer), (event_time, event_id), kind = 'order') AS whose
        FROM $event WHERE {known} GROUP BY waybill
    ) WHERE whose != '' AND intDiv(picked + 28800000, 86400000) BETWEEN {{first:Int64}} AND {{last:Int64}}
    GROUP BY whose"""


class Count(msgspec.Struct, frozen=True):
    """A count of which all parts have come; days since 1970-01-01."""

    seq: int
    """The block with which it was complete."""
    offset: int
    """On the control topic, of the record with which it was."""
    name: str
    time: int
    month: int
    through: int
    blocks: str
    volumes: Mapping[str, int]


def read_counts(store: Store) -> list[Count]:
    """The complete counts, in the order in which they were."""
    parts: dict[tuple[str, int, int], dict[int, dict[str, int]]] = defaultdict(dict)
    found: list[Count] = []
    for row in store.rows(_COUNTS):
        there = parts[row["count_id"], row["time"], row["through_day"]]
        if row["part"] in there:
            continue
        there[row["part"]] = {customer: parcels for customer, parcels in row["volumes"] if customer}
        if len(there) == row["parts"]:
            volumes = {customer: n for part in there.values() for customer, n in part.items()}
            found.append(
                Count(
                    row["seq"],
                    row["offset"],
                    row["count_id"],
                    row["time"],
                    row["month"],
                    row["through_day"],
                    row["blocks"],
                    volumes,
                )
            )
    return found


class Volumes(msgspec.Struct, frozen=True):
    """The counts that hold at a moment, by the day through which they count."""

    days: Mapping[int, Count] = {}

    def of(self, customer: str, day: date) -> tuple[int, str]:
        """What a customer's charge of a business day is rated with: parcels, and the count's name."""
        number = (day - EPOCH).days
        before = [through for through in self.days if number - day.day < through < number]
        if not before:
            return 0, ""
        count = self.days[max(before)]
        return count.volumes.get(customer, 0), count.name


def holding(counts: Iterable[Count], upto: int) -> Volumes:
    """The counts that hold after a record: of a day the newest, of the newest month and the one before it."""
    days: dict[int, Count] = {}
    for count in counts:
        if count.offset > upto:
            continue
        held = days.get(count.through)
        if held is None or (held.time, held.name) < (count.time, count.name):
            days[count.through] = count
    if days:
        newest = EPOCH + timedelta(days=max(days))
        oldest = (newest.replace(day=1) - timedelta(days=1)).replace(day=1)
        days = {through: one for through, one in days.items() if through >= (oldest - EPOCH).days}
    return Volumes(days)


def parcels_of(store: Store, blocks: str, first: int, last: int) -> dict[str, int]:
    """By customer, the parcels that were picked up from one day to another, by the events of some blocks."""
    rows = store.rows(_TRUE.format(known=up_to(read_blocks(blocks))), first=first, last=last)
    return {row["whose"]: row["parcels"] for row in rows}


def check_counts(store: Store, counts: Iterable[Count]) -> Check:
    """Each count is what the events of its blocks come to."""
    found = Findings("volumes", "客户当月票数由揽收扫描与订单独立清点")
    for count in counts:
        found.seen += 1
        true = parcels_of(store, count.blocks, count.month, count.through)
        for customer in sorted(true.keys() | count.volumes.keys()):
            said, wanted = count.volumes.get(customer, 0), true.get(customer, 0)
            if said != wanted:
                found.add(f"{count.name}: {customer} had {wanted} parcels, not {said}")
    return found.check("counts")
