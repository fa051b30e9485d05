"""The storage flow's own books: the auditor comes to the same, and notices what is changed."""

import random
from typing import Self

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit import run
from deploy.audit.report import Report
from schemas.events import Event, NetworkPublished, StayEvent, TariffPublished, TariffWithdrawn, Tick
from schemas.topics import CONTROL
from sinks.encode import Encoded
from tests.audit.lane import Lane, record
from tests.audit.writer import Writer
from tests.storage.world import Store, happening, moment, story, tariff, tick

DEARER = (
    "billing,temperature,..3,3..30,30..\npallet,frozen,1,5.00,4\npallet,chilled,0,4,4\npallet,ambient,0,2,1\n"
)


class Books(Store):
    """A lane of stays that writes into a store, beside a parcel lane that writes what is published."""

    def __init__(self, client: Client) -> None:
        self.client, self.documents, self.writer = client, Lane(client), Writer(client, 2000)
        self.upto = {f"{CONTROL.name}:0": 0, "waybook.stays:0": 0}
        super().__init__(tariff())

    def take(self, *events: Event | bytes) -> Self:
        """A block, after which the parcel lane has read what was published, too."""
        published = [e for e in events if isinstance(e, NetworkPublished | TariffPublished | TariffWithdrawn)]
        told = [*published, *(e for e in events if isinstance(e, Tick))]
        if told:
            self.documents.block([record(event) for event in told])
        self.upto[f"{CONTROL.name}:0"] += len(published)
        self.upto["waybook.stays:0"] += len(events) - len(told)
        super().take(*events)
        return self

    def wrote(self, made: list[Encoded]) -> None:
        """A block more."""
        self.writer.block(made, self.upto)

    def audited(self, data_time: int | None = None) -> Report:
        """The auditor's report."""
        return run(self.client, data_time=data_time)


def eventful(books: Books, seed: int, stays: int = 30) -> Books:
    """Many stays over many days, with late, repeated and disordered events, and prices that change."""
    r = random.Random(seed)
    told: list[tuple[int, StayEvent]] = []
    for number in range(stays):
        day = r.randint(11, 20)
        billing = r.choice(["按托盘", "按体积", "按重量", ""])
        cold = r.choice(["冷冻", "冷藏", "常温"])
        who = r.choice(["C-MEAT", "C-FISH", "C-FRUIT"])
        size = r.choice(["12板 9000公斤 7.5方", "3板 700公斤 2方 150件", "1板", ""])
        words = [
            f"{day}日{r.randint(0, 23):02d}:15 入库 {who} {billing} {cold} {size} 库区{r.choice(['A1', 'B1'])}"
        ]
        for _ in range(r.randint(0, 3)):
            change = r.choice(
                ["计量 8板 6方", "计量 1234公斤", "移库 库区A2", "移库 库区B2 冷藏", "计量 0板"]
            )
            words.append(f"{day + r.randint(0, 5)}日{r.randint(0, 23):02d}:30 {change}")
        if r.random() < 0.7:
            words.append(f"{day + r.randint(0, 9)}日23:45 出库")
        if r.random() < 0.1:
            words.pop(0)
        for event in story("；".join(dict.fromkeys(words)), f"S{number}"):
            late = r.choice([0, 0, 0, r.randint(0, 60)])
            told += [(event.time + late * 3_600_000, event)] * r.choice([1, 1, 2])
    told.sort(key=lambda one: (one[0], one[1].id))
    published = [
        (moment("16日12:00"), tariff(pallets=DEARER)),
        (moment("18日12:00"), tariff()),
        (moment("22日12:00"), TariffWithdrawn(id="w", time=moment("22日12:00"), version=tariff().version)),
    ]
    for at, event in told:
        while published and published[0][0] <= at:
            when, document = published.pop(0)
            books.until_moment(when).take(document)
        books.until_moment(at).take(event)
    return books


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_happens_the_auditor_comes_to_the_same(empty: Client, seed: int) -> None:
    books = eventful(Books(empty), seed).until("32日00:00")
    books.writer.close()
    books.documents.writer.close()
    for known in (None, books.storage.ring.now):
        report = books.audited(known)
        assert report.passed, report.to_text()
    counted = {check.name: check.detail for check in report.checks}
    assert int(counted["recomputed_stays"].split()[0].replace(",", "")) > 90
    assert int(counted["recomputed_stay_prices"].split()[0].replace(",", "")) > 90


def test_while_goods_are_in_the_store_and_days_pass(empty: Client) -> None:
    books = Books(empty).until("11日09:00")
    books.take(*story("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1；11日08:30 计量 8900公斤"))
    books.take(happening("11日08:00 入库 按托盘 1板 冷冻", "S2"))
    for day in range(12, 16):
        assert books.until(f"{day}日07:00").audited().passed
    assert books.take(happening("15日06:00 出库")).audited(books.storage.ring.now).passed


TAMPERED = {
    "charge": [
        ("amount = amount + 0.01 WHERE fee = 'storage' AND amount > 0", "recomputed_stays"),
        ("part = '2025-11-20' WHERE part = '2025-11-14'", "recomputed_stays"),
        ("payer = 'C-MEAT' WHERE fee = 'cold_in'", "recomputed_stays"),
        ("steps = replaceAll(steps, '54.00', '53.00') WHERE part = '2025-11-14'", "recomputed_stay_prices"),
        ("price_row = 3 WHERE part = '2025-11-14'", "recomputed_stay_prices"),
        ("steps = '[]' WHERE part = '2025-11-15'", "recomputed_stay_prices"),
        ("origin = 'XAB' WHERE fee = 'storage'", "recomputed_stay_prices"),
        ("cause = 'nobody' WHERE fee = 'cold_out'", "caused"),
        ("cause = order_event WHERE fee = 'cold_out'", "caused"),
        ("order_event = cause WHERE fee = 'cold_out'", "ordered"),
    ],
    "stay_event": [
        ("pallets = 13 WHERE kind = 'opened'", "recomputed_stays"),
        ("customer = 'C-MEAT' WHERE kind = 'opened'", "recomputed_stays"),
        ("zone = 'A1' WHERE kind = 'opened'", "recomputed_stays"),
        ("event_time = event_time - INTERVAL 1 DAY WHERE kind = 'opened'", "recomputed_stays"),
        ("event_time = event_time + INTERVAL 1 DAY WHERE kind = 'closed'", "recomputed_stays"),
        ("outlet = 'XAB' WHERE kind = 'opened'", "recomputed_stays"),
        ("event_id = 'other' WHERE kind = 'opened'", "caused"),
        ("offset = 0, partition = 0 WHERE true", "stay_records"),
    ],
    "journal": [("amount = amount + 0.01 WHERE fee = 'storage'", "recomputed_journal")],
    "waiting": [("reason = 'no_measure' WHERE reason = 'no_price'", "recomputed_stay_waiting")],
}


@pytest.mark.parametrize(
    ("table", "change", "check"),
    [(table, change, check) for table, changes in TAMPERED.items() for change, check in changes],
)
def test_a_changed_row_is_noticed(empty: Client, table: str, change: str, check: str) -> None:
    books = Books(empty).until("11日09:00")
    books.take(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1"))
    books.take(happening("11日08:00 入库 12板 9000公斤 冷冻", "S2"))
    books.until("16日10:00").take(happening("16日09:00 出库"))
    assert books.audited(books.storage.ring.now).passed
    empty.command(f"ALTER TABLE {table} UPDATE {change} SETTINGS mutations_sync = 2")
    assert not books.audited(books.storage.ring.now).check(check).passed


def test_a_day_that_is_missing_is_noticed(empty: Client) -> None:
    books = Books(empty).until("11日09:00")
    books.take(*(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1", f"S{n}") for n in range(2)))
    books.until("16日10:00")
    for table in ("charge", "journal"):
        where = "fee = 'storage' AND waybill = 'S1' AND toDayOfMonth(business_date) = 15"
        empty.command(f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 2")
    assert not books.audited().check("recomputed_stays").passed


def test_a_row_of_the_storage_flow_is_sealed(empty: Client) -> None:
    books = Books(empty).until("11日09:00")
    books.take(happening("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1")).until("14日00:00")
    empty.command("ALTER TABLE stay_event UPDATE plate = 'X' WHERE true SETTINGS mutations_sync = 2")
    assert not books.audited().check("digests").passed


def test_events_as_they_are_stored_say_what_was_said(empty: Client) -> None:
    event = msgspec.structs.replace(
        happening("11日08:00 入库 按托盘 12板 9000公斤 7.5方 60件 冷冻 库区B1"), plate="闽E12345", lot="L1"
    )
    Books(empty).until("11日09:00").take(event)
    (row,) = empty.query(
        "SELECT event_id, kind, stay, site, outlet, customer, billing, temperature, zone, plate, lot, pieces, "
        "pallets, volume_cm3, weight_g FROM stay_event"
    ).result_rows
    assert row == (
        event.id,
        "opened",
        "S1",
        "SH-A",
        "SHA",
        "C-FISH",
        "pallet",
        "frozen",
        "B1",
        "闽E12345",
        "L1",
        60,
        12,
        7_500_000,
        9_000_000,
    )


def test_a_tick_alone_is_no_row() -> None:
    assert Store(tariff()).take(tick(moment("11日00:00"))).rows["charge"] == []
