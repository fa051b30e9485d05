"""The few pieces of Grafana's dashboard JSON that we use (schema 42, ClickHouse datasource plugin 4)."""

from typing import Any

import msgspec

Json = dict[str, Any]
DATASOURCE = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel: what it asks and how it shows the answer."""

    title: str
    kind: str
    """timeseries, table, stat or bargauge."""
    sql: str
    width: int = 8
    height: int = 8
    unit: str = "short"
    description: str = ""

    def render(self, number: int, x: int, y: int) -> Json:
        """Grafana's JSON."""
        series = self.kind == "timeseries"
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": {"unit": self.unit}, "overrides": []},
            "options": {},
            "targets": [
                {
                    "refId": "A",
                    "datasource": DATASOURCE,
                    "editorType": "sql",
                    "rawSql": " ".join(self.sql.split()),
                    "format": 0 if series else 1,
                    "queryType": "timeseries" if series else "table",
                    "pluginVersion": "4.20.0",
                    "meta": {},
                }
            ],
        }


def dashboard(
    uid: str, title: str, panels: list[Panel], variables: list[Json], since: str = "now-1h"
) -> Json:
    """A dashboard with its panels laid out in rows of 24 columns. `since`: where its time begins."""
    rendered, x, y, height = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > 24:
            x, y = 0, y + height
            height = 0
        rendered.append(panel.render(number, x, y))
        x, height = x + panel.width, max(height, panel.height)
    source = {
        "name": "datasource",
        "type": "datasource",
        "query": "grafana-clickhouse-datasource",
        "label": "ClickHouse",
    }
    return {
        "uid": uid,
        "title": title,
        "tags": ["waybook"],
        "timezone": "browser",
        "schemaVersion": 42,
        "refresh": "5s",
        "time": {"from": since, "to": "now"},
        "templating": {"list": [source, *variables]},
        "panels": rendered,
    }


def variable(name: str, label: str, sql: str) -> Json:
    """A variable with several values that a query gives; All leaves its condition out."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": sql,
        "multi": True,
        "includeAll": True,
        "refresh": 2,
    }
