"""The benchmark's workload: 1 order + 7 scans + 2 weights a parcel, interleaved, straight into Kafka.

The world is made of numbers (2,000 outlets in 300 cities of 30 provinces, a tariff of tens of thousands of
rows) and the same for the same arguments. Each parcel leads to five charges and eighteen journal rows.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import topics
from schemas.events import NetworkPublished, TariffPublished, Tick
from schemas.identity import version_of
from schemas.times import HOUR
from sources.network.files import csv_of

OUTLETS, CITIES, PROVINCES, HUBS = 2000, 300, 30, 60
START = 1_762_800_000_000
"""2025-11-10T18:40Z: when the first parcel is ordered."""
SPREAD = 20_000
"""Parcels that are on the way at the same time."""
KINDS = (0, 8, 1, 2, 3, 9, 4, 5, 6, 7)
"""Order of a parcel's events: 0 order, 1–7 scans, 8 outlet weight, 9 hub weight."""
OPERATIONS = ("10", "20", "30", "20", "30", "40", "50")


Spot = tuple[str, str, str]
"""An outlet's or a hub's code, its city and its province."""


class Places(msgspec.Struct, frozen=True):
    """Where parcels are sent from and to, the hubs between, and their products."""

    outlets: Sequence[Spot]
    hubs: Sequence[Spot]
    products: tuple[str, str] = ("STD", "EXP")


def network_files() -> dict[str, str]:
    """A directory in the format of `flows.governance.network`."""
    places: list[tuple[object, ...]] = [
        (f"{10 + p}0000", f"第{p}省", "province", "") for p in range(PROVINCES)
    ]
    places += [
        (f"{10 + c % PROVINCES}{c // PROVINCES + 1:02d}00", f"第{c}市", "city", f"{10 + c % PROVINCES}0000")
        for c in range(CITIES)
    ]
    sites: list[tuple[object, ...]] = []
    for outlet in range(OUTLETS):
        city = city_of(outlet)
        sites.append((f"O{outlet:05d}", f"网点{outlet}", "outlet", f"O{outlet:05d}", city, f"{city[:2]}0000"))
    for hub in range(HUBS):
        city = city_of(hub)
        sites.append((f"H{hub:05d}", f"分拨{hub}", "hub", "HQ", city, f"{city[:2]}0000"))
    return {
        "places.csv": csv_of(("code", "name", "level", "province"), places),
        "sites.csv": csv_of(("site", "name", "kind", "outlet", "city", "province"), sites),
        "products.csv": csv_of(("product", "name"), [("STD", "标快"), ("EXP", "特快")]),
        "materials.csv": csv_of(("item", "name", "price"), [("M", "物料", "1.20")]),
    }


def city_of(outlet: int) -> str:
    """The code of the city that an outlet lies in."""
    city = outlet * 7 % CITIES
    return f"{10 + city % PROVINCES}{city // PROVINCES + 1:02d}00"


def numbered(letter: str, count: int) -> list[Spot]:
    """So many outlets, or hubs, of the world that is made of numbers."""
    cities = [city_of(n) for n in range(count)]
    return [(f"{letter}{n:05d}", city, f"{city[:2]}0000") for n, city in enumerate(cities)]


NUMBERED = Places(numbered("O", OUTLETS), numbered("H", HUBS))


def tariff_files(rows: int = 20_000) -> dict[str, str]:
    """A tariff book: `rows` outlet pairs and a tenth as many city pairs over all pairs of provinces."""
    r = np.random.default_rng(3)

    def prices() -> tuple[object, ...]:
        return 1, f"{r.integers(300, 900) / 100:.2f}", f"{r.integers(60, 200) / 100:.2f}"

    pairs = dict.fromkeys(map(tuple, r.integers(0, OUTLETS, (rows, 2)).tolist()))
    cities = dict.fromkeys(
        (city_of(a), city_of(b)) for a, b in r.integers(0, CITIES, (rows // 10, 2)).tolist()
    )
    lines: list[tuple[object, ...]] = [
        (f"O{a:05d}", "", "", f"O{b:05d}", "", "", *prices()) for a, b in pairs
    ]
    lines += [("", a, "", "", b, "", *prices()) for a, b in cities]
    codes = [f"{10 + p}0000" for p in range(PROVINCES)]
    lines += [("", "", a, "", "", b, *prices()) for a in codes for b in codes]
    ends = ("outlet", "city", "province")
    header = (*(f"origin_{end}" for end in ends), *(f"destination_{end}" for end in ends))
    book = """
name = "benchmark"
currency = "CNY"
[weight]
difference_g = 500
difference_percent = 10
[[weight.precedence]]
class = "hub_dws"
adopt = "at_once"
[[weight.precedence]]
class = "outlet_scale"
adopt = "when_signed"
[[weight.precedence]]
class = "declared"
adopt = "after_signed"
hours = 24
[[table]]
fee = "waybill"
file = "waybill.csv"
shape = "flat"
effective_from = 2025-01-01
[[table]]
fee = "transit"
file = "transit.csv"
shape = "first_continued"
effective_from = 2025-01-01
weight = "larger"
divisor = 8000
continued_unit_kg = "0.5"
continued_rounding = "up"
[[table]]
fee = "delivery"
file = "delivery.csv"
shape = "flat"
effective_from = 2025-01-01
"""
    return {
        "book.toml": book,
        "waybill.csv": csv_of(("product", "price"), [("STD", "1.00"), ("EXP", "1.20")]),
        "transit.csv": csv_of((*header, "first_kg", "first_price", "continued_price"), lines),
        "delivery.csv": csv_of(
            ("destination_province", "price"), [(code, f"1.{n % 10}0") for n, code in enumerate(codes)]
        ),
    }


class Workload:
    """`parcels` parcels whose events interleave over `spread` of them, half a percent of them twice.

    `late`: the share of events that come after later ones. `gap`: ms of data time between two orders.
    """

    def __init__(
        self,
        parcels: int,
        seed: int = 7,
        first: int = 0,
        spread: int = SPREAD,
        late: float = 0.01,
        gap: int = 10,
        places: Places = NUMBERED,
    ) -> None:
        self.gap, self.places = gap, places
        r = np.random.default_rng(seed + first)
        self.parcels, self.first = parcels, first
        size = (parcels, 2)
        self.ends = r.integers(0, len(places.outlets), size).tolist()
        self.declared = r.integers(1_100, 20_000, parcels).tolist()
        self.dims = r.integers(50, 600, (parcels, 3)).tolist()
        position = np.sort(r.random((parcels, 10)), axis=1) * spread + np.arange(parcels)[:, None]
        flat = position.ravel()
        behind = r.random(len(flat)) < late
        flat[behind] += r.random(int(behind.sum())) * spread / 3
        twice = np.flatnonzero(r.random(len(flat)) < 0.005)
        flat = np.concatenate([flat, flat[twice] + r.random(len(twice)) * 3000])
        parcel = np.concatenate([np.repeat(np.arange(parcels), 10), twice // 10])
        kind = np.concatenate([np.tile(KINDS, parcels), np.array(KINDS)[twice % 10]])
        order = np.argsort(flat, kind="stable")
        self.order = list(zip(parcel[order].tolist(), kind[order].tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.order)

    @property
    def latest(self) -> int:
        """When the last event is over, where data time does not run with the parcels; UTC ms."""
        return START + (self.first + self.parcels) * 10 + 10 * HOUR

    @property
    def began(self) -> int:
        """Data time at the first event."""
        return START + self.first * self.gap + 10 * HOUR if self.gap > 10 else self.latest

    def events(self) -> Iterator[tuple[bool, bytes, bytes]]:
        """(is an order, key, value) in order of publication."""
        for parcel, kind in self.order:
            yield self.event(parcel, kind)

    def event(self, parcel: int, kind: int) -> tuple[bool, bytes, bytes]:
        """One event, spelled as msgspec spells it."""
        number = self.first + parcel
        waybill = f"YT{7_500_000_000_000 + number}"
        origin, destination = (self.places.outlets[n] for n in self.ends[parcel])
        at = START + number * self.gap + KINDS.index(kind) * HOUR
        if kind == 0:
            (a, a_city, a_province), (b, b_city, b_province) = origin, destination
            text = (
                f'{{"type":"order","id":"ord-{number:016x}","time":{at},"waybill":"{waybill}","origin":"{a}",'
                f'"destination":"{b}","origin_city":"{a_city}","origin_province":"{a_province}",'
                f'"destination_city":"{b_city}","destination_province":"{b_province}",'
                f'"customer":"C{number % 5000:06d}",'
                f'"product":"{self.places.products[number & 1]}",'
                f'"declared_g":{self.declared[parcel]},"payment_e4":120000}}'
            )
        else:
            hub = kind in (3, 4, 9)
            hubs = self.places.hubs
            site, city, province = (
                hubs[number % len(hubs)] if hub else origin if kind in (1, 2, 8) else destination
            )
            place = (
                f'"site":"{site}","outlet":"{"HQ" if hub else site}",'
                f'"city":"{city}","province":"{province}","device":"PDA-{number % 7919:06d}"'
            )
            if kind < 8:
                text = (
                    f'{{"type":"scan","id":"scn-{number * 2654435761 % 2**60:015x}-{kind}","time":{at},'
                    f'"waybill":"{waybill}","operation":"{OPERATIONS[kind - 1]}","source":"pda",'
                    f'"code":"{OPERATIONS[kind - 1]}",{place}}}'
                )
            else:
                length, width, height = self.dims[parcel]
                grams = self.declared[parcel] + (number * 37 % 200 if kind == 8 else number * 41 % 100)
                text = (
                    f'{{"type":"weight","id":"wgt-{number * 40503 % 2**60:015x}-{kind}","time":{at},'
                    f'"waybill":"{waybill}","weight_g":{grams},"length_mm":{length},"width_mm":{width},'
                    f'"height_mm":{height},"weight_class":"{"outlet_scale" if kind == 8 else "hub_dws"}",'
                    f'"source":"dws",{place},"photo":"p/{number:x}.jpg"}}'
                )
        return kind == 0, waybill.encode(), text.encode()


def create_topics(kafka: str, partitions: int, stamped: Sequence[str] = ()) -> None:
    """All of Waybook's topics. `stamped`: those whose records bear the broker's time, not the producer's."""
    admin = AdminClient({"bootstrap.servers": kafka})
    made = admin.create_topics(
        [
            NewTopic(
                t.name,
                partitions if t.partitioned else 1,
                1,
                config={"message.timestamp.type": "LogAppendTime"} if t.name in stamped else {},
            )
            for t in topics.TOPICS
        ]
    )
    for future in made.values():
        future.result()


def _lost(error: KafkaError, message: Message) -> None:
    """Raises from `poll` and `flush`: what is measured and compared later must have arrived."""
    raise RuntimeError(f"a record of {message.topic()} was not delivered: {error}")


def producer(kafka: str, linger_ms: int = 20) -> Producer:
    """A producer as the device flow's; one that could not deliver a record says so."""
    return Producer(
        {
            "bootstrap.servers": kafka,
            "linger.ms": linger_ms,
            "enable.idempotence": True,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 1_000_000,
            "batch.size": 262_144,
            "partitioner": topics.PARTITIONER,
            "message.max.bytes": 8_000_000,
            "log_level": 0,
            "delivery.report.only.error": True,
            "on_delivery": _lost,
        }
    )


def publish(out: Producer, tariff_rows: int = 20_000) -> None:
    """The directory and the tariff book."""
    network, book = network_files(), tariff_files(tariff_rows)
    documents: list[Any] = [
        NetworkPublished(id="network-bench", time=START, version=version_of(network), files=network),
        TariffPublished(
            id="tariff-bench", time=START, version=version_of(book), name="benchmark", files=book
        ),
    ]
    for document in documents:
        out.produce(topics.CONTROL.name, msgspec.json.encode(document), partition=0)
    tick(out, START)
    out.flush()


def tick(out: Producer, at: int) -> None:
    """Let data time pass to `at`."""
    out.produce(topics.TICKS.name, msgspec.json.encode(Tick(id=f"tick-{at}", time=at)), partition=0)


def produce(out: Producer, workload: Workload, rate: float = 0.0) -> int:
    """Publish everything, at `rate` events a second (0: as fast as it goes) and with ticks; returns events."""
    batch = list(workload.events()) if rate else workload.events()
    began, count = time.monotonic(), 0
    step = 1_000 if rate else 10_000
    latest, passing = workload.latest, workload.gap > 10
    tick(out, workload.began)
    for is_order, key, value in batch:
        topic = topics.ORDERS.name if is_order else topics.DEVICES.name
        while True:
            try:
                out.produce(topic, value, key)
                break
            except BufferError:
                out.poll(0.05)
        count += 1
        if count % step == 0:
            out.poll(0)
            if rate:
                parcels = workload.first + count // 10
                tick(out, START + parcels * workload.gap + 10 * HOUR if passing else latest + count // step)
                ahead = count / rate - (time.monotonic() - began)
                if ahead > 0:
                    time.sleep(ahead)
    if not passing:
        tick(out, latest + 25 * HOUR)
    out.flush()
    return count
