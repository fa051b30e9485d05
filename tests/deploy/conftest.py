"""A Kafka and a store for a module's tests, and the command line."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from schemas.settings import Settings, to_environment
from tests.crash.harness import PARTITIONS
from tests.deploy import command
from tests.servers.kafka import Kafka
from tests.servers.store import Store

Waybook = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def settings(lasting_kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A Kafka, a store, and where they are."""
    home = tmp_path_factory.mktemp("cli")
    kafka, store = lasting_kafka.emptied(), Store(home / "store")
    with store:
        kafka.create_topics(PARTITIONS)
        store.client()
        yield Settings(
            kafka=kafka.address, clickhouse=store.url, home=home / "home", partitions=PARTITIONS, epoch=0.5
        )


@pytest.fixture(scope="module")
def waybook(settings: Settings) -> Waybook:
    """Runs the command."""
    return lambda *words: command.waybook(words, to_environment(settings))
