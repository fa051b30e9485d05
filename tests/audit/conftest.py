"""A store for a module's tests."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from sinks.tables import TABLES
from tests.servers.store import Store


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a store with empty tables. Nothing is kept, so the store need not be stopped politely."""
    store = Store(tmp_path_factory.mktemp("store"))
    try:
        store.start()
        yield store.client()
    finally:
        store.kill()


@pytest.fixture
def empty(client: Client) -> Client:
    """A client of the module's store, its tables empty again."""
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {table.name}")
    return client
