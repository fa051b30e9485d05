"""Fixtures for all tests."""

from tests.servers.fixtures import kafka, mosquitto, new_server, store

__all__ = ["kafka", "mosquitto", "new_server", "store"]
