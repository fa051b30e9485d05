"""The payments flow measured: notifications verified and matched in backlog, payment → status, many open dues.

    python -m tests.bench.payments [--payments N] [--lanes L] [--rate R] [--open N] [--only backlog,live,open]

Prints a table and writes tests/bench/payments.json. Nothing here passes or fails: RESULTS.md says what was seen.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from flows.payments import FIRST
from schemas import topics
from schemas.payments import OrderStatus
from schemas.settings import Settings
from schemas.times import MINUTE
from tests.bench.__main__ import (
    CLOSE,
    PARTITIONS,
    POLL,
    SNAPSHOT,
    Flow,
    Memory,
    buckets_of,
    nothing_refused,
    quantiles,
    since,
)
from tests.bench.machine import cpu_seconds, resident_mib
from tests.bench.paying import SHARES, START, Traffic, document, due, group, rules, sent
from tests.bench.workload import create_topics, producer, tick
from tests.servers.kafka import Kafka
from tests.servers.process import Server
from tests.servers.store import Store

SIGNED = sum(SHARES[name] for name in ("wechat", "alipay", "unionpay")) / 100
"""Share of the notifications with an RSA signature."""


class Place:
    """A fresh Kafka with rules and a time, a store, and lanes of the payments flow."""

    def __init__(self, directory: Path, lanes: int, keys: Path, **more: Any) -> None:
        self.directory, self.lanes, self.keys, self.more = directory, lanes, keys, more
        self.kafka = Kafka(directory / "kafka")
        self.store = Store(directory / "store")
        self.flows: list[Flow] = []
        self.out: Producer

    def start(self) -> None:
        """Kafka and the store."""
        self.kafka.start()
        create_topics(self.kafka.address, PARTITIONS, stamped=[topics.STATUSES.name])
        self.out = producer(self.kafka.address)
        self.out.produce(topics.PAYMENT_CONTROL.name, msgspec.json.encode(rules()), partition=0)
        tick(self.out, START + 10 * MINUTE)
        self.out.flush()
        self.store.start()
        self.store.client()

    def lanes_start(self) -> None:
        """The lanes."""
        settings = Settings(
            kafka=self.kafka.address,
            clickhouse=self.store.url,
            home=self.directory,
            partitions=PARTITIONS,
            payment_lanes=self.lanes,
            keys=self.keys,
            **self.more,
        )
        for n in range(self.lanes):
            flow = Flow(self.directory / f"log{n}", "flows.payments", n, settings, FIRST)
            self.flows.append(flow)
            flow.start()

    def until_ready(self) -> None:
        """Wait for the lanes' metrics."""
        while any(not flow.ready() for flow in self.flows):
            time.sleep(0.05)

    @property
    def pids(self) -> dict[str, list[int]]:
        """Processes by what they are."""
        parts: dict[str, list[Server]] = {"flow": [*self.flows], "store": [self.store], "kafka": [self.kafka]}
        return {name: [s.process.pid for s in servers if s.process] for name, servers in parts.items()}

    def used(self) -> dict[str, float]:
        """CPU seconds so far."""
        return {name: sum(map(cpu_seconds, pids)) for name, pids in self.pids.items()}

    def metric(self, name: str) -> float:
        """The sum over all lanes."""
        return sum(flow.metric(name) for flow in self.flows)

    def until_read(self, records: float) -> None:
        """Wait for blocks with so many records to be written."""
        while self.metric("waybook_block_records_total") < records:
            time.sleep(POLL)
            if any(not flow.running for flow in self.flows):
                raise RuntimeError((self.flows[0].directory / "server.log").read_text()[-6000:])

    def send(self, records: Iterable[tuple[str, bytes, bytes]]) -> int:
        """Topic, key and value of each, as fast as it goes; returns how many."""
        count = 0
        for topic, key, value in records:
            while True:
                try:
                    self.out.produce(topic, value, key)
                    break
                except BufferError:
                    self.out.poll(0.05)
            count += 1
            if count % 10_000 == 0:
                self.out.poll(0)
        self.out.flush()
        return count

    def close(self) -> None:
        """End everything."""
        for flow in self.flows:
            flow.kill()
        self.store.kill()
        self.kafka.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def place(lanes: int, keys: Path, **more: Any) -> Iterator[Place]:
    """A place that is cleared afterwards. `more`: settings of the lanes."""
    made = Place(Path(tempfile.mkdtemp(prefix="waybook-bench-")), lanes, keys, **more)
    try:
        made.start()
        yield made
    finally:
        made.close()


def owed(count: int) -> Iterator[tuple[str, bytes, bytes]]:
    """The first dues."""
    for n in range(count):
        yield topics.RECEIVABLES.name, group(n).encode(), msgspec.json.encode(due(n))


def notified(traffic: Traffic) -> Iterator[tuple[str, bytes, bytes]]:
    """All notifications."""
    for channel, key, value in traffic.notifications:
        yield topics.notifications(channel).name, key, value


def backlog(traffic: Traffic, lanes: int) -> dict[str, Any]:
    """As fast as it goes: the dues, and when they are in, all notifications at once, from their producing on."""
    with place(lanes, traffic.keys) as here:
        dues = here.send(owed(traffic.count))
        here.lanes_start()
        here.until_ready()
        began, used_before = time.monotonic(), here.used()
        here.until_read(dues)
        dues_seconds, used_dues = time.monotonic() - began, here.used()
        began = time.monotonic()
        notifications = here.send(notified(traffic))
        here.until_read(dues + notifications)
        seconds, used = time.monotonic() - began, here.used()
        nothing_refused(here.store)
        ask = here.store.client().query
        matched = ask("SELECT uniqExact(payment) FROM payment_match WHERE what = 'match'").result_rows[0][0]
        cpu = {name: (was - used_dues[name]) / notifications for name, was in used.items()}
        return {
            "notifications": notifications,
            "payments_matched": matched,
            "dues_per_second": round(dues / dues_seconds),
            "dues_cpu_microseconds": {
                name: round((was - used_before[name]) / dues * 1e6) for name, was in used_dues.items()
            },
            "notifications_per_second": round(notifications / seconds),
            "notifications_cpu_microseconds": {name: round(one * 1e6) for name, one in cpu.items()},
            "notifications_per_two_cores_second": round(2 / sum(cpu.values())),
            "flow_resident_mib": round(sum(map(resident_mib, here.pids["flow"]))),
        }


def checks() -> dict[str, Any]:
    """RSA signatures (2048 bits) that one core checks in a second of its time: nothing that is verified is faster."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    padding, sha256, text = PKCS1v15(), SHA256(), b"x" * 600
    signature, public = private.sign(text, padding, sha256), private.public_key()
    best = 1.0
    for _ in range(5):
        began = time.process_time()
        for _ in range(2_000):
            public.verify(signature, text, padding, sha256)
        best = min(best, (time.process_time() - began) / 2_000)
    return {"checks_per_core_second": round(1 / best), "notifications_on_two_cores": round(2 / best / SIGNED)}


WARM = 5
"""Seconds that are not measured."""


def live(traffic: Traffic, lanes: int, rate: int) -> dict[str, Any]:
    """Payment → status on Kafka at a steady rate: from a notification's producing until the broker has the status."""
    with place(lanes, traffic.keys) as here:
        here.send(owed(traffic.count))
        here.lanes_start()
        here.until_ready()
        here.until_read(traffic.count)
        used, began = here.used(), time.monotonic()
        asked: dict[str, float] = {}
        told = zip(sent(traffic.count), notified(traffic), strict=True)
        for n, ((paid, _), (topic, key, value)) in enumerate(told):
            if paid.kind == "payment" and n > WARM * rate:
                asked.setdefault(paid.number, time.time())
            here.out.produce(topic, value, key)
            if n % 50 == 0:
                here.out.poll(0)
                time.sleep(max(0.0, n / rate - (time.monotonic() - began)))
        here.out.flush()
        here.until_read(traffic.count + len(traffic.notifications))
        cpu = {name: (was - used[name]) / len(traffic.notifications) for name, was in here.used().items()}
        nothing_refused(here.store)
        answered = paid_at(here.kafka.address)
        late = sorted(answered[document(int(number[5:]))] - when for number, when in asked.items())
        return {
            "rate": rate,
            "measured": len(late),
            "p50_ms": round(late[len(late) // 2] * 1000),
            "p99_ms": round(late[len(late) * 99 // 100] * 1000),
            "max_ms": round(late[-1] * 1000),
            "cpu_microseconds": {name: round(one * 1e6) for name, one in cpu.items()},
        }


def paid_at(kafka: str) -> dict[str, float]:
    """When the broker had the first status of each document that money came for; seconds of Unix time."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "bench", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topics.STATUSES.name, p, 0) for p in range(PARTITIONS)])
    found: dict[str, float] = {}
    ended = 0
    while ended < PARTITIONS:
        for message in consumer.consume(10_000, 1):
            if message.error():
                ended += 1
                continue
            status = msgspec.json.decode(message.value() or b"", type=OrderStatus)
            at = message.timestamp()[1] / 1000
            found[status.document] = min(at, found.get(status.document, at))
    consumer.close()
    return found


TURN = 0.25
"""Seconds of an epoch while a whole turn of the ring is measured."""


def many_open(traffic: Traffic, lanes: int, count: int, rate: int) -> dict[str, Any]:
    """Many open dues: what closing an epoch costs while some of them are paid, and what memory they take."""
    with place(lanes, traffic.keys, epoch=TURN) as here:
        here.lanes_start()
        here.until_ready()
        tick(here.out, START + count + 10 * MINUTE)
        here.send(owed(count))
        here.until_read(count)
        before = {name: buckets_of(here.flows, name) for name in (SNAPSHOT, CLOSE)}
        began = time.monotonic()
        memory = Memory(here.pids["flow"])
        for n, (topic, key, value) in enumerate(notified(traffic)):
            here.out.produce(topic, value, key)
            if n % 50 == 0:
                here.out.poll(0)
                time.sleep(max(0.0, n / rate - (time.monotonic() - began)))
        here.out.flush()
        here.until_read(count + len(traffic.notifications))
        nothing_refused(here.store)
        spent = {name: since(here.flows, name, earlier) for name, earlier in before.items()}
        return {
            "open_dues": count,
            "records": round(here.metric("waybook_open_parcels")),
            "epochs": round(max(spent[CLOSE].values(), default=0)),
            "epoch_snapshot_ms_at_most": quantiles(spent[SNAPSHOT]),
            "epoch_close_ms_at_most": quantiles(spent[CLOSE]),
            "flow_resident_mib_over_time": memory.points(),
        }


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="tests.bench.payments")
    parser.add_argument("--payments", type=int, default=150_000)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--rate", type=int, default=2_500)
    parser.add_argument("--open", type=int, default=1_000_000)
    parser.add_argument("--only", default="backlog,live,open")
    wanted = parser.parse_args()
    traffic = Traffic(wanted.payments)
    results: dict[str, Any] = {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "lanes": wanted.lanes,
        "signatures": checks(),
    }
    if "backlog" in wanted.only:
        results["backlog"] = backlog(traffic, wanted.lanes)
    if "live" in wanted.only:
        results["live"] = live(traffic, wanted.lanes, wanted.rate)
    if "open" in wanted.only:
        results["open"] = many_open(traffic, wanted.lanes, wanted.open, wanted.rate // 2)
    Path(__file__).with_name("payments.json").write_text(json.dumps(results, indent=2) + "\n")
    for part, found in results.items():
        for name, value in found.items() if isinstance(found, dict) else [("", found)]:
            sys.stdout.write(f"{f'{part} {name}':48} {value}\n")


if __name__ == "__main__":
    main()
