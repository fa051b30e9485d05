"""A store with data for a module's tests."""

import pytest
from clickhouse_connect.driver.client import Client

from tests.audit.conftest import store
from tests.dashboards.data import fill
from tests.servers.store import Store

__all__ = ["store"]


@pytest.fixture(scope="module")
def books(store: Store) -> Store:
    """A store with data."""
    fill(store.client())
    return store


@pytest.fixture(scope="module")
def client(books: Store) -> Client:
    """A client of it."""
    return books.client()
