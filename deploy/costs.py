"""`waybook costs`: publish what hubs and lines cost, apportion it to the parcels that passed, show lines' profit.

Shares are rows of the table `cost_share`, never changed: when late parcels, weights, orders or a withdrawal change
them, or the lines under which they stand, the next version takes the old share back in red and adds the new one. The
rows of a day's hubs go in with one insert whose token is a hash of them, so that repeating a run changes nothing.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.blocks import sealed, within
from dashboards.drafts import PROVINCES
from dashboards.queries import Row, rows
from dashboards.words import FIRST_DAY, line_between
from deploy.insert import insert_once
from deploy.publish import published, send_control
from deploy.terminal import table
from deploy.transfers import data_time
from flows.governance.network import Network
from flows.lifecycle.costs import MOST_DAYS
from flows.lifecycle.published import in_force
from schemas.counted import counted
from schemas.events import CostIncurred, CostWithdrawn
from schemas.identity import content_id
from schemas.money import parse_payable, yuan
from schemas.problems import DocumentError, Problem, hint
from schemas.rows import rows_of, wrong
from schemas.settings import Settings
from schemas.times import business_day, calendar_date, date_of, day_of

FILE = "costs.csv"
"""What the file is called in problems."""
COLUMNS = ("place", "to", "day", "amount", "carrier", "basis", "bill")
BASES = ("weight", "volume", "piece")
COSTS = """
SELECT cost_id, place, to_place, business_date, basis, toInt64(amount * 10000) AS units, gone FROM (
    SELECT cost_id, anyIf(place, status = 'incurred') AS place, anyIf(to_place, status = 'incurred') AS to_place,
           anyIf(business_date, status = 'incurred') AS business_date, anyIf(basis, status = 'incurred') AS basis,
           anyIf(amount, status = 'incurred') AS amount, countIf(status = 'incurred') AS billed,
           countIf(status = 'withdrawn') > 0 AS gone
    FROM cost WHERE $sealed GROUP BY cost_id
) WHERE billed > 0 AND (business_date >= {since:Date} OR cost_id NOT IN (SELECT cost_id FROM cost_share))
ORDER BY business_date, place, cost_id"""
NEWEST = "SELECT max(business_date) AS day FROM cost"
LATELY = timedelta(days=7)
"""Costs of which parcels may still be under way: those so many days before the newest, and later."""
SHARES = """
SELECT cost_id, waybill, toInt64(sum(amount) * 10000) AS units, max(version) AS newest,
       argMax(toString(route), (version, status = 'share')) AS line
FROM cost_share WHERE cost_id IN {costs:Array(String)} GROUP BY cost_id, waybill ORDER BY cost_id, waybill"""
"""By cost and parcel: its share in force, the newest version that changed it, and the line that it stands under."""
THERE = """
SELECT uniqExact(cost_id, version) = length({versions:Array(String)}) AS n FROM cost_share
WHERE cost_id IN {costs:Array(String)} AND concat(cost_id, ' ', toString(version)) IN {versions:Array(String)}"""
"""Whether these versions of costs are there: `cost version` each."""
SCANNED = """
SELECT toString(site) AS place, count() AS n FROM event
WHERE $sealed AND kind = 'scan' AND toDate(event_time, 'Asia/Shanghai') = {day:Date} AND site IN {places:Array(String)}
GROUP BY place ORDER BY place"""
MOST_SCANS = 200_000
"""On a day, of hubs whose parcels are asked for at once: a question costs more than its rows where they are few."""
PASSED = """
WITH passing AS (
    SELECT waybill FROM event
    WHERE $sealed AND kind = 'scan' AND site IN {places:Array(String)}
        AND toDate(event_time, 'Asia/Shanghai') = {day:Date}
)
SELECT p.place AS place, p.waybill AS waybill, w.grams AS weight, w.cm3 AS volume, greatest(o.pieces, 1) AS piece,
       arrayMap(one -> one.1, arrayFilter(one -> one.2 >= p.left, s.seen)) AS reached,
       if(o.origin = '', '', concat(a.province, '-', b.province)) AS route
FROM (
    SELECT waybill, toString(site) AS place, min(event_time) AS left FROM event
    WHERE $sealed AND kind = 'scan' AND site IN {places:Array(String)}
        AND toDate(event_time, 'Asia/Shanghai') = {day:Date}
    GROUP BY waybill, place
) AS p
LEFT JOIN (
    SELECT waybill, groupArray((place, last)) AS seen FROM (
        SELECT waybill, toString(site) AS place, max(event_time) AS last FROM event
        WHERE $sealed AND kind = 'scan' AND waybill IN passing GROUP BY waybill, place
    ) GROUP BY waybill
) AS s ON s.waybill = p.waybill
LEFT JOIN (
    SELECT waybill, argMax(weight_g, (seq, line)) AS grams, argMax(volume_cm3, (seq, line)) AS cm3
    FROM adopted_weight WHERE $sealed AND waybill IN passing GROUP BY waybill
) AS w ON w.waybill = p.waybill
LEFT JOIN (
    SELECT e.waybill AS waybill, argMax(toString(e.origin), (e.event_time, e.event_id)) AS origin,
           argMax(toString(e.destination), (e.event_time, e.event_id)) AS destination,
           argMax(t.pieces, (e.event_time, e.event_id)) AS pieces
    FROM (SELECT * FROM event WHERE $sealed AND kind = 'order' AND waybill IN passing) AS e
    LEFT JOIN (SELECT * FROM order_terms WHERE $sealed AND waybill IN passing) AS t
        ON t.event_id = e.event_id AND t.waybill = e.waybill
    GROUP BY e.waybill
) AS o ON o.waybill = p.waybill
LEFT JOIN (
    SELECT outlet, argMax(toString(province), (seq, line)) AS province FROM site WHERE $sealed GROUP BY outlet
) AS a ON a.outlet = o.origin
LEFT JOIN (
    SELECT outlet, argMax(toString(province), (seq, line)) AS province FROM site WHERE $sealed GROUP BY outlet
) AS b ON b.outlet = o.destination
ORDER BY place, waybill"""
"""Parcels at these hubs on a day, and the sites where they were seen when they were first there or later."""
PROFIT = """
SELECT route, sum(charged) AS income, sum(carriage) AS cost, sum(profit) AS gain FROM line_profit
WHERE business_date BETWEEN {first:Date} AND {last:Date} GROUP BY route ORDER BY gain DESC, route"""


_THERE = " is published already: nothing is sent"
_WITHDRAWN = " was withdrawn and stays so: nothing is sent; what is billed anew names another bill"


def apportion(units: int, quantities: Mapping[str, int]) -> dict[str, int]:
    """Shares of an amount by quantities, to the unit: the largest remainders get what is left, ties by waybill.

    >>> apportion(100, {"a": 1, "b": 1, "c": 1})
    {'a': 34, 'b': 33, 'c': 33}
    """
    whole = sum(quantities.values())
    if not whole:
        return {}
    shares = {waybill: units * quantity // whole for waybill, quantity in quantities.items()}
    left = units - sum(shares.values())
    order = sorted(quantities, key=lambda waybill: (-(units * quantities[waybill] % whole), waybill))
    for waybill in order[:left]:
        shares[waybill] += 1
    return shares


def spread(reader: Client, writer: Client, since: date = FIRST_DAY) -> list[str]:
    """Apportion every cost, as far as the books are complete; lines for people. `since`: none of an earlier day that
    has been apportioned.

    Costs of a day are looked at together, for many hubs at once where few parcels passed. `reader` sees all shards,
    `writer` writes to its own.
    """
    blocks = sealed(reader)
    known = within(blocks)
    named = " ".join(f"{lane}:{n}" for lane, n in sorted(blocks.items()))
    lines = []
    found = rows(reader, COSTS.replace("$sealed", known), since=since)
    for day, of in groupby(found, key=lambda cost: cost["business_date"]):
        costs = list(of)
        places = sorted({cost["place"] for cost in costs})
        scanned = rows(reader, SCANNED.replace("$sealed", known), day=day, places=places)
        for some in _together(places, {row["place"]: int(row["n"]) for row in scanned}):
            passed: dict[str, list[Row]] = {place: [] for place in some}
            for row in rows(reader, PASSED.replace("$sealed", known), places=some, day=day):
                passed[row["place"]].append(row)
            lines += _spread(
                reader, writer, [cost for cost in costs if cost["place"] in passed], passed, named
            )
    return lines or ["nothing has changed"]


def _together(places: Sequence[str], scans: Mapping[str, int]) -> Iterator[list[str]]:
    """Hubs in groups that have not too many scans together.

    >>> list(_together(["a", "b", "c"], {"a": 1, "b": MOST_SCANS, "c": 2}))
    [['a'], ['b'], ['c']]
    """
    some, total = list[str](), 0
    for place in places:
        if some and total + scans.get(place, 0) > MOST_SCANS:
            yield some
            some, total = [], 0
        some.append(place)
        total += scans.get(place, 0)
    if some:
        yield some


def _spread(
    reader: Client, writer: Client, costs: Sequence[Row], passed: Mapping[str, Sequence[Row]], named: str
) -> list[str]:
    """Apportion costs of a day to the parcels that passed, by hub."""
    shares: dict[str, list[Row]] = {}
    for row in rows(reader, SHARES, costs=[cost["cost_id"] for cost in costs]):
        shares.setdefault(row["cost_id"], []).append(row)
    versions = {
        cost["cost_id"]: _version(cost, shares.get(cost["cost_id"], []), passed[cost["place"]], named)
        for cost in costs
    }
    return _insert(writer, {cost: one for cost, one in versions.items() if one[1]})


def lately(reader: Client) -> date:
    """From which day on costs are worth looking at again and again."""
    newest: date = rows(reader, NEWEST)[0]["day"]
    return max(FIRST_DAY + LATELY, newest) - LATELY


def _version(
    cost: Row, shares: Sequence[Row], there: Sequence[Row], named: str
) -> tuple[int, list[dict[str, Any]]]:
    """The next version of a cost's shares, and its rows; none where nothing has changed.

    `shares`: what there is of it; `there`: parcels that were at its hub on its day.
    """
    before = {row["waybill"]: (int(row["units"]), str(row["line"])) for row in shares if row["units"]}
    version = 1 + max((int(row["newest"]) for row in shares), default=0)
    to = cost["to_place"]
    passed = [row for row in there if not to or to in row["reached"]] if not cost["gone"] else []
    quantities = {row["waybill"]: int(row[cost["basis"]]) for row in passed}
    if not any(quantities.values()):
        quantities = {row["waybill"]: int(row["piece"]) for row in passed}
    lines = {row["waybill"]: str(row["route"]) for row in passed}
    apportioned = apportion(int(cost["units"]), quantities)
    after = {waybill: (units, lines[waybill]) for waybill, units in apportioned.items() if units}
    if after == before:
        return version, []
    about = {"cost_id": cost["cost_id"], "version": version, "business_date": str(cost["business_date"])}

    def row(waybill: str, status: str, quantity: int, units: int, route: str) -> dict[str, Any]:
        told = {"status": status, "quantity": quantity, "amount": yuan(units), "route": route}
        return {**about, "waybill": waybill, "blocks": named, **told}

    made = []
    for waybill in sorted(before.keys() | after.keys()):
        if before.get(waybill) == after.get(waybill):
            continue
        if waybill in before:
            units, line = before[waybill]
            made.append(row(waybill, "reversed", 0, -units, line))
        if waybill in after:
            made.append(row(waybill, "share", quantities[waybill], *after[waybill]))
    return version, made


def _insert(writer: Client, versions: Mapping[str, tuple[int, list[dict[str, Any]]]]) -> list[str]:
    """Write these costs' next versions with one insert, and say so."""
    if not versions:
        return []
    body = b"\n".join(msgspec.json.encode(row) for _, made in versions.values() for row in made)
    token = f"cost_share-{hashlib.sha256(body).hexdigest()}"
    names = [f"{cost} {version}" for cost, (version, _) in versions.items()]
    if not insert_once(writer, "cost_share", body, token, THERE, costs=list(versions), versions=names):
        raise RuntimeError(f"these versions cannot be inserted: {', '.join(names)}")
    return [
        f"{cost}: version {version}, {counted(len(made), 'row')}"
        for cost, (version, made) in versions.items()
    ]


def read_costs(
    text: str, at: int, by: str, file: str = FILE, network: Network | None = None
) -> list[CostIncurred]:
    """Costs of a CSV file (`place,to,day,amount,carrier,basis,bill`). Raises DocumentError with every problem.

    `network`: the directory whose hubs there are; None: nobody can tell.
    """
    problems: list[Problem] = []
    events: list[CostIncurred] = []
    lines: dict[str, int] = {}
    for line, said in rows_of({file: text}, file, COLUMNS, problems):
        found = list(_wrong(file, line, said, at, network))
        if not found:
            try:
                event = _event(said, at, by)
                first = lines.setdefault(event.id, line)
                if first != line:
                    other = f"{said['bill'] or 'B-7'}/2"
                    right = f"is row {first} once more; a cost of its own names another bill, as {other}"
                    found = [Problem(file, line, "bill", "repeated_cost", right)]
                events.append(event)
            except msgspec.ValidationError as error:  # texts that are too long, days that no book has
                column = next((name for name in COLUMNS if str(error).endswith(f"$.{name}`")), "")
                found = [Problem(file, line, column, "wrong_cost", str(error).partition(" - at ")[0])]
        problems += found
    if problems:
        raise DocumentError(problems)
    return events


def _event(said: Mapping[str, str], at: int, by: str) -> CostIncurred:
    """The cost that a row tells. Raises msgspec.ValidationError."""
    made = {
        **said,
        "type": "cost",
        "id": content_id("cost", *said.values()),
        "time": at,
        "day": calendar_date(said["day"]),
        "amount_e4": parse_payable(said["amount"]),
        "by": by,
    }
    return msgspec.convert(made, CostIncurred)


def _wrong(
    file: str, row: int, said: Mapping[str, str], at: int, network: Network | None
) -> Iterator[Problem]:
    """What is wrong with a row's cells, each with what would be right: whatever a lane would refuse."""
    hubs = None if network is None else sorted(network.hubs)
    for column in ("place", "carrier"):
        if not said[column]:
            right = {"place": "a hub's code", "carrier": "who billed it"}[column]
            yield wrong(file, row, column, f"is empty; it says {right}", "nothing_said")
    for column in ("place", "to"):
        code = said[column]
        if code and hubs is not None and code not in hubs:
            yield wrong(
                file, row, column, f"{code} is no hub of the directory{hint(code, hubs)}", "unknown_hub"
            )
    if said["to"] == said["place"] != "":
        yield wrong(file, row, "to", "is the place itself; a line ends at another hub", "same_hub")
    if said["basis"] not in BASES:
        what = repr(said["basis"]) if said["basis"] else "empty"
        right = f"is {what}; it is one of {', '.join(BASES)}{hint(said['basis'], list(BASES))}"
        yield wrong(file, row, "basis", right, "unknown_basis")
    try:
        day, now = day_of(calendar_date(said["day"])), business_day(at)
        if not now - MOST_DAYS <= day <= now:
            right = f"is from {date_of(now - MOST_DAYS)} to {date_of(now)}, the business day that it is"
            yield wrong(file, row, "day", right, "out_of_range")
    except ValueError:
        yield wrong(file, row, "day", f"is {said['day']!r}; a day is written as 2025-11-10", "not_a_day")
    try:
        if parse_payable(said["amount"]) <= 0:
            yield wrong(
                file, row, "amount", "is more than 0 yuan; costs withdraw takes a cost back", "no_cost"
            )
    except ValueError as error:
        yield wrong(file, row, "amount", f"{error}; write yuan as 900.00", "not_an_amount")


def publish(settings: Settings, text: str, by: str, file: str = FILE) -> list[str]:
    """Publish the costs of a CSV file; lines for people. Raises DocumentError, DeliveryError."""
    said = published(settings)
    network, _ = in_force(said)  # None: nobody has published a directory yet
    events = read_costs(text, data_time(settings), by, file, network)
    withdrawn = {one.cost for one in said if isinstance(one, CostWithdrawn)}
    there = {one.id for one in said if isinstance(one, CostIncurred)}
    send_control(settings, *(event for event in events if event.id not in there | withdrawn))
    return [
        f"{event.id}: {event.place} {event.to} {event.day} {yuan(event.amount_e4)}"
        + (_WITHDRAWN if event.id in withdrawn else _THERE if event.id in there else "")
        for event in events
    ]


def withdraw(settings: Settings, cost: str, reason: str, by: str) -> str:
    """Publish that a cost was wrong. Raises LookupError for one that nobody published, DeliveryError."""
    said = published(settings)
    known = [one.id for one in said if isinstance(one, CostIncurred)]
    if cost not in known:
        raise LookupError(f"no cost {cost} is published{hint(cost, known)}")
    if any(isinstance(one, CostWithdrawn) and one.cost == cost for one in said):
        return cost + _WITHDRAWN
    event = CostWithdrawn(
        id=content_id("cost_withdrawn", cost, reason),
        time=data_time(settings),
        cost=cost,
        reason=reason,
        by=by,
    )
    send_control(settings, event)
    return f"{cost}: withdrawn"


def profit(client: Client, first: date, last: date) -> Iterator[str]:
    """Lines' charges, carriage and profit, best first."""
    names = {row["province"]: row["name"] for row in rows(client, PROVINCES)}
    shown: list[tuple[str, ...]] = [
        ("线路 line", "名称 name", "收费 charged", "运力成本 carriage", "毛利 profit")
    ]
    shown += [
        (
            row["route"] or "—",
            line_between(row["route"], names) if row["route"] else "没有订单 without an order",
            *(f"{row[column]:,.2f}" for column in ("income", "cost", "gain")),
        )
        for row in rows(client, PROFIT, first=first, last=last)
    ]
    return table(shown, right=(2, 3, 4), indent=0)
