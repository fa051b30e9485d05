"""A store for these tests."""

from tests.audit.conftest import client

__all__ = ["client"]
