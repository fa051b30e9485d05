"""What another weight policy would adopt of the weights that the books know, and what charges come to by these.

Both policies are asked of the same parcels by the code by which lanes choose. Weights that a person decided stay as
they are. When a class may be adopted is not looked at: it is asked as if every parcel's way had ended.
"""

from collections.abc import Iterator

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from deploy.rerating.compare import Comparison, rated
from deploy.rerating.read import OF_PARCELS, Reader
from flows.governance.network import Network
from flows.lifecycle.parcel import Parcel, Weighed
from flows.lifecycle.weighing import NOTHING, chosen, of_line
from flows.rating.policy import WeightPolicy
from flows.rating.rerate import Rerater

AT_ONCE = 2_000
"""Parcels in a question about their charges: it names them."""
EACH = 50_000
"""Parcels whose weights are held at once."""
COUNT = f"SELECT uniq(waybill) FROM charge WHERE {OF_PARCELS} AND weight_class != ''"
FACTS = f"""
SELECT waybill, groupArrayIf((toString(weight_class), toUnixTimestamp64Milli(event_time), event_id, weight_g,
           intDiv(toUInt64(length_mm) * width_mm * height_mm, 1000), greatest(length_mm, width_mm, height_mm),
           toString(site)), kind = 'weight') AS weighed,
       argMaxIf((event_id, toUnixTimestamp64Milli(event_time), weight_g, toString(product), toString(origin),
           toString(destination)), (event_time, event_id), kind = 'order') AS ordered
FROM event
WHERE cityHash64(waybill) % {{parts:UInt32}} = {{part:UInt32}}
    AND waybill IN (SELECT waybill FROM charge WHERE {OF_PARCELS} AND weight_class != '')
    AND waybill NOT IN (SELECT waybill FROM weight_decision)
GROUP BY waybill ORDER BY waybill"""
"""Of parcels that were charged by a weight: their weights and newest orders."""


class Reweighed(msgspec.Struct):
    """What another policy makes of them."""

    charges: Comparison
    parcels: int = 0
    """Those that were charged by a weight."""
    otherwise: int = 0
    """Those of which another weight would be adopted."""
    nothing: int = 0
    """Those of which none would: what is charged of them is not counted."""


def reweighed(
    client: Client, before: WeightPolicy, after: WeightPolicy, network: Network, rerater: Rerater
) -> Reweighed:
    """The parcels whose weight is another one by `after`, and what those charges come to that it changes, by fee."""
    found = Reweighed(Comparison(["fee"], network))
    reader = Reader(client, rerater.facts, network.hubs)
    parts = 1 + int(client.query(COUNT).result_rows[0][0]) // EACH
    for part in range(parts):
        others: dict[str, Weighed] = {}
        for parcel in _parcels(client, part, parts):
            found.parcels += 1
            one, other = (chosen(parcel, of_line(policy, parcel, network)) for policy in (before, after))
            if other.id != one.id:
                found.nothing += other is NOTHING
                others[parcel.key] = other
        found.otherwise += len(others)
        weighed = [item for item in others.items() if item[1] is not NOTHING]
        for start in range(0, len(weighed), AT_ONCE):
            sample = reader.reweighed(dict(weighed[start : start + AT_ONCE]))
            found.charges.add(rated(sample, rerater))
    found.charges.groups = {group: sums for group, sums in found.charges.groups.items() if sums.changed}
    return found


def _parcels(client: Client, part: int, parts: int) -> Iterator[Parcel]:
    """As far as weights are chosen by it."""
    for row in rows(client, FACTS, part=part, parts=parts):
        parcel = Parcel(row["waybill"], 0, 0, 0)
        parcel.weighings = [Weighed(*weighed) for weighed in row["weighed"]]
        parcel.order_id, parcel.order_time, parcel.declared_g, *line = row["ordered"]
        parcel.product, parcel.origin, parcel.destination = line
        yield parcel
