"""`waybook costs`: publish what hubs and lines cost, apportion it to the parcels that passed, show lines' profit.

Shares are rows of the table `cost_share`, never changed: when late parcels, weights, orders or a withdrawal change
them, or the lines under which they stand, the next version takes the old share back in red and adds the new one. A
version's rows go in with one insert whose token is a hash of them, so that repeating a run changes nothing.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.drafts import PROVINCES
from dashboards.queries import rows
from dashboards.words import line_between
from deploy.blocks import sealed, within
from deploy.insert import insert_once
from deploy.publish import send_control, standing
from deploy.terminal import table
from deploy.transfers import data_time
from flows.governance.network import Network
from schemas.counted import counted
from schemas.events import CostIncurred, CostWithdrawn
from schemas.identity import content_id
from schemas.money import parse_yuan, yuan
from schemas.problems import DocumentError, Problem, hint
from schemas.rows import rows_of, wrong
from schemas.settings import Settings

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
) WHERE billed > 0 ORDER BY cost_id"""
SHARES = """
SELECT waybill, toInt64(sum(amount) * 10000) AS units, max(version) AS newest,
       argMax(toString(route), (version, status = 'share')) AS line
FROM cost_share WHERE cost_id = {cost:String} GROUP BY waybill ORDER BY waybill"""
"""By parcel: its share in force, the newest version that changed it, and the line that it stands under."""
THERE = "SELECT count() AS n FROM cost_share WHERE cost_id = {cost:String} AND version = {version:UInt32}"
PASSED = """
WITH passing AS (
    SELECT waybill FROM event
    WHERE $sealed AND kind = 'scan' AND site = {place:String} AND toDate(event_time, 'Asia/Shanghai') = {day:Date}
)
SELECT p.waybill AS waybill, w.grams AS weight, w.cm3 AS volume, greatest(o.pieces, 1) AS piece,
       if(o.origin = '', '', concat(a.province, '-', b.province)) AS route
FROM (
    SELECT waybill FROM event WHERE $sealed AND kind = 'scan' AND waybill IN passing GROUP BY waybill
    HAVING {to:String} = '' OR maxIf(event_time, site = {to:String}) >= minIf(
        event_time, site = {place:String} AND toDate(event_time, 'Asia/Shanghai') = {day:Date})
        AND countIf(site = {to:String}) > 0
) AS p
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
ORDER BY waybill"""
PROFIT = """
SELECT route, sum(charged) AS income, sum(carriage) AS cost, sum(profit) AS gain FROM line_profit
WHERE business_date BETWEEN {first:Date} AND {last:Date} GROUP BY route ORDER BY gain DESC, route"""


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


def spread(reader: Client, writer: Client) -> list[str]:
    """Apportion every cost as far as the books are complete; lines for people.

    `reader` sees all shards, `writer` writes to its own.
    """
    blocks = sealed(reader)
    known = within(blocks)
    named = " ".join(f"{lane}:{n}" for lane, n in sorted(blocks.items()))
    lines = []
    for cost in rows(reader, COSTS.replace("$sealed", known)):
        version, made = _version(reader, cost, known, named)
        if made:
            _insert(writer, cost["cost_id"], version, made)
            lines.append(f"{cost['cost_id']}: version {version}, {counted(len(made), 'row')}")
    return lines or ["nothing has changed"]


def _version(
    client: Client, cost: Mapping[str, Any], known: str, named: str
) -> tuple[int, list[dict[str, Any]]]:
    """The next version of a cost's shares, and its rows; none where nothing has changed."""
    shares = rows(client, SHARES, cost=cost["cost_id"])
    before = {row["waybill"]: (int(row["units"]), str(row["line"])) for row in shares if row["units"]}
    version = 1 + max((int(row["newest"]) for row in shares), default=0)
    passed: list[dict[str, Any]] = []
    if not cost["gone"]:
        asked = {"place": cost["place"], "to": cost["to_place"], "day": cost["business_date"]}
        passed = rows(client, PASSED.replace("$sealed", known), **asked)
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


def _insert(writer: Client, cost: str, version: int, made: list[dict[str, Any]]) -> None:
    body = b"\n".join(map(msgspec.json.encode, made))
    token = f"cost_share-{cost}-{version}-{hashlib.sha256(body).hexdigest()}"
    if not insert_once(writer, "cost_share", body, token, THERE, cost=cost, version=version):
        raise RuntimeError(f"version {version} of {cost} cannot be inserted")


def read_costs(
    text: str, at: int, by: str, file: str = FILE, network: Network | None = None
) -> list[CostIncurred]:
    """Costs of a CSV file (`place,to,day,amount,carrier,basis,bill`). Raises DocumentError with every problem.

    `network`: the directory whose hubs there are; None: nobody can tell.
    """
    problems: list[Problem] = []
    events: list[CostIncurred] = []
    for line, said in rows_of({file: text}, file, COLUMNS, problems):
        found = list(_wrong(file, line, said, network))
        if not found:
            try:
                events.append(_event(said, at, by))
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
        "day": date.fromisoformat(said["day"]),
        "amount_e4": parse_yuan(said["amount"]),
        "by": by,
    }
    return msgspec.convert(made, CostIncurred)


def _wrong(file: str, row: int, said: Mapping[str, str], network: Network | None) -> Iterator[Problem]:
    """What is wrong with a row's cells, each with what would be right."""
    hubs = None if network is None else [site.site for site in network.sites.values() if site.kind == "hub"]
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
    if said["basis"] not in BASES:
        what = repr(said["basis"]) if said["basis"] else "empty"
        right = f"is {what}; it is one of {', '.join(BASES)}{hint(said['basis'], list(BASES))}"
        yield wrong(file, row, "basis", right, "unknown_basis")
    try:
        date.fromisoformat(said["day"])
    except ValueError:
        yield wrong(file, row, "day", f"is {said['day']!r}; a day is written as 2025-11-10", "not_a_day")
    try:
        if parse_yuan(said["amount"]) <= 0:
            yield wrong(
                file, row, "amount", "is more than 0 yuan; costs withdraw takes a cost back", "no_cost"
            )
    except ValueError as error:
        yield wrong(file, row, "amount", f"{error}; write yuan as 900.00", "not_an_amount")


def publish(settings: Settings, text: str, by: str, file: str = FILE) -> list[str]:
    """Publish the costs of a CSV file; lines for people. Raises DocumentError, DeliveryError."""
    network = None
    with contextlib.suppress(LookupError):  # nobody has published a directory yet
        network, _ = standing(settings)
    events = read_costs(text, data_time(settings), by, file, network)
    send_control(settings, *events)
    return [f"{event.id}: {event.place} {event.to} {event.day} {yuan(event.amount_e4)}" for event in events]


def withdraw(settings: Settings, cost: str, reason: str, by: str) -> str:
    """Publish that a cost was wrong."""
    now = data_time(settings)
    event = CostWithdrawn(
        id=content_id("cost_withdrawn", cost, reason), time=now, cost=cost, reason=reason, by=by
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
