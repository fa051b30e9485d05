"""A store for these tests."""

from tests.audit.conftest import client, empty, store

__all__ = ["client", "empty", "store"]
