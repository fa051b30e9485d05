"""From MQTT into Kafka: whatever ends, nothing is lost, and what comes twice is the same."""

import os
import random
import time
from collections.abc import Callable

import pytest

from schemas import topics
from schemas.identity import content_id
from tests.devices.harness import DeviceFlow, Devices, Records, scan, until, weigh
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import KEEPS_SHARED, Mosquitto, version

Flow = Callable[..., DeviceFlow]


class Sent:
    """Publishes scans, weights and nonsense, and knows what must come of them: event id → type."""

    def __init__(self, devices: Devices, first: int) -> None:
        self.devices, self.number = devices, first
        self.expected: dict[str, str] = {}

    def some(self) -> None:
        """A few of each."""
        for _ in range(60):
            self.number += 1
            topic, payload, event_id = scan(self.number)
            self._send(topic, payload, event_id, "scan")
            topic, payload = weigh(self.number)
            self._send(topic, payload, content_id("dws-cm", f"{topics.MQTT_ROOT}/{topic}", payload), "weight")
        topic, payload = "sorter/SZH1/b1", b"#%d" % self.number
        self._send(topic, payload, content_id("dl", f"{topics.MQTT_ROOT}/{topic}", payload), "dead_letter")

    def _send(self, topic: str, payload: bytes, event_id: str, kind: str) -> None:
        self.devices.publish(topic, payload)
        self.expected[event_id] = kind


def came(records: Records, sent: Sent) -> None:
    """All of it, nothing else, each key in one partition."""
    events = records.wait_for(len(sent.expected)).events()
    assert {name: type(event).__struct_config__.tag for name, event in events.items()} == sent.expected
    assert all(len(partitions) == 1 for partitions in records.partitions.values())


def subscribed_again(running: DeviceFlow, before: int) -> None:
    """Until it has subscribed more often than before, or has ended."""
    until(lambda: running.said("mqtt subscribed") > before or not running.running, "subscribed again")


def test_killed_at_random_and_the_broker_restarted(
    flow: Flow, devices: Devices, records: Records, broker: Mosquitto
) -> None:
    running, sent = flow(mqtt_clients=1), Sent(devices, 0)
    until(running.subscribed, "connected")
    end, restart_at = time.monotonic() + 5, time.monotonic() + 2.5
    kill_at = time.monotonic() + 0.7
    while (now := time.monotonic()) < end:
        sent.some()
        running.tend()
        if now > kill_at:
            running.kill()
            kill_at = now + random.uniform(0.7, 1.5)
        if now > restart_at:
            broker.stop()
            broker.start()
            restart_at = end
        time.sleep(0.04)
    devices.settle()
    running.tend()
    came(records, sent)
    assert running.stop() == 0
    assert running.starts > 3


def killed_at_every_point(
    flow: Flow, devices: Devices, records: Records, broker: Mosquitto, *, clients: int, restarted: bool
) -> None:
    """One process after the other dies at the next point; perhaps the broker is restarted on the way."""
    running, sent = flow(mqtt_clients=clients), Sent(devices, 100_000)
    until(running.subscribed, "connected")
    for point in ("handed_out", "flushed", "before_acknowledge", "acknowledged"):
        running.kill()
        running.crash = f"{point}:1"
        before = running.said("mqtt subscribed")
        running.start()
        if point == "before_acknowledge":  # a Mosquitto before 2.0.12 has forgotten shared subscriptions
            subscribed_again(running, before)
        sent.some()
        until(lambda: not running.running, f"killed at {point}")
        assert running.said("killed", point=point) == 1
        sent.some()
        devices.settle()
        if restarted and point == "flushed":
            broker.stop()
            broker.start()
    running.crash = ""
    running.start()
    came(records, sent)
    assert records.repeats() > 0, "what was in Kafka, but not acknowledged, comes again"
    assert running.stop() == 0


def test_one_client_killed_at_every_point_and_the_broker_restarted(
    flow: Flow, devices: Devices, records: Records, broker: Mosquitto
) -> None:
    killed_at_every_point(flow, devices, records, broker, clients=1, restarted=True)


def test_two_clients_killed_at_every_point(
    flow: Flow, devices: Devices, records: Records, broker: Mosquitto
) -> None:
    killed_at_every_point(flow, devices, records, broker, clients=2, restarted=False)


@pytest.mark.skipif(
    version() < KEEPS_SHARED,
    reason=f"Mosquitto {version()} forgets shared subscriptions when it restarts: {KEEPS_SHARED} or newer is needed",
)
def test_two_clients_killed_at_every_point_and_the_broker_restarted(
    flow: Flow, devices: Devices, records: Records, broker: Mosquitto
) -> None:
    killed_at_every_point(flow, devices, records, broker, clients=2, restarted=True)


def test_stopped_politely_nothing_comes_twice(flow: Flow, devices: Devices, records: Records) -> None:
    first, sent = flow(), Sent(devices, 200_000)
    until(first.subscribed, "connected")
    for n in range(60):
        sent.some()
        if n == 40:  # while more comes than it takes
            assert first.stop() == 0
    devices.settle()
    second = flow()
    came(records, sent)
    assert second.stop() == 0
    third = flow()
    until(third.subscribed, "connected")
    time.sleep(0.7)
    assert third.stop() == 0
    assert records.read(0.5).repeats() == 0
    assert [process.said("stopped") for process in (first, second, third)] == [1, 1, 1]


def test_kafka_goes_away(flow: Flow, devices: Devices, records: Records, log_: Kafka) -> None:
    """The flow gives up loudly; what it could not deliver comes again."""
    running, sent = flow(kafka_options={"message.timeout.ms": "1500"}), Sent(devices, 300_000)
    until(running.subscribed, "connected")
    log_.stop()
    sent.some()
    devices.settle()
    assert running.process is not None
    assert running.process.wait(30) == os.EX_TEMPFAIL
    assert '"event":"gave up","error":"DeliveryError' in (running.directory / "server.log").read_text()
    log_.start()
    flow()
    came(records, sent)


def test_fewer_clients_resume_every_session(flow: Flow, devices: Devices, records: Records) -> None:
    """What the broker keeps for the third client would be lost with it."""
    three, sent = flow(mqtt_clients=3), Sent(devices, 400_000)
    until(three.subscribed, "connected")
    time.sleep(0.7)  # an epoch, which remembers the number
    assert three.stop() == 0
    sent.some()
    devices.settle()
    one = flow(mqtt_clients=1)
    came(records, sent)
    assert one.said("keeping the sessions of before", clients=3, wanted=1) == 1


def test_more_clients_take_over(flow: Flow, devices: Devices, records: Records) -> None:
    """An ordinary subscription becomes a shared one: between the two nothing is lost, then nothing doubled."""
    first, sent = flow(mqtt_clients=1), Sent(devices, 500_000)
    until(first.subscribed, "connected")
    time.sleep(0.7)
    assert first.stop() == 0
    sent.some()
    devices.settle()
    second = flow(mqtt_clients=2)
    came(records, sent)
    doubled = records.repeats()
    for _ in range(10):
        sent.some()
    came(records, sent)
    assert second.stop() == 0
    assert records.read(0.3).repeats() == doubled


def test_the_broker_is_away_when_the_flow_starts(
    flow: Flow, devices: Devices, records: Records, broker: Mosquitto
) -> None:
    first, sent = flow(mqtt_clients=1), Sent(devices, 800_000)
    until(first.subscribed, "connected")
    assert first.stop() == 0
    sent.some()
    devices.settle()
    broker.stop()
    second = flow(mqtt_clients=1)
    until(lambda: second.said("mqtt away"), "it says so")
    broker.start()
    came(records, sent)
    assert second.stop() == 0


def test_two_processes_share(flow: Flow, devices: Devices, records: Records) -> None:
    """Each message goes to one of them; the second's end is no loss, because its sessions wait for it."""
    one, two, sent = flow(), flow(number=1), Sent(devices, 900_000)
    until(lambda: one.subscribed() and two.subscribed(), "connected")
    for n in range(20):
        sent.some()
        if n == 10:
            two.kill()
    devices.settle()
    two.start()
    came(records, sent)
    assert (one.stop(), two.stop()) == (0, 0)
