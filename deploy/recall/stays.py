"""Stays that have to come back from the books, and the events that bring them.

The same for goods in stores as `deploy.recall.finding` and `deploy.recall.books` are for parcels.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
from clickhouse_connect.driver.client import Client

from deploy.recall.books import CHARGES, Row, TwiceChargedError, charges
from deploy.recall.complete import Complete
from deploy.recall.finding import CHARGED, Publication, limits_of, pages, touched_by
from deploy.rerating.words import STAY_EVENTS, stay_event
from flows.fees.current import FEES
from flows.fees.model import OF_STAYS
from schemas.events import Awaited, StayRecalled
from schemas.identity import content_id

_DUES = [due.name for due in FEES.dues if due.trigger in OF_STAYS]
_FEES = [fee for due in FEES.dues if due.trigger in OF_STAYS for fee in due.fees]
_PRICES = {due.price for due in FEES.dues if due.trigger in OF_STAYS}
QUESTIONS = {
    "stay_event": STAY_EVENTS,
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
        facts=tuple(map(stay_event, rows["stay_event"])),
        charged=charged,
        doubled=doubled,
        waits=tuple(Awaited(due=row["due"], part=row["part"], reason=row["why"]) for row in rows["waiting"]),
    )
    return msgspec.structs.replace(made, id=content_id("recalled", msgspec.json.encode(made)))


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
