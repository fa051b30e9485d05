"""Every panel's SQL runs against data; the JSON is that of the code."""

import json
import re
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.grafana import __main__ as grafana
from dashboards.grafana import drafts, finance, operations, profit
from dashboards.grafana.panels import Panel


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


@pytest.mark.parametrize("panel", PANELS, ids=[panel.title for panel in PANELS])
def test_panel(panel: Panel, client: Client) -> None:
    found = client.query(expanded(panel.sql)).result_rows
    assert found, panel.title


def test_profit_is_what_lines_earned_less_what_hubs_cost(client: Client) -> None:
    """All of 12.00 yuan is borne by the one parcel that passed the hub, and taken off what its line earned."""
    _, _, lines, costs = (client.query(expanded(panel.sql)).result_rows for panel in profit.PANELS)
    ((day, hub, line_to, carrier, billed, borne, parcels, left),) = costs
    assert (str(day), hub, line_to, carrier) == ("2025-11-11", "SH-HUB", "", "顺达")
    assert (billed, borne, parcels, left) == (12, 12, 1, 0)
    assert sum(line[2] for line in lines) == 12
    assert all(gained == revenue - cost for _, revenue, cost, gained, _ in lines)


def test_variables(client: Client) -> None:
    for dashboard in (operations.operations(), drafts.drafts(), finance.finance(), profit.profit()):
        for variable in dashboard["templating"]["list"][1:]:
            assert client.query(variable["query"]).result_rows


def test_json_is_that_of_the_code() -> None:
    """Run `make dashboards` after a change."""
    for name, text in grafana.rendered().items():
        assert Path(grafana.__file__).with_name(name).read_text("utf-8") == text
        assert "grafana-clickhouse-datasource" in json.loads(text)["panels"][0]["datasource"]["type"]
