"""ClickHouse's DDL for the tables: one definition, for one server (or chDB) and for a replicated cluster.

    python -m sinks.ddl              for one server
    python -m sinks.ddl CLUSTER      for a cluster: ReplicatedMergeTree, and Distributed tables

On a cluster each lane writes to the tables of its own shard; readers use the tables ending in `_all`.
"""

import sys

from sinks.tables import BLOCK, FACTS, TABLES, Table

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
    "open_dead_letter": """
        SELECT dead_letter_id, argMin(reason, (seq, line)) AS why, any(detail) AS detail,
               any(transport) AS transport, any(topic) AS topic, argMin(partition, (seq, line)) AS partition,
               argMin(offset, (seq, line)) AS offset, any(event_id) AS event_id, any(waybill) AS waybill,
               min(received) AS received, argMin(raw, (seq, line)) AS raw, countIf(status = 'open') AS times
        FROM dead_letter GROUP BY dead_letter_id
        HAVING argMax(status, (seq, line)) = 'open'""",
}
"""Views for people: what waits now, open breaches of scan chains, cases of weights, conflicting duplicates with both
contents, dead letters still open."""


def statements(cluster: str | None = None) -> list[str]:
    """CREATE statements in order, each safe to repeat. `cluster`: its name in ClickHouse's configuration."""
    created = [create(table, cluster) for table in TABLES]
    if cluster:
        created += [_distributed(table, cluster) for table in TABLES]
    on = f" ON CLUSTER {cluster}" if cluster else ""
    return created + [
        f"CREATE VIEW IF NOT EXISTS {name}{on} AS {' '.join(sql.split())}" for name, sql in VIEWS.items()
    ]


def create(table: Table, cluster: str | None = None) -> str:
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
    return (
        f"CREATE TABLE IF NOT EXISTS {table.name}{on}\n(\n{inside}\n)\n"
        f"ENGINE = {engine}\nORDER BY ({', '.join(table.order_by)})\n"
        f"SETTINGS {', '.join(f'{name} = {value}' for name, value in settings.items())}\n"
        f"COMMENT '{_quote(table.comment)}'"
    )


def _distributed(table: Table, cluster: str) -> str:
    key = "lane" if table is BLOCK else "bitShiftRight(seq, 32)"
    return (
        f"CREATE TABLE IF NOT EXISTS {table.name}_all ON CLUSTER {cluster} AS {table.name}\n"
        f"ENGINE = Distributed({cluster}, currentDatabase(), {table.name}, {key})"
    )


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


if __name__ == "__main__":
    sys.stdout.write(";\n\n".join(statements(*sys.argv[1:2])) + ";\n")
