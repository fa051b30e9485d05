"""The simulated network as a process, against a real Kafka and a real Mosquitto."""

import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from flows.devices import known_dialects
from flows.governance.network import read_network
from flows.governance.normalise import normalise
from flows.rating.book import read_book
from schemas import topics
from schemas.events import (
    AnyEvent,
    Claim,
    ClaimWithdrawn,
    DeadLetter,
    NetworkPublished,
    Order,
    TariffPublished,
    Tick,
    WeightDecided,
)
from schemas.problems import UNREADABLE
from schemas.settings import Settings, to_environment
from schemas.times import DAY, HOUR
from sources.mqtt import Received, Subscriber
from sources.network.directory import build
from sources.network.faults import Faults
from sources.network.lag import READ, Lag
from sources.network.life import SEQUEL, lives, next_order, waybill_of
from sources.network.pace import RECORD_BYTES, Sent
from sources.network.script import Outcome, Script
from sources.network.stage import START
from sources.ticker import Kafka as Producer
from sources.ticker import send_tick
from tests.bench.workload import create_topics
from tests.servers.install import ROOT
from tests.servers.kafka import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import Server, free_port
from tests.servers.store import Store

TARIFF = ROOT / "flows" / "rating" / "default"
RATE, SPEED = 400, 20_000
PARTITIONS = 4
WAIT = 60.0


class Process(Server):
    """A module of ours with its settings."""

    forks = True

    def __init__(self, directory: Path, settings: Settings, *command: str) -> None:
        super().__init__(directory)
        self.settings, self._command = settings, command

    def command(self) -> list[str]:
        """Python."""
        return [sys.executable, "-m", *self._command]

    def environment(self) -> dict[str, str]:
        """Our own packages on the path."""
        return {**super().environment(), **to_environment(self.settings), "PYTHONPATH": str(ROOT)}

    def ready(self) -> bool:
        """Nobody waits for it."""
        return True

    def ended(self) -> int:
        """Its exit code, when it has ended by itself."""
        assert self.process is not None
        return self.process.wait(WAIT)

    def log(self) -> str:
        """What it said."""
        return (self.directory / "server.log").read_text()


@pytest.fixture(scope="module")
def broker(lasting_kafka: Kafka) -> Kafka:
    """A Kafka with our topics for this module."""
    create_topics(lasting_kafka.emptied().address, PARTITIONS)
    return lasting_kafka


def consumed(broker: Kafka, *wanted: topics.Topic) -> list[AnyEvent | bytes]:
    """All that these topics hold; what cannot be read as bytes."""
    consumer = Consumer(
        {"bootstrap.servers": broker.address, "group.id": "test", "enable.partition.eof": True}
    )
    parts = [
        TopicPartition(t.name, n, OFFSET_BEGINNING)
        for t in wanted
        for n in range(PARTITIONS if t.partitioned else 1)
    ]
    consumer.assign(parts)
    found: list[AnyEvent | bytes] = []
    ends, until = 0, time.monotonic() + WAIT
    while ends < len(parts):
        assert time.monotonic() < until
        for message in consumer.consume(500, 0.1):
            if (error := message.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                ends += 1
                continue
            raw = message.value() or b""
            try:
                found.append(msgspec.json.decode(raw, type=AnyEvent))
            except UNREADABLE:
                found.append(raw)
    consumer.close()
    return found


@contextmanager
def listening(mosquitto: Mosquitto) -> Iterator[list[Received]]:
    """What devices say, while the block runs."""
    subscriber = Subscriber(
        mosquitto.address, topics.MQTT_FILTER, "test", f"test{time.monotonic_ns()}", clients=2
    )
    subscriber.start()
    until = time.monotonic() + WAIT
    while subscriber.connected < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    found: list[Received] = []
    yield found
    while taken := subscriber.take(10_000, 1.0):
        subscriber.acknowledge(taken)
        found += taken
    subscriber.stop()


def lines(file: Path) -> list[dict[str, Any]]:
    """JSON lines."""
    return [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]


def documents(broker: Kafka) -> tuple[NetworkPublished, TariffPublished]:
    """The newest directory and tariff book."""
    found = consumed(broker, topics.CONTROL)
    networks = [event for event in found if isinstance(event, NetworkPublished)]
    tariffs = [event for event in found if isinstance(event, TariffPublished)]
    return networks[-1], tariffs[-1]


def foreseen(parcels: int) -> list[Outcome]:
    """What is true of the first parcels and what goes back or on of them, by seed, outlets, rate and speed alone."""
    world, script, created, found = build(300, 1), Script(Faults()), START, list[Outcome]()
    for number in range(1, parcels + 1):
        found += [script.perform(parcel, r)[1] for parcel, r in lives(world, number, created, 1)]
        created = next_order(created, RATE * 3600 / SPEED)
    return found


def test_everything_is_published_as_the_truth_says(
    broker: Kafka, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """A whole run without books: each message of the truth was sent, as often as it says, and nothing else."""
    truth = tmp_path / "truth"
    network = Process(
        tmp_path / "network",
        Settings(kafka=broker.address, mqtt=mosquitto.address, partitions=PARTITIONS, ahead=24 * HOUR),
        *("sources.network", "--truth", str(truth), "--tariff", str(TARIFF), "--outlets", "300"),
        *("--parcels", "400", "--rate", str(RATE), "--speed", str(SPEED), "--budget", "0"),
    )
    with listening(mosquitto) as heard:
        network.start()
        assert network.ended() == 0, network.log()
    status = msgspec.json.decode((truth / "status.json").read_bytes())
    sent, parcels = lines(truth / "truth.jsonl"), lines(truth / "parcels.jsonl")
    first = [parcel for parcel in parcels if parcel["waybill"] < waybill_of(SEQUEL)]
    assert (status["state"], status["parcels"], len(first)) == ("done", 400, 400)
    assert 0 < len(parcels) - len(first) < 60
    assert status["published"] == len(sent) == sum(status[f] for f in ("accepted", "refused", "repeated"))
    assert status["faults"].keys() >= {"repeated", "delayed", "lost_scan", "lost_weight", "unreadable"}

    assert Counter(map(msgspec.json.encode, parcels)) == Counter(map(msgspec.json.encode, foreseen(400)))

    published, tariff = documents(broker)
    directory = read_network(published.files)
    assert (published.version, len(directory.outlets)) == (directory.version, 300)
    assert read_book(tariff.files, directory).version == tariff.version

    events, letters, spoiled = Counter[str](), Counter[str](), 0
    for message in heard:
        event = normalise(message.topic, message.payload, 0, directory, known_dialects())
        assert event is not None
        (letters if isinstance(event, DeadLetter) else events)[event.id] += 1
    for written in consumed(broker, topics.ORDERS):
        if isinstance(written, Order | Claim | ClaimWithdrawn | WeightDecided):
            events[written.id] += 1
        else:
            spoiled += 1
    expected = Counter(line["event_id"] for line in sent if line["fate"] != "refused")
    refused = [line for line in sent if line["fate"] == "refused"]
    assert not expected - events, "everything that is to be accepted was sent"
    assert letters <= Counter(line["dead_letter"] for line in refused)
    assert letters.total() > 10
    assert (events - expected).total() + spoiled + letters.total() == len(refused), "and nothing else"

    times = [tick.time for tick in consumed(broker, topics.TICKS) if isinstance(tick, Tick)]
    assert times == sorted(set(times))
    assert (times[0], times[-1]) == (START, status["time"])
    assert status["time"] > max(parcel["signed"] for parcel in parcels) + DAY


def test_it_stops_when_told_and_at_once_when_told_twice(
    broker: Kafka, mosquitto: Mosquitto, store: Store, tmp_path: Path
) -> None:
    """With books that never move: it waits for them, and a second signal ends the waiting."""
    store.client()
    truth = tmp_path / "truth"
    network = Process(
        tmp_path / "network",
        Settings(kafka=broker.address, mqtt=mosquitto.address, clickhouse=store.url, partitions=PARTITIONS),
        *("sources.network", "--truth", str(truth), "--tariff", str(TARIFF), "--budget", "10000000"),
    )
    network.start()
    _wait(lambda: _status(truth).get("parcels", 0) > 0)
    assert network.process is not None
    network.process.send_signal(signal.SIGTERM)
    _wait(lambda: _status(truth)["state"] == "finishing")
    parcels = _status(truth)["parcels"]
    time.sleep(0.5)
    assert network.running, "the books are not where they should be"
    network.process.send_signal(signal.SIGINT)
    assert network.ended() == 1
    assert (_status(truth)["state"], _status(truth)["parcels"]) == ("cut", parcels)


def test_it_waits_for_books_that_are_away_and_leaves_when_told(
    broker: Kafka, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Nothing is sent into the void: not even the directory, before the store answers."""
    truth, before = tmp_path / "truth", _ends(broker)
    nowhere = Settings(
        kafka=broker.address,
        mqtt=mosquitto.address,
        clickhouse=f"http://127.0.0.1:{free_port()}",
        partitions=PARTITIONS,
    )
    network = Process(
        tmp_path / "network",
        nowhere,
        *("sources.network", "--truth", str(truth), "--tariff", str(TARIFF)),
    )
    network.start()
    _wait(lambda: "refused" in str(_status(truth).get("trouble")))
    assert network.stop() == 1
    assert (_status(truth)["state"], _status(truth)["published"]) == ("cut", 0)
    assert _ends(broker) == before


def test_lag_is_what_the_books_have_not_planned(broker: Kafka, store: Store) -> None:
    """Against a store with the `block` table: behind, read, drained; and behind while the store is away."""
    client = store.client()
    settings = Settings(
        kafka=broker.address,
        kafka_options={"log_level": "0"},
        clickhouse=store.url,
        partitions=PARTITIONS,
    )
    ends = _ends(broker)
    _plan(client, 0, ends)
    lag = Lag(settings, 100 * RECORD_BYTES)
    _wait(lambda: not lag.behind(Sent()) and lag.ticks() == 0)
    assert not lag.heard()
    producer = Producer(settings)
    for n in range(101):
        producer.send(topics.DEVICES.name, b"%d" % n, partition=1)
    send_tick(producer, 1)
    assert producer.flush(WAIT)
    sent = Sent(0, 101)
    _wait(lag.heard)
    assert lag.behind(sent)
    assert not lag.drained(sent)
    assert lag.ticks() == 0
    _plan(client, 1, ends | {"waybook.devices:1": ends["waybook.devices:1"] + 1})
    _wait(lambda: not lag.behind(sent))
    _plan(client, 2, _ends(broker))
    _wait(lambda: lag.ticks() == 1)
    _wait(lambda: lag.drained(sent))
    store.kill()
    _wait(lambda: lag.behind(sent))
    assert lag.trouble
    lag.close()


def test_the_ticker_tells_the_time(broker: Kafka, tmp_path: Path) -> None:
    ticker = Process(
        tmp_path / "ticker", Settings(kafka=broker.address), "sources.ticker", "--period", "0.05"
    )
    before, began = _ends(broker)["waybook.ticks:0"], time.time_ns() // 1_000_000
    ticker.start()
    _wait(lambda: _ends(broker)["waybook.ticks:0"] > before + 5)
    assert ticker.stop() == 0, ticker.log()
    now = time.time_ns() // 1_000_000
    ticks = [tick for tick in consumed(broker, topics.TICKS)[before:] if isinstance(tick, Tick)]
    assert [tick.time for tick in ticks] == sorted({tick.time for tick in ticks})
    assert all(began <= tick.time <= now and tick.id == f"tick-{tick.time}" for tick in ticks)


def _plan(client: Client, n: int, upto: dict[str, int]) -> None:
    """A lane's plan as the flow stores it."""
    row = {"lane": 0, "n": n + 1, "inputs": list(upto), "upto": list(upto.values())}
    client.insert("block", [list(row.values())], list(row))


def _ends(broker: Kafka) -> dict[str, int]:
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "test"})
    found = {
        f"{topic.name}:{n}": consumer.get_watermark_offsets(TopicPartition(topic.name, n), timeout=10)[1]
        for topic in READ
        for n in range(PARTITIONS if topic.partitioned else 1)
    }
    consumer.close()
    return found


def _status(truth: Path) -> dict[str, Any]:
    file = truth / "status.json"
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Any]) if file.exists() else {}


def _wait(until: Callable[[], bool]) -> None:
    """Until it is so."""
    limit = time.monotonic() + WAIT
    while not until():
        assert time.monotonic() < limit
        time.sleep(0.05)
