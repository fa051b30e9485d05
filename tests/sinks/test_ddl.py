"""The same definition for one server and a cluster, accepted by ClickHouse's own parser."""

import msgspec
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from dashboards.blocks import as_of
from dashboards.queries import rows
from schemas.settings import Settings
from sinks.clickhouse import connect, readers
from sinks.ddl import NEWER, VIEWS, create, statements
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
    assert len(made) == 2 + 2 * len(TABLES) + len(VIEWS)
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


def test_statistics_are_kept_where_the_server_cannot_be_told_otherwise(store: Store) -> None:
    (name,) = NEWER
    asked = "SELECT countIf(engine_full LIKE '%auto_statistics_types = \\'\\'%'), count() FROM system.tables WHERE "
    asked += "database = currentDatabase() AND engine = 'MergeTree'"
    without, tables = store.client().query(asked).result_rows[0]
    assert without == tables == len(TABLES)
    assert all(name not in statement for statement in statements())


def test_on_a_cluster_no_reader_sees_one_shard_alone(store: Store) -> None:
    """The reading database, with tables of all shards: here it is made of the local tables of two databases."""
    client = store.client()
    made = statements("main", "books")
    local = [sql for sql in made if "Replicated" in sql]
    assert all(sql.startswith("CREATE TABLE IF NOT EXISTS books.") for sql in local)
    views = [sql.replace(" ON CLUSTER main", "") for sql in made if sql.startswith("CREATE VIEW")]
    assert [sql for sql in made if "Distributed(main, books, journal" in sql]
    for database in ("shard1", "shard2", "books_all"):
        client.command(f"CREATE DATABASE {database}")
    for table in TABLES:
        for shard in ("shard1", "shard2"):
            client.command(create(table, database=shard))
        client.command(
            f"CREATE TABLE books_all.{table.name} AS shard1.{table.name} "
            f"ENGINE = Merge(REGEXP('^shard'), '^{table.name}$')"
        )
    for view in views:
        client.command(view)
    for number in (1, 2):
        for at, reason in enumerate(("no_order", "no_price")):
            client.command(
                f"INSERT INTO shard{number}.waiting (seq, line, waybill, fee, reason) "
                f"VALUES ({number}, {at}, 'YT{number}', 'waybill', '{reason}')"
            )
    settings = Settings(clickhouse=store.url, database="shard1", read_database="books_all", cluster="main")
    for reading in (readers(settings), readers(readers(settings))):
        found = connect(reading).query("SELECT waybill, reason FROM waiting_now ORDER BY waybill").result_rows
        assert found == [("YT1", "no_price"), ("YT2", "no_price")]
        assert connect(reading).query("SELECT count() FROM block").result_rows == [(0,)]
        then = as_of(connect(reading), {0: 1})
        assert rows(then, "SELECT waybill FROM waiting_now") == [{"waybill": "YT1"}]


def test_writers_of_a_cluster_write_by_quorum_and_read_what_counts(store: Store) -> None:
    store.client()
    settings = Settings(clickhouse=store.url, cluster="main", read_database="x")
    asked = "SELECT getSetting('insert_quorum'), getSetting('select_sequential_consistency')"
    quorum, sequential = connect(settings).query(asked).result_rows[0]
    assert (str(quorum), bool(sequential)) == ("auto", True)
    alone = connect(Settings(clickhouse=store.url)).query(asked).result_rows[0]
    assert not bool(alone[1])
    reading = msgspec.structs.replace(settings, cluster="", database="default")
    assert connect(reading).query("SELECT getSetting('distributed_product_mode')").result_rows == [
        ("global",)
    ]


def test_events_have_their_operations_name_and_shanghais_date(store: Store) -> None:
    client = store.client()
    client.command(
        "INSERT INTO event (seq, line, kind, operation, event_time) VALUES "
        "(1, 0, 'scan', '10', '2025-11-10 15:59:59.999'), (1, 1, 'scan', '50', '2025-11-10 16:00:00'), "
        "(1, 2, 'order', '', 0)"
    )
    found = client.query(
        "SELECT operation_name, toString(business_date) FROM event ORDER BY line"
    ).result_rows
    assert found == [("揽收", "2025-11-10"), ("签收", "2025-11-11"), ("", "1970-01-01")]
    assert "business_date" not in client.query("SELECT * FROM event").column_names
