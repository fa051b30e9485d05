"""Change one cell, one row or one plan: the audit must notice."""

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit import run
from deploy.audit.chain import check_blocks, check_chain, check_plans, read_log
from deploy.audit.store import Store
from sinks.tables import BLOCK, FACTS, Column, Table
from tests.audit.alone import alone, every
from tests.audit.tampering import NEWEST, Altered, Books, Told, unsealed

CELLS = [(table, column) for table in FACTS for column in table.columns]


@pytest.fixture(scope="module")
def written(client: Client) -> Books:
    """The books."""
    return Books(client)


def failing(books: Books) -> set[str]:
    """Names of the checks that do not pass."""
    return {check.name for check in run(books.auditor).checks if not check.passed}


def a_row(table: Table, among: str = "") -> str:
    """The first row of a table, which lies in a sealed block; of `block` one that tells of rows. `among`: its copy."""
    if table.name == "block":
        return "lane = 0 AND n = 3"
    return f"(seq, line) = (SELECT min((seq, line)) FROM {among}{table.name})"


def test_untouched_books_pass(books: Books) -> None:
    report = run(books.auditor)
    assert report.passed, report.to_text()
    assert report.counts.parcels == 3
    assert report.counts.journal_rows == 64
    assert report.counts.debit == report.counts.credit == "177.85"


def test_a_check_says_alone_what_it_says_in_an_audit(books: Books) -> None:
    assert every(books.auditor) == {check.name: check for check in run(books.auditor, closed=True).checks}


@pytest.mark.parametrize(("table", "column"), CELLS, ids=[f"{t.name}.{c.name}" for t, c in CELLS])
def test_one_cell(books: Books, table: Table, column: Column) -> None:
    assert "digests" in unsealed(Altered(books, column.name), table)


PLAN = {
    "Array(String)": "arrayMap(x -> concat(x, 'x'), {0})",
    "Array(UInt64)": "arrayMap(x -> x + 1, {0})",
    "Array(UInt32)": "arrayMap(x -> x + 1, {0})",
    "String": "concat({0}, 'x')",
    "UInt16": "{0} + 1",
    "UInt32": "{0} + 1",
}
"""The least change of a plan's cell, by its type."""


@pytest.mark.parametrize("column", BLOCK.columns, ids=[column.name for column in BLOCK.columns])
def test_one_cell_of_a_plan(books: Books, column: Column) -> None:
    changed = PLAN[column.type].format(f"`{column.name}`")
    cell = f"CAST(if({a_row(BLOCK)}, {changed}, `{column.name}`) AS {column.type}) AS `{column.name}`"
    log = read_log(Told(books, BLOCK, f"SELECT * REPLACE ({cell}) FROM {BLOCK.name}"))
    assert not (check_chain(log).passed and check_plans(log).passed)


@pytest.mark.parametrize("table", FACTS, ids=[table.name for table in FACTS])
def test_no_cell(books: Books, table: Table) -> None:
    types = {column.type: column for column in table.columns}
    for column in types.values():
        assert not unsealed(Altered(books, column.name, least=False), table)


@pytest.mark.parametrize("table", FACTS, ids=[table.name for table in FACTS])
def test_a_deleted_row(books: Books, table: Table) -> None:
    rows = f"SELECT * FROM {table.name} WHERE NOT ({a_row(table)})"
    assert unsealed(Told(books, table, rows), table) == {"block_rows", "digests"}


@pytest.mark.parametrize("table", FACTS, ids=[table.name for table in FACTS])
def test_a_doubled_row(books: Books, table: Table) -> None:
    rows = f"SELECT * FROM {table.name} UNION ALL SELECT * FROM {table.name} WHERE {a_row(table)}"
    assert unsealed(Told(books, table, rows), table) == {"block_rows", "digests"}


def test_rows_that_every_table_lacks(books: Books) -> None:
    for table in FACTS:
        books.remove(table.name, a_row(table, "kept_"))
    store = Store(books.auditor)
    rows, digests, _ = check_blocks(store, read_log(store))
    assert not rows.passed
    assert digests.detail.startswith(f"{len(FACTS)} wrong, ")


def test_a_swapped_pair(books: Books) -> None:
    books.change("journal", "seq = 3 AND line < 2", "1 - line AS line")
    assert failing(books) == {"digests"}


def test_a_doubled_plan(books: Books) -> None:
    books.add("block", "n = 4")
    assert not alone(books.auditor, "plans").passed


def test_a_missing_plan(books: Books) -> None:
    books.remove("block", "n = 4")
    for check in ("plans", "chain", "block_rows"):
        assert not alone(books.auditor, check).passed, check


def test_a_missing_newest_plan(books: Books) -> None:
    books.remove("block", f"n = {NEWEST}")
    assert not alone(books.auditor, "block_rows").passed


def test_an_earlier_report_notices_a_block_that_is_gone_altogether(books: Books) -> None:
    heads = run(books.auditor).heads
    for table in (BLOCK, *FACTS):
        books.remove(table.name, f"n = {NEWEST}" if table.name == "block" else f"seq = {NEWEST}")
    asked = run(books.auditor, closed=True, heads=heads)
    assert {check.name for check in asked.checks if not check.passed} == {"closed", "heads"}


def test_rows_of_a_block_that_was_never_planned(books: Books) -> None:
    books.add("anomaly", "true", "99 AS seq")
    assert not alone(books.auditor, "block_rows").passed


UNSEALED = (
    ("journal", "amount", "amount + 1", "account = '1102'", {"balanced", "posted", "mirrored"}),
    ("journal", "counterparty", "'OUT1'", "account = '1102'", {"posted", "entries"}),
    ("journal", "account", "'9999'", "account = '1102'", {"accounts", "posted", "mirrored"}),
    ("journal", "side", "'D'", "account = '5102'", {"balanced", "posted"}),
    ("journal", "row_id", "unhex(repeat('00', 16))", "account IN ('5102', '2001')", {"row_ids"}),
    ("journal", "waybill", "'YT100000001'", "account = '2201' AND side = 'D'", {"cleared", "posted"}),
    (
        "charge",
        "amount",
        "amount + 1",
        "fee = 'delivery_paid'",
        {"posted", "explained", "recomputed_charges"},
    ),
    ("charge", "payee", "'OUT1'", "fee = 'delivery_paid'", {"parties", "posted", "recomputed_charges"}),
    ("charge", "price_row", "7", "fee = 'delivery_paid'", {"recomputed_snapshots"}),
    ("charge", "price_column", "'STD'", "fee = 'delivery_paid'", {"recomputed_snapshots"}),
    ("charge", "order_event", "'nothing'", "fee = 'delivery_paid'", {"ordered"}),
    ("charge", "cause", "'nothing'", "fee = 'delivery_paid'", {"caused"}),
    ("charge", "revision", "1", "fee = 'delivery_paid'", {"revisions", "charge_names"}),
    ("charge", "charge_id", "unhex(repeat('00', 16))", "true", {"charge_ids", "charge_names", "posted"}),
    ("charge", "event_time", "addDays(event_time, 1)", "fee = 'delivery_paid'", {"explained", "posted"}),
    ("journal", "route", "'310000-310000'", "true", {"dimensions"}),
    ("journal", "cause", "'claimed'", "true", {"dimensions"}),
    ("event", "offset", "offset + 5", "true", {"offsets"}),
    ("event", "operation", "'40'", "true", {"recomputed_charges", "recomputed_journal"}),
    ("event", "event_id", "'YT100000002-10'", "true", {"event_ids"}),
    ("event", "city", "'999999'", "true", {"places"}),
)
"""Changes in the newest block, whose digest no plan has yet: the books' own rules notice them."""


@pytest.mark.parametrize(
    ("table", "column", "value", "where", "noticed"), UNSEALED, ids=[f"{t}.{c}" for t, c, *_ in UNSEALED]
)
def test_the_newest_block(
    books: Books, table: str, column: str, value: str, where: str, noticed: set[str]
) -> None:
    books.change(table, f"seq = {NEWEST} AND {where}", f"{value} AS `{column}`")
    for check in noticed:
        assert not alone(books.auditor, check).passed, check


FORGED = (
    ("event", "kind = 'order'", "payment + toDecimal64('0.0001', 4) AS payment", "whole_fen"),
    ("claim", "true", "amount + toDecimal64('0.005', 4) AS amount", "whole_fen"),
    ("answer", "command = 'withdraw'", "replace(body, '60000', '60001') AS body", "whole_fen"),
    ("adopted_weight", "replaces = ''", "'other' AS replaces", "adoptions"),
    ("adopted_weight", "weight_class = 'hub_dws'", "2999 AS weight_g", "recomputed_weights"),
    ("waiting", "true", "'no_price' AS reason", "recomputed_waiting"),
    ("waiting", "true", "'' AS reason", "waits"),
    ("anomaly", "true", "'110100' AS found", "anomalies"),
    ("area", "outlet = ''", "'OUT1' AS outlet", "anomalies"),
    ("operator", "true", "first_day - 2 AS first_day", "recomputed_charges"),
    ("operator", "true", "first_day - 9 AS first_day", "changes_of_hands"),
    ("operator", "change_id = 'c3'", "first_day - 9 AS first_day", "changes_of_hands"),
    ("operator", "change_id = 'c3'", "published_at + INTERVAL 2 DAY AS published_at", "changes_of_hands"),
    ("operator", "change_id = 'c3'", "'P9' AS party", "changes_of_hands"),
    ("operator", "true", "'P8' AS party", "moves_recomputed"),
    ("balance_moved", "account = '1101'", "amount + 1 AS amount", "moves_recomputed"),
    ("balance_moved", "account = '1101'", "amount + 1 AS amount", "moves_posted"),
    ("balance_moved", "account = '1001'", "'9:6' AS blocks", "moves_recomputed"),
    ("journal", "fee = 'balance_moved' AND book = 'P9'", "amount + 1 AS amount", "moves_posted"),
    ("journal", "fee = 'balance_moved' AND book = 'HQ'", "'OUT2' AS counterparty", "mirrored"),
    ("dead_letter", "true", "'{}' AS raw", "dead_letters"),
    ("dead_letter", "true", "'conflicting_duplicate' AS reason, '{}' AS raw", "dead_letters"),
    ("tariff_book", "file = 'waybill.csv'", "'price\n2.00\n' AS content", "documents"),
    ("tariff_book", "file = 'waybill.csv'", "'price\n2.00\n' AS content", "recomputed_charges"),
    ("tariff_book", "file = 'book.toml'", "'not toml' AS content", "documents"),
    ("charge", "fee = 'late'", "amount + 1 AS amount", "recomputed_charges"),
    ("charge", "fee = 'late'", "'OUT1' AS payer", "recomputed_charges"),
    ("charge", "fee = 'late'", "'other' AS part", "charge_names"),
    ("claim", "true", "'OUT1' AS responsible", "recomputed_charges"),
    ("claim", "true", "'withdrawn' AS status", "recomputed_charges"),
    ("claim", "true", "'other' AS event_id", "details"),
    ("order_terms", "true", "'other' AS event_id", "details"),
    ("posting_rule", "fee = 'late' AND leg = 1", "'C' AS side", "posting_rules"),
    ("posting_rule", "fee = 'late' AND account = '1005'", "'5001' AS account", "posting_rules"),
    ("posting_rule", "fee = 'late' AND leg = 1", "'6101' AS account", "posted"),
    ("fee", "fee = 'late'", "'destination' AS payee", "parties"),
    ("fee", "fee = 'waybill'", "'destination' AS payer", "recomputed_charges"),
    ("account", "account = '1005'", "'own' AS nature", "mirrored"),
    ("chain_breach", "true", "'closed' AS status, 'x' AS cause", "breaches"),
    ("chain_breach", "true", "'final' AS status", "chain_breaches"),
    ("chain_breach", "true", "'OUT2' AS outlet", "chain_breaches"),
    ("chain_breach", "true", "addHours(since, 1) AS since", "chain_breaches"),
    ("chain_rule", "true", "'30' AS operation", "chain_breaches"),
    ("weight_case", "true", "2501 AS other_g", "weight_cases"),
    ("weight_case", "true", "'opened' AS status", "weight_cases"),
    ("weight_case", "true", "'changed' AS status", "cases"),
    ("weight_case", "true", "501 AS difference_g", "weight_cases"),
    ("weight_decision", "true", "'override' AS decision, 9000 AS weight_g", "recomputed_charges"),
    ("weight_decision", "true", "'other' AS event_id", "weight_cases"),
    ("tariff_book", "true", "'withdrawn' AS status", "documents"),
    ("recall", "true", "'nobody' AS cause", "recalls"),
    ("recall", "true", "1 AS reversed", "recalls"),
    ("network_directory", "true", "'product,name\n' AS content", "documents"),
    ("charge", "reverses != toFixedString('', 16)", "amount + 1 AS amount", "reversals"),
    ("account_movement", "account = 'cash'", "amount + 1 AS amount", "recomputed_accounts"),
    ("account_movement", "account = 'cash'", "balance + 1 AS balance", "recomputed_accounts"),
    ("account_movement", "kind = 'posting'", "amount + 1 AS amount, balance + 1 AS balance", "told"),
    ("account_movement", "kind = 'posting'", "'transit' AS fee", "told"),
    ("account_movement", "kind = 'posting'", "sender + 1 AS sender", "told"),
    ("account_movement", "kind = 'top_up'", "'c9' AS command_id", "recomputed_accounts"),
    ("account_movement", "kind = 'top_up'", "charge_id AS charge_id, 'x' AS fee", "commands_posted"),
    ("answer", "command = 'top_up'", "replace(body, '100000', '90000') AS body", "recomputed_accounts"),
    ("answer", "command = 'top_up'", "amount + 1 AS amount", "commands_posted"),
    ("answer", "command = 'withdraw'", "1 AS accepted, '' AS reason", "recomputed_answers"),
    ("answer", "command = 'withdraw'", "replace(body, '60000', '50000') AS body", "recomputed_answers"),
    ("answer", "command = 'withdraw'", "'c1' AS command_id", "commands"),
    ("answer", "command = 'hold'", "available + 1 AS available", "recomputed_answers"),
    ("hold", "status = 'opened'", "amount + 1 AS amount", "recomputed_holds"),
    ("notice", "true", "available + 1 AS available", "recomputed_notices"),
    ("terms", "party = 'OUT1'", "credit_limit + 1 AS credit_limit", "recomputed_answers"),
    ("journal", "fee = 'top_up' AND account = '2401'", "'2402' AS account", "commands_posted"),
    ("journal", "account = '2101' AND seq = 3", "amount + 1 AS amount", "told"),
)
"""Changes that a forger might hide by making all digests anew: they do not fit what else is there."""


@pytest.mark.parametrize(("table", "where", "replacing", "noticed"), FORGED)
def test_a_forgery(books: Books, table: str, where: str, replacing: str, noticed: str) -> None:
    books.change(table, where, replacing)
    assert not alone(books.auditor, noticed).passed


def test_a_live_audit_leaves_the_newest_block_out(books: Books) -> None:
    books.remove("journal", f"seq = {NEWEST}")
    assert not alone(books.auditor, "posted").passed
    report = run(books.auditor, live=True)
    assert report.passed, report.to_text()
    assert report.counts.unsealed_rows == 0


def test_a_live_audit_notices_rows_that_nobody_planned(books: Books) -> None:
    books.add("journal", f"seq = {NEWEST}", f"toUInt64({NEWEST + 1}) AS seq")
    assert [check.name for check in run(books.auditor, live=True).checks if not check.passed] == ["ahead"]
    books.mend()
    books.add("anomaly", "true", "bitOr(bitShiftLeft(toUInt64(7), 32), seq) AS seq")
    assert "ahead" in {check.name for check in run(books.auditor, live=True).checks if not check.passed}
