"""The dashboard of line profit: what lines earn headquarters less what hubs and line-haul cost the parcels on them, and
which lines earn and which lose, as the live page's `/lines` tells it.

The dashboard's time is the business date. Costs count as far as `waybook costs spread` has apportioned them; what is
left is told apart.
"""

from dashboards.drafts import PROVINCES
from dashboards.grafana.panels import Json, Panel, dashboard, variable

_ROUTE = "$__conditionalAll(route IN (${route:singlequote}), $route)"
_DAYS = "$__timeFilter(business_date)"
_SUMS = "sum(p.charged) AS revenue, sum(p.carriage) AS cost, sum(p.profit) AS gained"

_NAMED = f"(SELECT (groupArray(province), groupArray(name)) FROM ({PROVINCES})) AS named"
_LINE = """if(route = '', '没有订单 without an order', arrayStringConcat(arrayMap(
code -> if(has(named.1, code), named.2[indexOf(named.1, code)], code), splitByChar('-', route)), '→'))"""
"""A line by the names of the provinces at its ends."""
_COST = "cost: what hubs and carriers charged for the parcels on it, as far as it is spread"


def _lines(title: str, which: str, order: str) -> Panel:
    """The lines that earn, or that lose."""
    return Panel(
        title=title,
        kind="table",
        width=24,
        unit="currencyCNY",
        description=f"revenue: what charges with the line gained headquarters; {_COST}; margin: of revenue, percent",
        sql=f"""WITH {_NAMED} SELECT {_LINE} AS line, route, {_SUMS},
        if(revenue > 0, round(100 * toFloat64(gained) / toFloat64(revenue), 1), NULL) AS margin
        FROM line_profit AS p WHERE {_DAYS} AND {_ROUTE} GROUP BY route HAVING {which} ORDER BY {order}, route
        LIMIT 200""",
    )


PANELS = [
    Panel(
        title="线路利润 Profit by day",
        kind="timeseries",
        width=16,
        unit="currencyCNY",
        sql=f"""SELECT toDateTime(business_date) AS time, {_SUMS} FROM line_profit AS p
        WHERE {_DAYS} AND {_ROUTE} GROUP BY time ORDER BY time""",
    ),
    Panel(
        title="利润率 Profit as a share of revenue",
        kind="stat",
        width=4,
        unit="percentunit",
        sql=f"""SELECT if(sum(p.charged) > 0, toFloat64(sum(p.profit)) / toFloat64(sum(p.charged)), NULL) AS share
        FROM line_profit AS p WHERE {_DAYS} AND {_ROUTE}""",
    ),
    Panel(
        title="盈亏线路数 Lines that earn and that lose",
        kind="stat",
        width=4,
        sql=f"""SELECT countIf(gained >= 0) AS `盈利 earn`, countIf(gained < 0) AS `亏损 lose` FROM (
        SELECT route, sum(p.profit) AS gained FROM line_profit AS p WHERE {_DAYS} AND {_ROUTE} GROUP BY route)""",
    ),
    _lines("盈利线路，最好在前 Lines that earn, the best first", "gained >= 0", "gained DESC"),
    _lines("亏损线路，最差在前 Lines that lose, the worst first", "gained < 0", "gained"),
    Panel(
        title="分拨与干线成本 Costs of hubs and lines",
        kind="table",
        width=24,
        unit="currencyCNY",
        description="left: what no parcel bears yet; `waybook costs spread` apportions it when parcels have passed",
        sql=f"""SELECT c.day AS day, c.hub AS hub, c.line_to AS line_to, c.owed_to AS carrier, c.billed AS billed,
        s.borne AS borne, s.parcels AS parcels, c.billed - s.borne AS left FROM (
            SELECT cost_id, any(business_date) AS day, any(toString(place)) AS hub,
                   any(toString(to_place)) AS line_to, any(toString(carrier)) AS owed_to, any(amount) AS billed
            FROM cost WHERE status = 'incurred' AND {_DAYS}
                AND cost_id NOT IN (SELECT cost_id FROM cost WHERE status = 'withdrawn')
            GROUP BY cost_id
        ) AS c LEFT JOIN (
            SELECT cost_id, sum(amount) AS borne, countIf(status = 'share') - countIf(status = 'reversed') AS parcels
            FROM cost_share GROUP BY cost_id
        ) AS s ON s.cost_id = c.cost_id
        ORDER BY left DESC, day DESC, hub, line_to LIMIT 200""",
    ),
]


def profit() -> Json:
    """The dashboard."""
    routes = variable("route", "线路 line", "SELECT DISTINCT route FROM line_profit ORDER BY route")
    return dashboard("waybook-profit", "Waybook 线路利润 Line profit", PANELS, [routes], since="now-30d")
