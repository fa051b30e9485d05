"""A store for a module's tests."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from sinks.tables import TABLES
from tests.audit.tampering import Books
from tests.servers.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The module's store. Nothing is kept, so it need not be stopped politely."""
    made = Store(tmp_path_factory.mktemp("store"))
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="module")
def client(store: Store) -> Client:
    """A client of the module's store."""
    return store.client()


@pytest.fixture
def empty(client: Client) -> Client:
    """The same, its tables empty again."""
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {table.name}")
    return client


@pytest.fixture
def books(written: Books) -> Iterator[Books]:
    """The hand-written books as a module has written them, mended after the test."""
    yield written
    written.mend()
