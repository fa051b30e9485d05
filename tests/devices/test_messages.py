"""What the running flow makes of single messages, of a directory, and what it tells about it."""

import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from schemas import topics
from schemas.events import DeadLetter, NetworkPublished, Tick, Weight
from schemas.settings import Settings
from sinks.kafka import Records as Sink
from tests.deploy.test_kafka import Mock
from tests.devices.harness import DeviceFlow, Devices, Records, scan, until
from tests.governance.material import FILES

Flow = Callable[..., DeviceFlow]


def metrics(settings: Settings) -> dict[tuple[str, ...], float]:
    """What the flow tells Prometheus: (name, labels…) → value."""
    port = (settings.home / "devices" / "metrics.port").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_poison(flow: Flow, devices: Devices, records: Records, settings: Settings) -> None:
    """What no device should send is a dead letter or an event; the flow goes on, and never sees it again."""
    running = flow()
    until(running.subscribed, "connected")
    for payload in (b"[" * 300_000, b"\x00" * 3_000_000, b"", b'{"a":1e9999999999999999999}'):
        devices.publish("sorter/SZH1/b1", payload)
    devices.publish("robot/SZH1/b1", b"{}")
    devices.publish("sorter/SZH1/" + "b" * 500, b"{}")
    topic, payload, no_acknowledgement = scan(600_000)
    devices.publish(topic, payload, qos=0)
    topic, payload, _ = scan(600_001, code="EXCEPTION")
    devices.publish(topic, payload)
    topic, payload, after = scan(600_002)
    devices.publish(topic, payload)
    devices.settle()
    events = records.wait_for(8, 20).events()
    assert {no_acknowledgement, after} < set(events)
    reasons = sorted(event.reason for event in events.values() if isinstance(event, DeadLetter))
    assert reasons == ["identifier_too_long", *["not_json"] * 4, "unknown_dialect"]
    until(lambda: metrics(settings)["waybook_device_acknowledged_total",] == 9, "all acknowledged")
    told = metrics(settings)
    messages = "waybook_device_messages_total"
    assert told[messages, "sorter", "not_json"] == 4
    assert told[messages, "sorter", "accepted"] == 2
    assert told[messages, "sorter", "unused"] == 1
    assert told[messages, "sorter", "identifier_too_long"] == 1
    assert told[messages, "unknown", "unknown_dialect"] == 1
    assert (told["waybook_device_connected",], told["waybook_device_in_flight",]) == (2, 0)
    assert told["waybook_device_epoch_seconds_count",] > 0
    assert running.stop() == 0
    assert running.said("mqtt disconnected") == 2, "at the end and not before"
    again = flow()
    until(again.subscribed, "connected")
    time.sleep(0.7)
    assert again.stop() == 0
    assert (records.read(0.3).repeats(), len(records.values)) == (0, 8)


def test_a_record_carries_the_time_of_its_arrival(flow: Flow, devices: Devices, records: Records) -> None:
    running = flow()
    until(running.subscribed, "connected")
    before = int(time.time() * 1000)
    topic, payload, event_id = scan(610_000)
    devices.publish(topic, payload)
    records.wait_for(1)
    assert before <= records.stamps[event_id] <= int(time.time() * 1000)


def test_a_new_directory_is_followed_and_a_wrong_one_is_refused(
    flow: Flow, devices: Devices, records: Records, settings: Settings
) -> None:
    running = flow()
    until(running.subscribed, "connected")
    publish(settings, "2", {**FILES, "sites.csv": FILES["sites.csv"] + "no,site\n"})
    more = "NEW1,新网点,outlet,531009,370100,370000\n"
    publish(settings, "3", {**FILES, "sites.csv": FILES["sites.csv"] + more})
    until(lambda: running.said("directory", sites=3), "the new directory")
    assert running.said("a published document is refused") == 1
    devices.publish("scale/NEW1/s", b'{"no":"YT7500000000001","kg":"1.5","ts":1762821000}')
    (event,) = records.wait_for(1).events().values()
    assert isinstance(event, Weight)
    assert (event.outlet, event.weight_class, event.weight_g) == ("531009", "outlet_scale", 1500)


def test_absurd_times_and_nested_documents_do_not_reach_a_lane(
    flow: Flow, devices: Devices, settings: Settings, tmp_path: Path
) -> None:
    """With a Kafka of its own, in which time is ticked."""
    with Mock(tmp_path / "mock") as broker:
        assert isinstance(broker, Mock)
        out = Sink(msgspec.structs.replace(settings, kafka=broker.address))
        document = NetworkPublished(id="network-1", time=1, version="1", files=FILES)
        for raw in (msgspec.json.encode(document), b"[" * 200_000):
            out.produce(topics.CONTROL.name, "", raw, partition=0)
        tick = Tick(id="t", time=1_762_821_000_000)
        for raw in (b"#", msgspec.json.encode(tick)):
            out.produce(topics.TICKS.name, "", raw, partition=0)
        for topic in (topics.DEVICES.name, topics.DEAD_LETTERS.name):
            out.produce(topic, "", msgspec.json.encode(tick), partition=0)
        out.flush()
        running = flow(kafka=broker.address)
        until(running.subscribed, "connected")
        reader = Records(broker)
        payload = b'{"no":"YT7500000000001","kg":"1.5","ts":%d}'
        for second in (1_762_821_000, 1_862_821_000, 1_662_821_000):
            devices.publish("scale/JN001/s", payload % second)
        devices.publish("scale/JN001/s", b'{"no":' * 20_000)
        events = list(reader.wait_for(4).events().values())
        letters = {event.reason: event.raw for event in events if isinstance(event, DeadLetter)}
        assert set(letters) == {"time_in_future", "time_too_old", "not_json"}
        assert letters["time_in_future"] == payload % 1_862_821_000
        assert sum(isinstance(event, Weight) for event in events) == 1
        reader.close()
        running.stop()


def test_it_waits_for_a_directory(flow: Flow) -> None:
    """Without one it does not even subscribe: the messages stay with the broker."""
    cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "in process", "log_level": 0})
    (at,) = cluster.list_topics(timeout=10).brokers.values()
    kafka = f"127.0.0.1:{at.port}"
    running = flow(kafka=kafka)
    until(lambda: running.said("waiting for the network's directory"), "waiting")
    assert running.said("mqtt connected") == 0
    publish(Settings(kafka=kafka), "1", FILES)
    until(running.subscribed, "connected")
    waiting = flow(kafka="127.0.0.1:9")
    until(lambda: waiting.said("waiting for the network's directory"), "waiting")
    assert waiting.stop() == 0


def publish(settings: Settings, version: str, files: dict[str, str]) -> None:
    """Publish a directory."""
    document = NetworkPublished(id=f"network-{version}", time=1, version=version, files=files)
    producer = Producer({"bootstrap.servers": settings.kafka})
    producer.produce(topics.CONTROL.name, msgspec.json.encode(document), partition=0)
    assert producer.flush(30) == 0
