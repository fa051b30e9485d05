"""Fixtures for all tests, and how property tests run."""

from hypothesis import HealthCheck, settings

from tests.servers.fixtures import kafka, mosquitto, new_server, store

__all__ = ["kafka", "mosquitto", "new_server", "store"]

settings.register_profile("waybook", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("waybook")
"""A machine that is busy with something else is no fault of what is tested."""
