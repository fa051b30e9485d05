"""Stays that have to come back from the books, and the events that bring them.

The same for goods in stores as `deploy.recall.finding` and `deploy.recall.books` are for parcels.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from deploy.recall.books import CHARGES, Row, TwiceChargedError, charges
from deploy.recall.complete import Complete
from deploy.recall.finding import CHARGED, Publication, limits_of, pages, touched_by
from flows.fees.current import FEES
from flows.fees.model import OF_STAYS
from schemas.events import (
    Awaited,
    StayClosed,
    StayEvent,
    StayMeasured,
    StayMoved,
    StayOpened,
    StayRecalled,
    StayReduced,
)
from schemas.identity import content_id

_DUES = [due.name for due in FEES.dues if due.trigger in OF_STAYS]
_FEES = [fee for due in FEES.dues if due.trigger in OF_STAYS for fee in due.fees]
_PRICES = {due.price for due in FEES.dues if due.trigger in OF_STAYS}
QUESTIONS = {
    "stay_event": """
        SELECT stay AS name, seq, event_id, toString(kind) AS kind, toUnixTimestamp64Milli(event_time) AS ms,
               toString(site) AS site, customer, toString(billing) AS billing, toString(temperature) AS temperature,
               toString(zone) AS zone, toString(vehicle) AS vehicle, plate, pallet, lot, pieces, pallets, volume_cm3,
               weight_g, toString(source) AS source, device
        FROM stay_event WHERE $where ORDER BY event_time, event_id""",
    "charge": CHARGES.replace("$name", "name").replace("$where", "$where AND fee IN {fees:Array(String)}"),
    "waiting": """
        SELECT waybill AS name, toString(fee) AS due, part, toString(argMax(reason, (seq, line))) AS why FROM waiting
        WHERE $where AND fee IN {dues:Array(String)} GROUP BY name, fee, part HAVING why != '' ORDER BY due""",
}
"""By table."""
LATE = """
SELECT stay, first.3 AS fact FROM (
    SELECT stay, arraySort(groupArray((seq, toUnixTimestamp64Milli(event_time), event_id))) AS facts,
           minIf(seq, kind = 'closed') AS gone, any(bitShiftRight(seq, 32)) AS lane,
           transform(lane, {lanes:Array(UInt64)}, {limits:Array(UInt64)}, toUInt64(0)) AS until,
           transform(lane, {lanes:Array(UInt64)}, {blocks:Array(UInt64)}, toUInt64(0)) AS settled,
           arrayMap(fact -> arrayMax(arrayMap(one -> if(one.1 < fact.1, one.2, 0), facts)), facts) AS before,
           any(again.recalled) AS since,
           arrayFirst((fact, newest) -> fact.1 > greatest(gone, since) AND fact.1 <= settled
               AND newest > 0 AND newest < until AND fact.2 > newest, facts, before) AS first
    FROM stay_event LEFT JOIN (
        SELECT waybill AS stay, max(seq) AS recalled FROM recall GROUP BY waybill
    ) AS again USING (stay)
    WHERE $complete AND stay IN (
        SELECT stay FROM stay_event WHERE $complete GROUP BY stay
        HAVING countIf(kind = 'closed') > 0 AND max(seq) > minIf(seq, kind = 'closed'))
    GROUP BY stay
) WHERE fact != '' AND stay > {after:String} ORDER BY stay LIMIT {page:UInt32}"""
"""What was heard of a stay after it had left, so long after all before that the lane may have forgotten it.

What begins a record is younger than all that was known of its former life, and all of that is older than the horizon.
A stay that the lane still has is only assessed again, so this may find too many.
"""
LEFT = """
SELECT stay FROM stay_event WHERE $complete GROUP BY stay
HAVING countIf(kind = 'closed') > 0 AND toUnixTimestamp64Milli(max(event_time)) < transform(
    any(bitShiftRight(seq, 32)), {lanes:Array(UInt64)}, {limits:Array(UInt64)}, toUInt64(0))"""
"""Stays that have left so long ago that the lane may have forgotten them."""


def recall(
    client: Client,
    stays: Sequence[str],
    causes: Mapping[str, str],
    complete: Complete,
    twice: Callable[[TwiceChargedError], None],
) -> Iterator[StayRecalled]:
    """The events that bring these stays back, in order; `twice` is told of those that are left out."""
    found: dict[str, dict[str, list[Row]]] = {stay: defaultdict(list) for stay in stays}
    asked = {"names": list(stays), "fees": _FEES, "dues": _DUES}
    for table, sql in QUESTIONS.items():
        key = "stay" if table == "stay_event" else "waybill"
        where = f"{key} IN {{names:Array(String)}} AND {complete.sql}"
        answer = client.query(sql.replace("$where", where), parameters=asked)
        for values in answer.result_rows:
            row = dict(zip(answer.column_names, values, strict=True))
            found[row["name"]][table].append(row)
    for stay, rows in found.items():
        if rows["stay_event"]:
            try:
                yield _recalled(stay, causes[stay], rows, complete)
            except TwiceChargedError as error:
                twice(error)


def _recalled(stay: str, cause: str, rows: Mapping[str, Sequence[Row]], complete: Complete) -> StayRecalled:
    charged, doubled = charges(stay, rows["charge"])
    made = StayRecalled(
        id="recalled",
        time=complete.time_of(max(row["seq"] for row in rows["stay_event"])),
        stay=stay,
        cause=cause,
        facts=tuple(_fact(stay, row) for row in rows["stay_event"]),
        charged=charged,
        doubled=doubled,
        waits=tuple(Awaited(due=row["due"], part=row["part"], reason=row["why"]) for row in rows["waiting"]),
    )
    return msgspec.structs.replace(made, id=content_id("recalled", msgspec.json.encode(made)))


_KINDS: dict[str, type[StayEvent]] = {
    "opened": StayOpened,
    "measured": StayMeasured,
    "reduced": StayReduced,
    "moved": StayMoved,
    "closed": StayClosed,
}
_MAY_LACK = ("pallets", "volume_cm3", "weight_g")


def _fact(stay: str, row: Row) -> StayEvent:
    """An event as it was said; what says nothing has its default."""
    kind = _KINDS[row["kind"]]
    own: dict[str, Any] = {"id": row["event_id"], "time": row["ms"], "stay": stay}
    fields = {name: row[name] for name in kind.__struct_fields__ if name in row}
    fields |= {name: None for name in _MAY_LACK if fields.get(name, 0) < 0}
    if kind is StayReduced and not fields["pieces"]:
        fields["pieces"] = None
    return kind(**own | fields)


# Which have to come back


def late_stays(client: Client, complete: Complete, horizon: int) -> Iterator[dict[str, str]]:
    """Pages of stays with the late events that they have to come back for."""
    yield from pages(client, LATE.replace("$complete", complete.sql), limits_of(complete, horizon))


def stays_charged_by(
    client: Client, complete: Complete, publication: Publication, horizon: int
) -> Iterator[dict[str, str]]:
    """Pages of stays that had left when a publication came that touched the prices of their days."""
    charged = touched_by(client, complete, publication, _PRICES, parcels=False)
    left = LEFT.replace("$complete", complete.sql)
    sql = CHARGED.replace("$charged", f"SELECT waybill FROM ({charged}) WHERE waybill IN ({left})")
    parameters = {"cause": publication.event_id, **limits_of(complete, horizon)}
    yield from (dict.fromkeys(page, publication.event_id) for page in pages(client, sql, parameters))
