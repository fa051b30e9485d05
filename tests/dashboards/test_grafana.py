"""Every panel's SQL runs against data; the JSON is that of the code."""

import json
import re
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.grafana import __main__ as grafana
from dashboards.grafana import drafts, finance, operations, profit
from dashboards.grafana.panels import Panel
from dashboards.queries import LINE_LIST, LINE_STATES, rows


def expanded(sql: str) -> str:
    """Grafana's macros as its ClickHouse plugin expands them, over all time and all values."""
    low, high = "toDateTime(1700000000)", "toDateTime(2000000000)"
    for macro, meaning in (
        (r"\$__timeFilter\(([^)]+)\)", rf"(\1 >= {low} AND \1 <= {high})"),
        (r"\$__timeInterval\(([^)]+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)"),
        (r"\$__conditionalAll\(.*?\$\w+\)", "1=1"),
        (r"\$__fromTime", low),
        (r"\$__toTime", high),
        (r"\$__interval_s", "60"),
    ):
        sql = re.sub(macro, meaning, sql)
    assert "$" not in sql, sql
    return sql


PANELS = [*operations.PANELS, *drafts.PANELS, *finance.PANELS, *profit.PANELS]


LOSS = """
INSERT INTO cost_share (cost_id, version, status, waybill, route, business_date, amount)
VALUES ('loss', 1, 'share', 'YT9', '310000-999999', '2025-11-11', 50)"""


@pytest.fixture(scope="module", autouse=True)
def losing(client: Client) -> None:
    """A line that loses: its parcel bears a cost, and is charged nothing."""
    client.command(LOSS)


@pytest.mark.parametrize("panel", PANELS, ids=[panel.title for panel in PANELS])
def test_panel(panel: Panel, client: Client) -> None:
    found = client.query(expanded(panel.sql)).result_rows
    assert found, panel.title


def test_profit_is_what_lines_earned_less_what_hubs_cost(client: Client) -> None:
    """All of 12.00 yuan is borne by the one parcel that passed the hub, and taken off what its line earned."""
    *_, costs = (client.query(expanded(panel.sql)).result_rows for panel in profit.PANELS)
    ((day, hub, line_to, carrier, billed, borne, parcels, left),) = costs
    assert (str(day), hub, line_to, carrier) == ("2025-11-11", "SH-HUB", "", "顺达")
    assert (billed, borne, parcels, left) == (12, 12, 1, 0)


def test_lines_earn_and_lose_as_the_page_tells_it(client: Client) -> None:
    _, _, ((earn, lose),), earning, losing, _ = (
        client.query(expanded(panel.sql)).result_rows for panel in profit.PANELS
    )
    states = {row["why"]: row["n"] for row in rows(client, LINE_STATES)}
    assert (earn, lose) == (len(earning), len(losing)) == (states["earns"], states["loses"])
    for which, found in (("earns", earning), ("loses", losing)):
        told = rows(client, LINE_LIST, reason=which, limit=99, skip=0)
        assert [row[1:5] for row in found] == [
            (row["route"], row["income"], row["cost"], row["gain"]) for row in told
        ]
    assert losing[0][0] == "上海市→999999", "a province that no directory names is its code"
    assert [row[5] for row in losing] == [None], "there is no margin of nothing"
    assert sum(row[3] for row in earning) == 12


def test_variables(client: Client) -> None:
    for dashboard in (operations.operations(), drafts.drafts(), finance.finance(), profit.profit()):
        for variable in dashboard["templating"]["list"][1:]:
            assert client.query(variable["query"]).result_rows


def test_json_is_that_of_the_code() -> None:
    """Run `make dashboards` after a change."""
    for name, text in grafana.rendered().items():
        assert Path(grafana.__file__).with_name(name).read_text("utf-8") == text
        assert "grafana-clickhouse-datasource" in json.loads(text)["panels"][0]["datasource"]["type"]
