"""ClickHouse's DDL for the tables: one definition, for one server (or chDB) and for a replicated cluster.

    python -m sinks.ddl              for one server
    python -m sinks.ddl CLUSTER      for a cluster: ReplicatedMergeTree, and Distributed tables

On a cluster each lane writes to the tables of its own shard, in the database that `WAYBOOK_DATABASE` names; readers
use the tables and views of the same names in the database `…_all`, which `WAYBOOK_READ_DATABASE` names: so no
question is asked otherwise on a cluster.
"""

import re
import sys

from schemas.settings import from_environment
from sinks.tables import FACTS, TABLES, Table

DEDUPLICATION_WINDOW = 1000
"""Insert tokens that a table remembers: far more than the blocks between two commits of a lane."""

VIEWS = {
    "waiting_now": """
        SELECT waybill, fee, part, argMax(reason, (seq, line)) AS why, argMax(since, (seq, line)) AS since,
               argMax(outlet, (seq, line)) AS outlet
        FROM waiting GROUP BY waybill, fee, part HAVING why != ''""",
    "conflict": """
        SELECT d.waybill AS waybill, d.event_id AS event_id, d.received AS received, d.raw AS refused,
               e.kind AS kind, e.event_time AS event_time, e.operation AS operation, e.site AS site,
               e.device AS device, e.weight_g AS weight_g, e.origin AS origin, e.destination AS destination,
               e.product AS product, e.payment AS payment
        FROM dead_letter AS d LEFT JOIN event AS e ON e.event_id = d.event_id AND e.waybill = d.waybill
        WHERE d.reason = 'conflicting_duplicate' AND d.status = 'open'""",
    "line_profit": """
        SELECT business_date, route, sum(income) AS charged, sum(cost) AS carriage, charged - carriage AS profit
        FROM (
            SELECT business_date, toString(route) AS route, if(side = 'C', amount, -amount) AS income,
                   toDecimal64(0, 4) AS cost
            FROM journal WHERE book = 'HQ' AND route != '' AND substring(account, 1, 1) IN ('4', '5', '6')
            UNION ALL
            SELECT business_date, toString(route), toDecimal64(0, 4), amount FROM cost_share
        ) GROUP BY business_date, route""",
    "open_breach": """
        SELECT waybill, rule, argMax(outlet, (seq, line)) AS responsible, argMax(site, (seq, line)) AS at,
               argMax(since, (seq, line)) AS began, argMax(due, (seq, line)) AS broken
        FROM chain_breach GROUP BY waybill, rule HAVING argMax(status, (seq, line)) = 'open'""",
    "weight_case_now": """
        SELECT waybill, argMax(status, (seq, line)) AS state, argMax(weight_event, (seq, line)) AS counts,
               argMax(weight_class, (seq, line)) AS counts_class, argMax(weight_g, (seq, line)) AS counts_g,
               argMax(site, (seq, line)) AS counts_site, argMax(other_event, (seq, line)) AS other,
               argMax(other_class, (seq, line)) AS class_of_other, argMax(other_g, (seq, line)) AS g_of_other,
               argMax(other_site, (seq, line)) AS site_of_other, argMax(other_outlet, (seq, line)) AS outlet,
               argMax(greatest(event_time, other_time), (seq, line)) AS since,
               argMax(on_difference, (seq, line)) AS treatment, argMax(decision, (seq, line)) AS decided,
               state IN ('opened', 'changed') AS undecided, undecided AND treatment = 'provisional' AS provisional
        FROM weight_case GROUP BY waybill HAVING state != 'closed'""",
    "open_stay": """
        SELECT e.stay AS stay, e.customer AS customer, e.outlet AS outlet, e.since AS since, e.pallets AS pallets,
               e.temperature AS temperature, e.zone AS zone, c.days AS days, c.accrued AS accrued
        FROM (
            SELECT stay, argMaxIf(customer, (event_time, event_id), kind = 'opened') AS customer,
                   argMaxIf(toString(outlet), (event_time, event_id), kind = 'opened') AS outlet,
                   minIf(event_time, kind = 'opened') AS since,
                   if(max(stay_event.pallets) < 0, -1,
                      argMaxIf(stay_event.pallets, (event_time, event_id), stay_event.pallets >= 0)) AS pallets,
                   argMaxIf(toString(stay_event.temperature), (event_time, event_id), stay_event.temperature != '')
                       AS temperature,
                   argMaxIf(toString(stay_event.zone), (event_time, event_id), stay_event.zone != '') AS zone
            FROM stay_event GROUP BY stay HAVING countIf(kind = 'opened') > 0 AND countIf(kind = 'closed') = 0
        ) AS e
        LEFT JOIN (
            SELECT waybill, sum(multiIf(part = '', 0, reverses = toFixedString('', 16), 1, -1)) AS days,
                   sum(amount) AS accrued
            FROM charge WHERE waybill IN (SELECT stay FROM stay_event) GROUP BY waybill
        ) AS c ON c.waybill = e.stay""",
    "open_dead_letter": """
        SELECT dead_letter_id,
               argMaxIf(reason, (seq, line), status = 'open') AS why,
               argMaxIf(detail, (seq, line), status = 'open') AS detail,
               argMaxIf(transport, (seq, line), status = 'open') AS transport,
               argMaxIf(topic, (seq, line), status = 'open') AS topic,
               argMaxIf(partition, (seq, line), status = 'open') AS partition,
               argMaxIf(offset, (seq, line), status = 'open') AS offset,
               argMaxIf(event_id, (seq, line), status = 'open') AS event_id,
               argMaxIf(waybill, (seq, line), status = 'open') AS waybill,
               argMaxIf(raw, (seq, line), status = 'open') AS raw,
               minIf(received, status = 'open') AS received, countIf(status = 'open') AS times
        FROM dead_letter GROUP BY dead_letter_id
        HAVING argMax(status, (seq, line)) = 'open'""",
}
"""Views for people: what waits now, goods in stores, open breaches of scan chains, cases of weights, conflicting
duplicates with both contents, dead letters still open."""


def statements(cluster: str | None = None, database: str = "default") -> list[str]:
    """CREATE statements in order, each safe to repeat. `cluster`: its name in ClickHouse's configuration."""
    if not cluster:
        return [create(table) for table in TABLES] + [_view(name, name) for name in VIEWS]
    everywhere = f"{database}_all"
    return [
        f"CREATE DATABASE IF NOT EXISTS {database} ON CLUSTER {cluster}",
        f"CREATE DATABASE IF NOT EXISTS {everywhere} ON CLUSTER {cluster}",
        *(create(table, cluster, database) for table in TABLES),
        *(_distributed(table, cluster, database, everywhere) for table in TABLES),
        *(_view(name, f"{everywhere}.{name} ON CLUSTER {cluster}", everywhere) for name in VIEWS),
    ]


def _view(name: str, where: str, database: str = "") -> str:
    """A view, of this database's tables or (`database`) of another's."""
    sql = " ".join(VIEWS[name].split())
    for table in TABLES if database else ():
        sql = re.sub(rf"\b(FROM|JOIN) {table.name}\b", rf"\1 {database}.{table.name}", sql)
    return f"CREATE VIEW IF NOT EXISTS {where} AS {sql}"


def create(table: Table, cluster: str | None = None, database: str = "") -> str:
    """The CREATE TABLE of one table."""
    columns = [
        f"    `{column.name}` {column.type}"
        + (f" COMMENT '{_quote(column.comment)}'" if column.comment else "")
        for column in table.columns
    ]
    inside = ",\n".join(columns + [f"    {extra}" for extra in table.extras])
    engine, window = "MergeTree", "non_replicated_deduplication_window"
    if cluster:
        path = "/clickhouse/tables/{shard}/{database}/{table}"
        engine, window = f"ReplicatedMergeTree('{path}', '{{replica}}')", "replicated_deduplication_window"
    settings = {window: DEDUPLICATION_WINDOW}
    if table in FACTS:
        settings["merge_selector_base"] = 20  # fewer, wider merges: half the merge work of the default
    on = f" ON CLUSTER {cluster}" if cluster else ""
    name = f"{database}.{table.name}" if database else table.name
    return (
        f"CREATE TABLE IF NOT EXISTS {name}{on}\n(\n{inside}\n)\n"
        f"ENGINE = {engine}\nORDER BY ({', '.join(table.order_by)})\n"
        f"SETTINGS {', '.join(f'{name} = {value}' for name, value in settings.items())}\n"
        f"COMMENT '{_quote(table.comment)}'"
    )


def _distributed(table: Table, cluster: str, database: str, everywhere: str) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {everywhere}.{table.name} ON CLUSTER {cluster} AS {database}.{table.name}\n"
        f"ENGINE = Distributed({cluster}, {database}, {table.name}, {table.shard})"
    )


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


if __name__ == "__main__":
    _cluster = sys.argv[1] if len(sys.argv) > 1 else None
    sys.stdout.write(";\n\n".join(statements(_cluster, from_environment().database)) + ";\n")
