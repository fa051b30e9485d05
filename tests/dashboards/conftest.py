"""A store with data for a module's tests."""

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from tests.dashboards.data import fill
from tests.servers.store import Store


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A store with data."""
    with Store(tmp_path_factory.mktemp("store")) as store:
        assert isinstance(store, Store)
        made = store.client()
        fill(made)
        yield made
