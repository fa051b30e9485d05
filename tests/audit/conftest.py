"""A store for a module's tests, and the hand-written books in it."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from tests.servers.store import Store


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a store with empty tables."""
    with Store(tmp_path_factory.mktemp("store")) as store:
        yield store.client()
