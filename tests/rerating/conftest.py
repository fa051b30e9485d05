"""A store for a module's tests, with empty tables for each."""

from tests.audit.conftest import client, empty, store

__all__ = ["client", "empty", "store"]
