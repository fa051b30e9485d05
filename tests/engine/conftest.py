"""A store for these tests."""

from tests.audit.conftest import store

__all__ = ["store"]
