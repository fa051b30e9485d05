"""Lanes that have ended well: every cell of every table is sealed, and the newest block cannot be gone."""

import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit import run
from sinks.tables import BLOCK, FACTS, TABLES, Column, Table
from tests.audit.alone import alone
from tests.audit.tampering import NEWEST, Altered, Books, unsealed
from tests.audit.writer import Writer


@pytest.fixture(scope="module")
def written(client: Client) -> Books:
    """The hand-written books, closed."""
    return Books(client, closed=True)


def failing(books: Books) -> set[str]:
    """Names of the checks that do not pass."""
    return {check.name for check in run(books.auditor, closed=True).checks if not check.passed}


def test_closed_books_pass_and_nothing_is_unsealed(books: Books) -> None:
    report = run(books.auditor, closed=True)
    assert report.passed, report.to_text()
    assert report.counts.unsealed_rows == 0
    assert report.check("closed").detail == "3 lanes"


def test_open_books_do_not_pass(books: Books) -> None:
    books.remove("block", f"n = {NEWEST + 1}")
    assert failing(books) == {"closed"}
    report = run(books.auditor)
    assert report.passed
    assert report.counts.unsealed_rows > 0


def test_the_newest_block_gone_with_all_its_rows_is_noticed(books: Books) -> None:
    for table in (BLOCK, *FACTS):
        of_lane = (
            f"lane = 0 AND n >= {NEWEST}"
            if table.name == "block"
            else f"seq BETWEEN {NEWEST} AND {2**32 - 1}"
        )
        books.remove(table.name, of_lane)
    assert failing(books) == {"closed"}


WRITTEN_LAST = ("event", "charge", "journal")
CELLS = [(table, column) for table in FACTS if table.name in WRITTEN_LAST for column in table.columns]


@pytest.mark.parametrize(("table", "column"), CELLS, ids=[f"{t.name}.{c.name}" for t, c in CELLS])
def test_one_cell_of_the_newest_block(books: Books, table: Table, column: Column) -> None:
    assert "digests" in unsealed(Altered(books, column.name, NEWEST), table)


def test_a_lane_alone_with_one_block_is_not_closed(books: Books) -> None:
    for table in TABLES:
        books.remove(table.name, "true")
    writer = Writer(books.client)
    writer.by_hand({"product": [{"version": "1", "product": "a", "name": "b"}]}, {"waybook.control:0": 1})
    assert not alone(books.auditor, "closed").passed
    writer.close()
    assert alone(books.auditor, "closed").passed
