"""Change one cell, one row or one plan: the audit must notice."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit import run
from deploy.audit.chain import Sealed, check_blocks, check_chain, check_plans, read_log
from deploy.audit.store import Store
from sinks import tables
from sinks.tables import FACTS, TABLES, Table
from tests.audit import seed
from tests.audit.writer import Writer

CHANGED = {
    tables.WORD: "concat({0}, 'x')",
    tables.TEXT: "concat({0}, 'x')",
    tables.ID: "toFixedString(concat(substring({0}, 1, 15), char(bitXor(ascii(substring({0}, 16)), 1))), 16)",
    tables.MONEY: "{0} + toDecimal64('0.0001', 4)",
    tables.TIME: "addMilliseconds({0}, 1)",
    tables.DATE: "{0} + 1",
    "Array(String)": "arrayMap(x -> concat(x, 'x'), {0})",
    "Array(UInt64)": "arrayMap(x -> x + 1, {0})",
    "Array(UInt32)": "arrayMap(x -> x + 1, {0})",
}
"""The least change of a cell, by its type; numbers grow by one."""

CELLS = [(table, column) for table in TABLES for column in table.columns]


@pytest.fixture(scope="module")
def books(client: Client) -> Client:
    """The hand-written books, with a copy of each table to mend from."""
    seed.write(Writer(client))
    for table in TABLES:
        client.command(f"CREATE TABLE kept_{table.name} AS {table.name}")
        client.command(f"INSERT INTO kept_{table.name} SELECT * FROM {table.name}")
    return client


@pytest.fixture
def mended(books: Client) -> Iterator[Client]:
    """The books, put back as they were after the test."""
    yield books
    sums = (
        f"SELECT '{t.name}' FROM (SELECT sum(cityHash64(*)) AS a, count() AS b FROM {t.name}) AS now, "
        f"(SELECT sum(cityHash64(*)) AS a, count() AS b FROM kept_{t.name}) AS kept "
        "WHERE (now.a, now.b) != (kept.a, kept.b)"
        for t in TABLES
    )
    for (name,) in books.query(" UNION ALL ".join(sums)).result_rows:
        books.command(f"TRUNCATE TABLE {name}")
        books.command(f"INSERT INTO {name} SELECT * FROM kept_{name}", settings={"insert_deduplicate": 0})


def where_of(table: Table) -> str:
    """The first row of a table that lies in a sealed block; of `block` one that tells of rows."""
    return (
        "lane = 0 AND n = 3" if table.name == "block" else "(seq, line) = (SELECT min((seq, line)) FROM {0})"
    )


def change(client: Client, table: Table, replacing: str) -> None:
    """Put another row in the place of one."""
    kept, where = f"kept_{table.name}", where_of(table).format(f"kept_{table.name}")
    client.command(f"ALTER TABLE {table.name} DELETE WHERE {where}", settings={"mutations_sync": 2})
    client.command(
        f"INSERT INTO {table.name} SELECT * REPLACE ({replacing}) FROM (SELECT * FROM {kept} WHERE {where})"
    )


def failing(client: Client) -> set[str]:
    """Names of the checks that do not pass."""
    return {check.name for check in run(client).checks if not check.passed}


def failing_blocks(client: Client) -> set[str]:
    """The same of the checks of blocks alone."""
    store = Store(client)
    rows, digests, _ = check_blocks(store, read_log(store))
    return {check.name for check in (rows, digests) if not check.passed}


def test_untouched_books_pass(books: Client) -> None:
    report = run(books)
    assert report.passed, report.to_text()
    assert report.counts.parcels == 3
    assert report.counts.journal_rows == 44
    assert report.counts.debit == report.counts.credit == "60.10"


@pytest.mark.parametrize(("table", "column"), CELLS, ids=[f"{t.name}.{c.name}" for t, c in CELLS])
def test_one_cell(mended: Client, table: Table, column: tables.Column) -> None:
    expression = CHANGED.get(column.type, "{0} + 1").format(f"`{column.name}`")
    change(mended, table, f"{expression} AS `{column.name}`")
    store = Store(mended)
    log = read_log(store)
    if table.name == "block":
        assert not (check_chain(log).passed and check_plans(log).passed)
        return
    sealed = Sealed(log)
    sealed.look_at(store, table)
    assert not (sealed.digests.check("").passed and sealed.rows.check("").passed)


@pytest.mark.parametrize("table", FACTS, ids=[table.name for table in FACTS])
def test_a_deleted_row(mended: Client, table: Table) -> None:
    where = where_of(table).format(f"kept_{table.name}")
    mended.command(f"ALTER TABLE {table.name} DELETE WHERE {where}", settings={"mutations_sync": 2})
    assert failing_blocks(mended) == {"block_rows", "digests"}


@pytest.mark.parametrize("table", FACTS, ids=[table.name for table in FACTS])
def test_a_doubled_row(mended: Client, table: Table) -> None:
    where = where_of(table).format(f"kept_{table.name}")
    mended.command(f"INSERT INTO {table.name} SELECT * FROM kept_{table.name} WHERE {where}")
    assert failing_blocks(mended) == {"block_rows", "digests"}


def test_a_swapped_pair(mended: Client) -> None:
    mended.command(
        "ALTER TABLE journal DELETE WHERE seq = 3 AND line < 2",
        settings={"mutations_sync": 2},
    )
    mended.command(
        "INSERT INTO journal SELECT * REPLACE (1 - line AS line) "
        "FROM (SELECT * FROM kept_journal WHERE seq = 3 AND line < 2)"
    )
    assert failing(mended) == {"digests"}


def test_a_doubled_plan(mended: Client) -> None:
    mended.command("INSERT INTO block SELECT * FROM kept_block WHERE n = 4")
    assert "plans" in failing(mended)


def test_a_missing_plan(mended: Client) -> None:
    mended.command("ALTER TABLE block DELETE WHERE n = 4", settings={"mutations_sync": 2})
    assert {"plans", "chain", "block_rows"} <= failing(mended)


def test_a_missing_newest_plan(mended: Client) -> None:
    mended.command("ALTER TABLE block DELETE WHERE n = 10", settings={"mutations_sync": 2})
    assert "block_rows" in failing(mended)


def test_an_earlier_report_notices_a_block_that_is_gone_altogether(mended: Client) -> None:
    heads = run(mended).heads
    for table in TABLES:
        where = "n = 10" if table.name == "block" else "seq = 10"
        mended.command(f"ALTER TABLE {table.name} DELETE WHERE {where}", settings={"mutations_sync": 2})
    assert failing(mended) == set()
    assert not run(mended, heads=heads).check("heads").passed


def test_rows_of_a_block_that_was_never_planned(mended: Client) -> None:
    mended.command("INSERT INTO anomaly SELECT * REPLACE (99 AS seq) FROM kept_anomaly")
    assert "block_rows" in failing(mended)


UNSEALED = (
    ("journal", "amount", "amount + 1", "account = '1102'", {"balanced", "posted", "mirrored"}),
    ("journal", "counterparty", "'OUT1'", "account = '1102'", {"posted", "entries"}),
    ("journal", "account", "'9999'", "account = '1102'", {"accounts", "posted", "mirrored"}),
    ("journal", "side", "'D'", "account = '5002'", {"balanced", "posted"}),
    ("journal", "row_id", "unhex(repeat('00', 16))", "account IN ('5002', '2001')", {"row_ids"}),
    (
        "charge",
        "amount",
        "amount + 1",
        "fee = 'delivery_paid'",
        {"posted", "explained", "recomputed_charges"},
    ),
    ("charge", "payee", "'OUT1'", "fee = 'delivery_paid'", {"parties", "posted", "recomputed_charges"}),
    ("charge", "price_row", "7", "fee = 'delivery_paid'", {"recomputed_snapshots"}),
    ("charge", "event_time", "addDays(event_time, 1)", "fee = 'delivery_paid'", {"explained", "posted"}),
    ("event", "offset", "offset + 5", "true", {"offsets"}),
    ("event", "operation", "'40'", "true", {"recomputed_charges", "recomputed_journal"}),
    ("event", "event_id", "'YT100000001-50'", "true", {"event_ids"}),
)
"""Changes in the newest block, whose digest no plan has yet: the books' own rules notice them."""


@pytest.mark.parametrize(
    ("table", "column", "value", "where", "noticed"), UNSEALED, ids=[f"{t}.{c}" for t, c, *_ in UNSEALED]
)
def test_the_newest_block(
    mended: Client, table: str, column: str, value: str, where: str, noticed: set[str]
) -> None:
    where = f"seq = 10 AND {where}"
    mended.command(f"ALTER TABLE {table} DELETE WHERE {where}", settings={"mutations_sync": 2})
    mended.command(
        f"INSERT INTO {table} SELECT * REPLACE ({value} AS `{column}`) "
        f"FROM (SELECT * FROM kept_{table} WHERE {where})"
    )
    assert noticed <= failing(mended)


def test_a_live_audit_leaves_the_newest_block_out(mended: Client) -> None:
    mended.command("ALTER TABLE journal DELETE WHERE seq = 10", settings={"mutations_sync": 2})
    assert "posted" in failing(mended)
    report = run(mended, live=True)
    assert report.passed, report.to_text()
    assert report.counts.unsealed_rows == 0
