"""A store for a module's tests."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from sinks.tables import TABLES
from tests.audit.tampering import Books, Kept
from tests.servers.store import Store


@pytest.fixture(scope="module")
def store(lasting_store: Store) -> Store:
    """A store; its tables are empty when a module begins."""
    emptied(lasting_store.client())
    return lasting_store


@pytest.fixture(scope="module")
def client(store: Store) -> Client:
    """A client of it."""
    return store.client()


@pytest.fixture
def empty(client: Client) -> Client:
    """The same, its tables empty again."""
    return emptied(client)


_FILLED = "SELECT name FROM system.tables WHERE database = currentDatabase() AND parts > 0"


def emptied(client: Client) -> Client:
    """Without a row."""
    filled = {row[0] for row in client.query(_FILLED).result_rows}
    for table in TABLES:
        if table.name in filled:
            client.command(f"TRUNCATE TABLE {table.name}")
    return client


@pytest.fixture
def books(written: Books) -> Iterator[Books]:
    """The hand-written books as a module has written them, mended after the test."""
    yield written
    written.leave()


@pytest.fixture
def tampered(kept: Kept) -> Iterator[Kept]:
    """The tables that a module has kept, mended after the test."""
    yield kept
    kept.leave()
