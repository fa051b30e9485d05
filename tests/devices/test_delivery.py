"""From MQTT into Kafka: whatever ends, nothing is lost, and what comes twice is the same."""

import time
from collections.abc import Callable

import msgspec
from confluent_kafka import Producer

from schemas import topics
from schemas.events import NetworkPublished
from schemas.identity import content_id
from schemas.settings import Settings
from tests.devices.harness import DeviceFlow, Devices, Records, chance, scan, until, weigh
from tests.governance.material import FILES
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto

Flow = Callable[..., DeviceFlow]
POINTS = "handed_out:0.05,flushed:0.05,before_acknowledge:0.05,acknowledged:0.05"


def test_killed_again_and_again_and_the_broker_restarted(
    flow: Flow, devices: Devices, records: Records, broker: Mosquitto
) -> None:
    running, r = flow(crash=POINTS), chance()
    expected: dict[str, str] = {}
    until(running.subscribed, "both clients connected")
    end, kill_at, restart_at = time.monotonic() + 9, time.monotonic() + 1, time.monotonic() + 4
    number = 0
    while (now := time.monotonic()) < end:
        for _ in range(60):
            number += 1
            topic, payload, event_id = scan(number)
            devices.publish(topic, payload)
            expected[event_id] = "scan"
            topic, payload = weigh(number)
            devices.publish(topic, payload)
            kind = "weight" if number % 40 or number % 997 else "dead_letter"
            expected[content_id("dws-cm", f"{topics.MQTT_ROOT}/{topic}", payload)] = kind
        topic, payload = "sorter/SZH1/b1", b"#%d" % number
        devices.publish(topic, payload)
        expected[content_id("dl", f"{topics.MQTT_ROOT}/{topic}", payload)] = "dead_letter"
        running.tend()
        if now > kill_at:
            running.kill()
            kill_at = now + r.uniform(0.6, 1.6)
        if now > restart_at:
            broker.stop()
            broker.start()
            restart_at = end
        time.sleep(0.03)
    devices.settle()
    running.crash = ""
    running.kill()
    running.start()
    events = records.wait_for(len(expected)).events()
    assert running.stop() == 0
    assert {event_id: type(event).__struct_config__.tag for event_id, event in events.items()} == expected
    assert all(len(partitions) == 1 for partitions in records.partitions.values())
    assert running.starts > 5
    assert records.repeats() > 0, "nothing was killed between Kafka and the acknowledgement"


def test_stopped_politely_nothing_comes_twice(flow: Flow, devices: Devices, records: Records) -> None:
    first = flow()
    until(first.subscribed, "connected")
    for number in range(100_000, 103_000):
        topic, payload, _ = scan(number)
        devices.publish(topic, payload)
        if number == 101_500:
            assert first.stop() == 0
    devices.settle()
    second = flow()
    records.wait_for(3_000)
    assert second.stop() == 0
    third = flow()
    until(third.subscribed, "connected")
    time.sleep(1)
    assert third.stop() == 0
    records.read(0.5)
    assert len(records.values) == 3_000
    assert records.repeats() == 0
    assert first.said("stopped") == second.said("stopped") == third.said("stopped") == 1


def test_kafka_goes_away(flow: Flow, devices: Devices, records: Records, log_: Kafka) -> None:
    """The flow gives up loudly, and what it could not deliver comes again."""
    running = flow(kafka_options={"message.timeout.ms": "1500"})
    until(running.subscribed, "connected")
    log_.kill()
    for number in range(200_000, 200_500):
        topic, payload, _ = scan(number)
        devices.publish(topic, payload)
    devices.settle()
    assert running.process is not None
    assert running.process.wait(30) not in (0, None)
    assert "DeliveryError" in (running.directory / "server.log").read_text()
    log_.start()
    flow()
    assert set(records.wait_for(500).events()) == {scan(n)[2] for n in range(200_000, 200_500)}


def test_fewer_clients_resume_every_session(flow: Flow, devices: Devices, records: Records) -> None:
    """What the broker keeps for the third client would be lost with it."""
    three = flow(mqtt_clients=3)
    until(three.subscribed, "connected")
    time.sleep(0.5)
    assert three.stop() == 0
    for number in range(300_000, 300_300):
        topic, payload, _ = scan(number)
        devices.publish(topic, payload)
    devices.settle()
    one = flow(mqtt_clients=1)
    records.wait_for(300, 20)
    assert one.said("keeping the sessions of before", clients=3, wanted=1) == 1
    assert one.stop() == 0


def test_poison(flow: Flow, devices: Devices, records: Records) -> None:
    """Messages that no device should send are dead letters or events; the flow goes on, and never sees them again."""
    running = flow()
    until(running.subscribed, "connected")
    for payload in (b"[" * 300_000, b"\x00" * 3_000_000, b"", b'{"a":1e9999999999999999999}'):
        devices.publish("sorter/SZH1/b1", payload)
    devices.publish("sorter/SZH1/" + "b" * 500, b"{}")
    topic, payload, event_id = scan(400_000)
    devices.publish(topic, payload, qos=0)
    topic, payload, _ = scan(400_001, code="BAG")
    devices.publish(topic, payload)
    topic, payload, after = scan(400_002)
    devices.publish(topic, payload)
    devices.settle()
    events = records.wait_for(7, 20).events()
    assert running.stop() == 0
    assert running.starts == running.said("stopped") == 1
    assert running.said("mqtt disconnected") == 2, "only at the end"
    assert {event_id, after} < set(events)
    assert sorted(e.reason for e in events.values() if hasattr(e, "reason")) == [
        "identifier_too_long",
        "not_json",
        "not_json",
        "not_json",
        "not_json",
    ]
    again = flow()
    until(again.subscribed, "connected")
    time.sleep(0.7)
    assert again.stop() == 0
    assert records.read(0.3).repeats() == 0
    assert len(records.values) == 7


def test_a_new_directory_is_followed(
    flow: Flow, devices: Devices, records: Records, settings: Settings
) -> None:
    running = flow()
    until(running.subscribed, "connected")
    producer = Producer({"bootstrap.servers": settings.kafka})
    for version, row in (("2", "no,site\n"), ("3", "NEW1,新网点,outlet,531009,370100,370000\n")):
        files = {**FILES, "sites.csv": FILES["sites.csv"] + row}
        document = NetworkPublished(id=f"network-{version}", time=1, version=version, files=files)
        producer.produce(topics.CONTROL.name, msgspec.json.encode(document), partition=0)
    producer.flush()
    until(lambda: running.said("directory", sites=3), "the new directory")
    assert running.said("a published document is refused") == 1
    devices.publish("scale/NEW1/s", b'{"no":"YT7500000000001","kg":"1.5","ts":1762821000}')
    (event,) = records.wait_for(1).events().values()
    assert (event.outlet, event.weight_class, event.weight_g) == ("531009", "outlet_scale", 1500)
