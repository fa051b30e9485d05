"""Drafts of tariff books beside live traffic: their runs and what they would change, for the terminal and the page."""

from datetime import datetime
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from dashboards.words import FEES, line_between
from schemas.money import yuan

RUN_STATUS = {"begun": "运行中 runs", "renewed": "运行中 runs", "stopped": "已停止 stopped"}
SUMS = """
sum(charges) AS charges, sum(changed) AS changed, sum(unpriced) AS unpriced, toInt64(sum(before) * 10000) AS before,
toInt64(sum(after) * 10000) AS after"""
RUNS = f"""
SELECT r.run AS run, r.name AS name, r.status AS status, r.by AS by, r.since AS since, {SUMS} FROM (
    SELECT run, argMax(name, n) AS name, argMax(status, n) AS status, argMin(by, n) AS by, min(draft_run.at) AS since
    FROM draft_run GROUP BY run) AS r
LEFT JOIN (SELECT * FROM draft_difference) AS d ON d.run = r.run
GROUP BY run, name, status, by, since ORDER BY since, run"""
DIMENSIONS = {
    "fee": ("fee", "费用 fee"),
    "line": ("route", "线路 line"),
    "outlet": ("payer", "付款方 payer"),
    "customer": ("customer", "客户 customer"),
}
"""By what a run's differences are summed: its column and name."""
BY = """
SELECT {column} AS word, {sums} FROM draft_difference
WHERE run = {{run:String}} AND (route != '' OR payer != '' OR customer != '' OR {column} = fee)
GROUP BY word ORDER BY abs(after - before) DESC, word LIMIT {{most:UInt32}}"""
PROVINCES = "SELECT province, argMax(province_name, (seq, line)) AS name FROM site GROUP BY province"
MOST = 20
"""Words of a dimension on the page."""


class Summary(msgspec.Struct):
    """A run and its sums; amounts in money units."""

    run: str
    name: str
    status: str
    by: str
    since: datetime
    charges: int
    changed: int
    unpriced: int
    before: int
    after: int


def summaries(client: Client) -> list[Summary]:
    """All runs, the oldest first."""
    return [Summary(**row) for row in rows(client, RUNS)]


def page_of(client: Client, run: str) -> dict[str, Any]:
    """What the page's template needs: the runs, and the largest differences of one (the newest by default)."""
    found = summaries(client)
    chosen = next((one for one in reversed(found) if one.run == run or not run), None)
    provinces = {row["province"]: row["name"] for row in rows(client, PROVINCES)} if chosen else {}
    return {
        "runs": [_shown(one) for one in reversed(found)],
        "chosen": chosen,
        "parts": [
            (label, [_row(name, row, provinces) for row in _by(client, chosen.run, column)])
            for name, (column, label) in DIMENSIONS.items()
        ]
        if chosen
        else [],
    }


def _by(client: Client, run: str, column: str) -> list[dict[str, Any]]:
    return rows(client, BY.format(column=column, sums=SUMS), run=run, most=MOST)


def _shown(one: Summary) -> dict[str, Any]:
    return {**msgspec.structs.asdict(one), "label": RUN_STATUS[one.status], **_money(one.before, one.after)}


def _row(name: str, row: dict[str, Any], provinces: dict[str, str]) -> dict[str, Any]:
    word = row["word"]
    if name == "fee":
        word = f"{FEES[word][0]} {word}"
    elif name == "line":
        word = line_between(word, provinces)
    return {**row, "word": word, **_money(row["before"], row["after"])}


def _money(before: int, after: int) -> dict[str, str]:
    return {"was": yuan(before), "would": yuan(after), "difference": yuan(after - before)}
