"""One Kafka for these tests; each test has a Mosquitto, a home and messages of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from schemas.settings import Settings
from tests.devices.harness import DeviceFlow, Devices, Records, prepare
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto that a test may restart; its sessions are no other test's."""
    with Mosquitto(tmp_path / "broker") as server:
        yield server


@pytest.fixture(scope="package")
def log_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A Kafka that tests may restart, with topics and the directory."""
    with Kafka(tmp_path_factory.mktemp("log")) as server:
        prepare(server)
        yield server


@pytest.fixture
def settings(broker: Mosquitto, log_: Kafka, tmp_path: Path) -> Settings:
    """Of a flow between the two."""
    return Settings(mqtt=broker.address, kafka=log_.address, home=tmp_path / "home", mqtt_clients=2)


@pytest.fixture
def flow(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., DeviceFlow]]:
    """Makes flows, started; ended after the test, acknowledging what they have."""
    made: list[DeviceFlow] = []

    def make(number: int = 0, **changed: object) -> DeviceFlow:
        changed_settings = msgspec.structs.replace(settings, **changed)
        server = DeviceFlow(tmp_path / f"flow{len(made)}", changed_settings, number)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def devices(broker: Mosquitto, request: pytest.FixtureRequest) -> Iterator[Devices]:
    """Who publishes."""
    publisher = Devices(broker.address, f"devices-{abs(hash(request.node.nodeid))}")
    yield publisher
    publisher.close()


@pytest.fixture
def records(log_: Kafka) -> Iterator[Records]:
    """What the test adds to Kafka."""
    reader = Records(log_)
    yield reader
    reader.close()
