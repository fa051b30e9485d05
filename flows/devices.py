"""The device flow: MQTT → the network's words → Kafka, at least once.

python -m flows.devices        settings from the environment: see schemas.settings
"""

import signal
import time
from pathlib import Path

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow
from prometheus_client import Counter, Gauge

from flows.engine import metrics
from flows.engine.acknowledged import Inbox, Inboxes, Outboxes, Record, run
from flows.engine.log import log
from flows.governance.dialects import Dialects, read_dialects
from flows.governance.network import Network, read_network
from flows.governance.normalise import normalise
from schemas import topics
from schemas.events import ControlEvent, DeadLetter, NetworkPublished
from schemas.problems import DocumentError
from schemas.settings import Settings, from_environment
from sinks.kafka import Records
from sources.kafka import Follower
from sources.mqtt import Received, Subscriber

EPOCH = 0.25
"""Seconds until what came is acknowledged."""
BUDGET = 50_000
"""Messages in an epoch."""

MESSAGES = Counter("waybook_device_messages_total", "Messages of devices", ["dialect", "outcome"])
SAFE = Counter("waybook_device_acknowledged_total", "Messages acknowledged to MQTT")
CONNECTED = Gauge("waybook_device_connected", "MQTT clients that are connected")


class Directory:
    """The network's directory as Kafka has it, newest first; waits for the first one."""

    def __init__(self, settings: Settings) -> None:
        self._follower = Follower(settings.kafka, topics.CONTROL.name, settings.kafka_options)
        self._network: Network | None = None
        self._looked = 0.0

    def wait(self, stopping: "Stop") -> None:
        """Until there is a directory."""
        told = 0.0
        while self._network is None and not stopping.asked:
            self._take(0.5)
            if self._network is None and time.monotonic() > told + 5:
                told = time.monotonic()
                log("waiting for the network's directory", topic=topics.CONTROL.name)

    def current(self) -> Network:
        """The newest directory; looks for a newer one every second."""
        if time.monotonic() > self._looked + 1:
            self._looked = time.monotonic()
            self._take(0)
        if self._network is None:
            raise RuntimeError("no directory has been published")
        return self._network

    def _take(self, seconds: float) -> None:
        for raw in self._follower.poll(seconds):
            try:
                event = msgspec.json.decode(raw, type=ControlEvent)
                if isinstance(event, NetworkPublished):
                    self._network = read_network(event.files)
                    log("directory", version=self._network.version, sites=len(self._network.sites))
            except (msgspec.DecodeError, DocumentError) as error:
                log("a published document is refused", error=str(error)[:300])


class Stop:
    """Whether the process was told to end."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:  # noqa: ARG002
        self.asked = True


def devices(settings: Settings, directory: Directory, dialects: Dialects, stop: Stop) -> Dataflow:
    """The dataflow."""

    def inbox() -> Inbox:
        subscriber = Subscriber(
            settings.mqtt,
            "waybook",
            topics.MQTT_FILTER,
            settings.mqtt_clients,
            settings.mqtt_user,
            settings.mqtt_password,
            log,
        )
        CONNECTED.set_function(lambda: subscriber.connected)
        subscriber.start()
        return Inbox(subscriber, BUDGET, lambda: stop.asked, SAFE.inc)

    def in_our_words(item: tuple[str, list[Received]]) -> tuple[str, list[Record]]:
        network = directory.current()
        records = [record(message, network, dialects) for message in item[1]]
        return "all", [known for known in records if known is not None]

    flow = Dataflow("devices")
    messages = op.input("mqtt", flow, Inboxes(inbox))
    events = op.map("normalise", messages, in_our_words)
    op.output("kafka", events, Outboxes(lambda: Records(settings)))
    return flow


def record(message: Received, network: Network, dialects: Dialects) -> Record | None:
    """A message as a record for Kafka: an event by its waybill, or a dead letter by its id."""
    event = normalise(message.topic, message.payload, message.at, network, dialects)
    dialect = message.topic.split("/")[2:3]
    name = dialect[0] if dialect and dialect[0] in dialects.dialects else "unknown"
    if event is None:
        MESSAGES.labels(name, "unused").inc()
        return None
    if isinstance(event, DeadLetter):
        MESSAGES.labels(name, event.reason).inc()
        return topics.DEAD_LETTERS.name, event.id, msgspec.json.encode(event), message.at
    MESSAGES.labels(name, "accepted").inc()
    return topics.DEVICES.name, event.waybill, msgspec.json.encode(event), message.at


def known_dialects() -> Dialects:
    """The dialects and operation codes that this version understands."""
    data = Path(__file__).parent / "governance"
    return read_dialects(
        (data / "dialects.toml").read_text("utf-8"), (data / "operations.csv").read_text("utf-8")
    )


def main() -> None:
    """Run until told to stop."""
    settings, stop = from_environment(), Stop()
    metrics.serve(settings.metrics_port, settings.home / "devices")
    directory = Directory(settings)
    directory.wait(stop)
    if not stop.asked:
        run(devices(settings, directory, known_dialects(), stop), "devices", settings, EPOCH)
    log("stopped", flow="devices")


if __name__ == "__main__":
    main()
