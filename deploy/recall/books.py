"""Parcels out of ClickHouse, many at a time: what the books have of each, as the event that brings it back.

Only rows of complete blocks are read; a lane is told the data time of the newest of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from deploy.recall.complete import Complete
from flows.governance.chains import BREACH
from schemas.events import (
    Awaited,
    Broken,
    Charged,
    Claim,
    ClaimWithdrawn,
    Differing,
    Order,
    ParcelFact,
    ParcelRecalled,
    Scan,
    Weight,
    WeightDecided,
)
from schemas.identity import content_id

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
"""Rows of each question of `QUESTIONS`, of one parcel."""

_AS_OF = "reverses = toFixedString('', 16)"
CHARGES = f"""
    SELECT waybill AS $name, toString(fee) AS fee, part, max(toUInt32(revision)) AS newest,
           count() - uniqExact(charge_id) AS twice,
           arraySort(arrayFilter(
               one -> NOT has(groupArrayIf(toString(hex(reverses)), NOT ({_AS_OF})), one.3),
               groupArrayIf((seq, line, hex(charge_id), toUInt32(revision), reinterpretAsInt64(amount),
                             toUnixTimestamp64Milli(event_time), toString(payer), toString(payee), toString(origin),
                             toString(destination), toString(product)), {_AS_OF}))) AS standing
    FROM charge WHERE $where GROUP BY waybill, fee, part ORDER BY fee, part"""
"""Fees with the charges that stand, the newest last: more than one where a forgotten parcel was charged again."""
QUESTIONS = {
    "event": """
        SELECT waybill, seq, event_id, toString(kind) AS what, toUnixTimestamp64Milli(event_time) AS ms,
               toString(operation) AS operation, toString(source) AS source, toString(code) AS code,
               toString(site) AS site, toString(outlet) AS outlet, toString(city) AS city,
               toString(province) AS province, device, toString(courier) AS courier,
               toString(weight_class) AS weight_class, weight_g, length_mm, width_mm, height_mm, photo,
               toString(origin) AS origin, toString(destination) AS destination,
               toString(origin_city) AS origin_city, toString(destination_city) AS destination_city,
               toString(origin_county) AS origin_county, toString(destination_county) AS destination_county,
               customer, toString(product) AS product, reinterpretAsInt64(payment) AS units
        FROM event WHERE $where ORDER BY event_time, event_id""",
    "order_terms": """
        SELECT waybill, event_id, pieces, toString(channel) AS channel, reinterpretAsInt64(insured) AS insured_e4,
               reinterpretAsInt64(cod) AS cod_e4, promised_hours, toString(direction) AS direction,
               toString(billing) AS billing, related,
               arrayFilter(word -> word != '', splitByChar('|', toString(services))) AS services
        FROM order_terms WHERE $where""",
    "claim": """
        SELECT waybill, event_id, toUnixTimestamp64Milli(event_time) AS ms, claim, toString(status) AS status,
               toString(kind) AS kind, toString(responsible) AS responsible, toString(beneficiary) AS beneficiary,
               reinterpretAsInt64(amount) AS units, evidence, by, why
        FROM claim WHERE $where ORDER BY seq, line""",
    "weight_decision": """
        SELECT waybill, seq, event_id, toUnixTimestamp64Milli(event_time) AS ms, toString(decision) AS decision,
               weight_event, weight_g, volume_cm3, decided_by, reason
        FROM weight_decision WHERE $where ORDER BY event_time, event_id""",
    "charge": CHARGES.replace("$name", "waybill"),
    "waiting": """
        SELECT waybill, toString(fee) AS due, part, toString(argMax(reason, (seq, line))) AS why FROM waiting
        WHERE $where GROUP BY waybill, fee, part HAVING why != '' ORDER BY due, part""",
    "adopted_weight": """
        SELECT waybill, argMax(event_id, (seq, line)) AS adopted FROM adopted_weight
        WHERE $where GROUP BY waybill""",
    "anomaly": """
        SELECT DISTINCT waybill, event_id FROM anomaly
        WHERE $where AND kind = 'weight_implausible' ORDER BY event_id""",
    "weight_case": """
        SELECT waybill, argMax((toString(status), weight_event, other_event, toString(on_difference), decision),
                               (seq, line)) AS newest
        FROM weight_case WHERE $where GROUP BY waybill""",
    "chain_breach": """
        SELECT waybill, toString(rule) AS rule,
               argMax((toString(status), toString(operation), toUnixTimestamp64Milli(since),
                       toUnixTimestamp64Milli(due), toString(site), toString(outlet)), (seq, line)) AS newest
        FROM chain_breach WHERE $where GROUP BY waybill, rule ORDER BY rule""",
}
"""By table."""


class TwiceChargedError(ValueError):
    """A row stands twice in the books: nothing is corrected by itself before someone has looked at it."""


def recall(
    client: Client,
    waybills: Sequence[str],
    causes: Mapping[str, str],
    complete: Complete,
    twice: Callable[[TwiceChargedError], None],
) -> Iterator[ParcelRecalled]:
    """The events that bring these parcels back, in order; of parcels without facts there is none.

    `twice` is told of those that are left out.
    """
    found: dict[str, dict[str, list[Row]]] = {waybill: defaultdict(list) for waybill in waybills}
    for table, sql in QUESTIONS.items():
        where = f"waybill IN {{waybills:Array(String)}} AND {complete.sql}"
        answer = client.query(sql.replace("$where", where), parameters={"waybills": list(waybills)})
        for values in answer.result_rows:
            row = dict(zip(answer.column_names, values, strict=True))
            found[row["waybill"]][table].append(row)
    for waybill, rows in found.items():
        if rows["event"] or rows["weight_decision"]:
            time = complete.time_of(max(row["seq"] for row in (*rows["event"], *rows["weight_decision"])))
            try:
                yield recalled(waybill, causes[waybill], rows, time)
            except TwiceChargedError as error:
                twice(error)


def recalled(waybill: str, cause: str, rows: Rows, time: int) -> ParcelRecalled:
    """A parcel from its rows. Raises TwiceChargedError."""
    charged, doubled = charges(waybill, rows["charge"])
    made = ParcelRecalled(
        id="recalled",
        time=time,
        waybill=waybill,
        cause=cause,
        facts=tuple(_facts(waybill, rows)),
        charged=charged,
        doubled=doubled,
        waits=tuple(Awaited(due=row["due"], part=row["part"], reason=row["why"]) for row in rows["waiting"]),
        adopted=next((row["adopted"] for row in rows["adopted_weight"]), ""),
        remarked=tuple(row["event_id"] for row in rows["anomaly"]),
        case=next(map(_case, rows["weight_case"]), None),
        broken=tuple(_broken(rows)),
    )
    return msgspec.structs.replace(made, id=content_id("recalled", msgspec.json.encode(made)))


def charges(name: str, rows: Iterable[Row]) -> tuple[tuple[Charged, ...], tuple[Charged, ...]]:
    """By fee and part the newest charge in force, and those that stand beside it. Raises TwiceChargedError."""
    charged: list[Charged] = []
    doubled: list[Charged] = []
    for row in rows:
        if row["twice"]:
            raise TwiceChargedError(f"{name}: {row['fee']} {row['part']} is charged twice under one number")
        if not row["standing"]:
            newest = row["newest"]
            charged.append(Charged(fee=row["fee"], part=row["part"], revision=newest + 1, newest=newest))
            continue
        *others, last = (_charged(row, one) for one in row["standing"])
        charged.append(last)
        doubled += others
    return tuple(charged), tuple(doubled)


def _charged(row: Row, one: Sequence[Any]) -> Charged:
    _, _, _, revision, amount, time, payer, payee, origin, destination, product = one
    return Charged(
        fee=row["fee"],
        part=row["part"],
        revision=revision,
        newest=row["newest"],
        standing=True,
        amount_e4=amount,
        time=time,
        payer=payer,
        payee=payee,
        origin=origin,
        destination=destination,
        product=product,
    )


def _case(row: Row) -> Differing | None:
    status, weight_event, other_event, treatment, decision = row["newest"]
    if status == "closed":
        return None
    return Differing(
        decided=status == "decided",
        weight_event=weight_event,
        other_event=other_event,
        treatment=treatment,
        decision=decision,
    )


def _broken(rows: Rows) -> Iterator[Broken]:
    penalties = {row["claim"]: row for row in rows["claim"] if row["status"] in ("breached", "mended")}
    for row in rows["chain_breach"]:
        status, operation, since, due, site, outlet = row["newest"]
        if status != "final":
            continue
        said = {"since": since, "due": due, "site": site, "outlet": outlet}
        penalty = penalties.get(BREACH + row["rule"])
        if penalty is not None and penalty["status"] == "breached":
            said |= {"claim": penalty["claim"], "amount_e4": penalty["units"]}
            said |= {name: penalty[name] for name in ("kind", "responsible")}
        yield Broken(rule=row["rule"], operation=operation, **said)


def _facts(waybill: str, rows: Rows) -> Iterator[ParcelFact]:
    terms = {row["event_id"]: row for row in rows["order_terms"]}
    claims = {row["event_id"]: row for row in rows["claim"]}
    for row in rows["event"]:
        own = {"id": row["event_id"], "time": row["ms"], "waybill": waybill}
        match row["what"]:
            case "order":
                yield Order(**own, **_order(row), **_taken(terms.get(row["event_id"], {}), _TERMS))
            case "scan":
                yield Scan(**own, **_taken(row, (*_PLACE, "operation", "code", "courier")))
            case "weight":
                yield Weight(**own, **_taken(row, (*_PLACE, *_WEIGHT)))
            case _:
                yield _claim(own, claims[row["event_id"]])
    for row in rows["weight_decision"]:
        own = {"id": row["event_id"], "time": row["ms"], "waybill": waybill}
        yield WeightDecided(**own, **_taken(row, _DECISION))


_TERMS = (
    *("pieces", "channel", "insured_e4", "cod_e4", "promised_hours", "direction", "billing", "related"),
    "services",
)
_PLACE = ("source", "site", "outlet", "city", "province", "device")
_WEIGHT = ("weight_g", "length_mm", "width_mm", "height_mm", "weight_class", "photo")
_DECISION = ("decision", "decided_by", "weight_event", "weight_g", "volume_cm3", "reason")
_ORDER = (
    *("origin", "destination", "origin_city", "destination_city", "origin_county", "destination_county"),
    *("customer", "product"),
)


def _taken(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


def _order(row: Row) -> dict[str, Any]:
    """Provinces are no part of the books: an outlet's is the directory's."""
    return {
        **_taken(row, _ORDER),
        "origin_province": "",
        "destination_province": "",
        "declared_g": row["weight_g"],
        "payment_e4": row["units"],
    }


def _claim(own: dict[str, Any], row: Row) -> Claim | ClaimWithdrawn:
    if row["status"] == "withdrawn":
        return ClaimWithdrawn(**own, claim=row["claim"], reason=row["why"], by=row["by"])
    return Claim(
        **own, amount_e4=row["units"], **_taken(row, ("kind", "responsible", "beneficiary", "evidence", "by"))
    )
