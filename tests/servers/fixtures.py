"""Fixtures: real servers for the session, and makers of servers for tests that kill them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import Server
from tests.servers.store import Store


@pytest.fixture(scope="session")
def lasting_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A Kafka for modules, which may kill and start it; each begins by emptying it."""
    server = Kafka(tmp_path_factory.mktemp("kafka"))
    with server:
        yield server


@pytest.fixture
def kafka(lasting_kafka: Kafka) -> Kafka:
    """The same for one test, without topics."""
    return lasting_kafka.emptied()


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A Mosquitto for tests that leave it running."""
    server = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    with server:
        yield server


@pytest.fixture(scope="session")
def lasting_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store for modules that leave it running; each begins by emptying the tables."""
    made = Store(tmp_path_factory.mktemp("store"))
    try:
        made.start()
        yield made
    finally:
        made.kill()  # nothing is kept, so it need not be stopped politely


Maker = Callable[[type[Server]], Server]


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[[type[Server]], Server]]:
    """Makes a started server of a class, of one's own; stopped after the test."""
    made: list[Server] = []

    def make(kind: type[Server]) -> Server:
        server = kind(tmp_path / f"{kind.__name__.lower()}{len(made)}")
        made.append(server)
        server.start()
        return server

    yield make
    for server in reversed(made):
        server.kill()


@pytest.fixture
def store(new_server: Maker) -> Store:
    """A store of one's own."""
    server = new_server(Store)
    assert isinstance(server, Store)
    return server
