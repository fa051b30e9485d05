"""The tree of parties as it is on a day, for the terminal, from what ClickHouse holds."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client

from dashboards.library import today
from dashboards.queries import NEWEST_DIRECTORY
from dashboards.words import PARTIES as KINDS
from flows.governance.operators import Change, Operators
from schemas.events import PartiesMerged, PartyTransferred
from schemas.times import date_of, day_of

Row = dict[str, Any]

PARTIES = f"""
WITH {NEWEST_DIRECTORY}
SELECT party, kind, name, parent, legal_entity, settlement_account, customer_level FROM party
WHERE (seq, version) IN newest AND first_day <= {{day:Date}} AND last_day >= {{day:Date}}
ORDER BY party"""
OUTLETS = f"""
WITH {NEWEST_DIRECTORY}
SELECT outlet AS party, kind, name, province_name FROM site
WHERE (seq, version) IN newest AND kind = 'outlet' ORDER BY party"""
CHANGES = "SELECT change_id, kind, outlet, party, first_day, published_at FROM operator ORDER BY seq, line"
NEWEST = "SELECT max(business_date) FROM charge HAVING count() > 0"


def operators(client: Client) -> Operators:
    """The history of who runs which outlet."""
    made: dict[tuple[str, date], Change] = {}
    for name, kind, outlet, party, first, at in client.query(CHANGES).result_rows:
        time = int(at.timestamp() * 1000)
        if kind == "handover_withdrawn":
            del made[outlet, first]
        elif kind == "parties_merged":
            made[outlet, first] = PartiesMerged(
                id=name, time=time, absorbed=outlet, into=party, from_day=first
            )
        else:
            made[outlet, first] = PartyTransferred(
                id=name, time=time, outlet=outlet, party=party, from_day=first
            )
    return Operators.of_changes(tuple(made.values()))


def tree(client: Client, at: date | None = None) -> str:
    """The tree on a day, an indented line a party; beside each other those with members first.

    Default: the newest business day that was charged, else today.
    """
    day = at or next((row[0] for row in client.query(NEWEST).result_rows), date_of(today()))
    rows = list(client.query(PARTIES, parameters={"day": day}).named_results())
    known = {row["party"] for row in rows}
    rows += [row for row in client.query(OUTLETS).named_results() if row["party"] not in known]
    below: dict[str, list[Row]] = {}
    for row in rows:
        parent = row.get("parent", "")
        below.setdefault(parent if parent in known else "", []).append(row)
    history = operators(client)
    return "\n".join([f"{day}", *_lines(below, "", 0, history, day_of(day))])


def _lines(
    below: dict[str, list[Row]], parent: str, depth: int, history: Operators, day: int
) -> Iterator[str]:
    for row in sorted(below.get(parent, []), key=lambda row: row["party"] not in below):  # customers are many
        told = [row["party"], KINDS[row["kind"]], row["name"]]
        told += [row.get(name, "") for name in ("legal_entity", "settlement_account", "customer_level")]
        runs = history.of(row["party"], day)
        if runs != row["party"]:
            since = max(first for first, _ in history.histories[row["party"]] if first <= day)
            told.append(f"← {runs} ({date_of(since)})")
        yield "  " * depth + "  ".join(filter(None, told))
        yield from _lines(below, row["party"], depth + 1, history, day)
