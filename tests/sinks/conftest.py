"""A store for these tests: they make databases and tables of their own."""

from collections.abc import Iterator

import pytest

from tests.servers.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One for a module."""
    made = Store(tmp_path_factory.mktemp("store"))
    try:
        made.start()
        yield made
    finally:
        made.kill()
