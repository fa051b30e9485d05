"""The device flow: MQTT → the network's words → Kafka, at least once.

python -m flows.devices [NUMBER]        settings from the environment: see schemas.settings

One process is enough for some 20,000 messages a second. More share the subscription under numbers of their own,
with at least two clients each.
"""

import sys
from collections import Counter as Tally
from pathlib import Path

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow
from prometheus_client import Counter

from flows.engine import metrics
from flows.engine.acknowledged import Inboxes, Outboxes, Record, run
from flows.engine.clock import Clock
from flows.engine.directory import Directory
from flows.engine.log import capture, log
from flows.engine.stop import Stop
from flows.governance.dialects import Dialects, read_dialects
from flows.governance.network import Network
from flows.governance.normalise import normalise
from flows.governance.stores import Said
from schemas import topics
from schemas.events import Command, DeadLetter, Scan, Weight
from schemas.settings import Settings, from_environment
from schemas.shipped import shipped
from sinks.kafka import Records
from sources.mqtt import Received, Subscriber

EPOCH = 0.25
"""Seconds until what came is acknowledged."""
BUDGET = 50_000
"""Messages in an epoch, at most."""

MESSAGES = Counter("waybook_device_messages_total", "Messages of devices", ["dialect", "outcome"])


def devices(
    name: str, settings: Settings, directory: Directory, clock: Clock, dialects: Dialects, stop: Stop
) -> Dataflow:
    """The dataflow."""

    def subscribe(clients: int) -> Subscriber:
        return Subscriber(
            settings.mqtt,
            topics.MQTT_FILTER,
            group="waybook",
            name=f"waybook-{name}",
            clients=clients,
            user=settings.mqtt_user,
            password=settings.mqtt_password,
            say=log,
        )

    def in_our_words(item: tuple[str, list[Received]]) -> tuple[str, list[Record]]:
        key, batch = item
        now = clock.now()
        between = (now - settings.horizon, now + settings.ahead) if now else None
        return key, records(batch, directory.current(), dialects, between)

    flow = Dataflow("devices")
    messages = op.input("mqtt", flow, Inboxes(subscribe, settings.mqtt_clients, BUDGET, stop))
    events = op.map("normalise", messages, in_our_words)
    op.output("kafka", events, Outboxes(lambda: Records(settings)))
    return flow


def records(
    batch: list[Received], network: Network, dialects: Dialects, between: tuple[int, int] | None = None
) -> list[Record]:
    """Messages as records for Kafka: events by their waybills, dead letters by their ids; and their count.

    `between`: when readings may have been made (UTC ms), where that is known.
    """
    made: list[Record] = []
    tally: Tally[tuple[str, str]] = Tally()
    for message in batch:
        event = normalise(message.topic, message.payload, message.at, network, dialects, between)
        if event is None:
            outcome = "unused"
        elif isinstance(event, DeadLetter):
            outcome = event.reason
            made.append((topics.DEAD_LETTERS.name, event.id, msgspec.json.encode(event), message.at))
        else:
            outcome = "accepted"
            made.append((*_goes_to(event), msgspec.json.encode(event), message.at))
        tally[dialects.name(message.topic), outcome] += 1
    for (dialect, outcome), count in tally.items():
        MESSAGES.labels(dialect, outcome).inc(count)
    return made


def _goes_to(event: Scan | Weight | Said) -> tuple[str, str]:
    """An event's topic and key."""
    if isinstance(event, Scan | Weight):
        return topics.DEVICES.name, event.waybill
    if isinstance(event, Command):
        return topics.COMMANDS.name, event.subject
    return topics.STAYS.name, event.stay


def known_dialects() -> Dialects:
    """The dialects and operation codes that this version understands."""
    data = Path(__file__).parent / "governance"
    return shipped(read_dialects, data / "dialects.toml", data / "operations.csv")


def main() -> None:
    """Run until told to stop."""
    settings, stop = from_environment(), Stop()
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    name = f"devices{number or ''}"
    capture()
    metrics.serve(
        settings.metrics_port and settings.metrics_port + number, settings.home / name, settings.metrics_host
    )
    directory = Directory(settings)
    directory.wait(stop)
    if not stop.asked:
        clock = Clock(settings)
        clock.wait(stop)
        run(devices(name, settings, directory, clock, known_dialects(), stop), settings.home / name, EPOCH)
    log("stopped", flow=name)


if __name__ == "__main__":
    main()
