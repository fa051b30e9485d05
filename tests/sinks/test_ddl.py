"""The same definition for one server and a cluster, accepted by ClickHouse's own parser."""

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from sinks.ddl import VIEWS, create, statements
from sinks.tables import BY_NAME, FACTS, TABLES
from tests.servers.store import Store


def test_tables_are_what_the_definition_says(store: Store) -> None:
    client = store.client()
    for table in TABLES:
        found = client.query(
            "SELECT name, type, comment FROM system.columns WHERE database = currentDatabase() AND table = {t:String}",
            parameters={"t": table.name},
        ).result_rows
        assert [row[:2] for row in found[: len(table.columns)]] == [(c.name, c.type) for c in table.columns]
        assert [row[2] for row in found[: len(table.columns)]] == [c.comment for c in table.columns]
    for statement in statements():
        client.command(statement)


def test_the_clusters_ddl_parses_and_a_misspelt_one_does_not(store: Store) -> None:
    client = store.client()
    made = statements("main")
    assert len(made) == 2 * len(TABLES) + len(VIEWS)
    for statement in made:
        client.query(f"EXPLAIN AST {statement}")
    replicated = create(BY_NAME["journal"], "main")
    assert "ON CLUSTER main" in replicated
    assert "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')" in replicated
    with pytest.raises(DatabaseError, match="Syntax error"):
        client.query(f"EXPLAIN AST {replicated.replace('ORDER BY', 'ORDERED BY')}")


def test_every_fact_table_remembers_tokens_and_lies_in_order_of_arrival() -> None:
    for table in FACTS:
        assert table.order_by == ("seq", "line")
        assert "non_replicated_deduplication_window = 1000" in create(table)
