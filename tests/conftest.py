"""Fixtures for all tests, their order, and how property tests run."""

import gc
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.fixtures import kafka, lasting_kafka, lasting_store, mosquitto, new_server, store

__all__ = ["kafka", "lasting_kafka", "lasting_store", "mosquitto", "new_server", "store"]

settings.register_profile("waybook", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("waybook")
"""A machine that is busy with something else is no fault of what is tested."""

LONGEST = (
    *("crash", "simulation", "deploy", "audit", "rerating", "devices", "dashboards", "recall"),
    *("payments", "receiver", "bills"),
)
"""Directories whose files begin first: a worker that is left with a long file at the end keeps everybody waiting."""

MEMORY, ROOM = Path("/dev/shm"), 4 << 30
"""A file system in memory, and the bytes that tests want there."""


def pytest_configure() -> None:
    """Stores and brokers make files by the thousand: where there is room for them in memory, that costs least.

    What is imported and collected stays, so until then nothing is looked at for garbage.
    """
    gc.disable()
    os.environ.setdefault("USER", "tester")
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; otherwise as they were found."""
    items.sort(key=lambda item: (*LONGEST, item.path.parent.name).index(item.path.parent.name))


def pytest_collection_finish() -> None:
    """Collected tests stay until the end: nobody need look at them for garbage, nor at everything else so often."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
