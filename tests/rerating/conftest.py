"""A store for a module's tests, with empty tables for each."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from sinks.tables import TABLES
from tests.servers.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store. Nothing is kept, so it need not be stopped politely."""
    made = Store(tmp_path_factory.mktemp("store"))
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def empty(store: Store) -> Client:
    """A client of the store with empty tables."""
    client = store.client()
    for table in TABLES:
        client.command(f"TRUNCATE TABLE {table.name}")
    return client
