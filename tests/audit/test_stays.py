"""The storage flow's own books: the auditor comes to the same."""

import random
from collections.abc import Sequence

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from schemas.events import Event, StayEvent, TariffWithdrawn
from schemas.times import HOUR
from tests.audit.alone import alone
from tests.audit.stays import Books
from tests.storage.world import Store, happening, moment, story, tariff, tick
from tests.volume import seeds

DEARER = (
    "billing,temperature,..3,3..30,30..\npallet,frozen,1,5.00,4\npallet,chilled,0,4,4\npallet,ambient,0,2,1\n"
)


PUBLISHED: Sequence[tuple[int, Event]] = (
    (moment("16日12:00"), tariff(pallets=DEARER)),
    (moment("18日12:00"), tariff()),
    (moment("22日12:00"), TariffWithdrawn(id="w", time=moment("22日12:00"), version=tariff().version)),
)
"""With their times: a dearer book, the plain one again, and that is withdrawn."""


def eventful(
    books: Books, seed: int, stays: int = 30, documents: Sequence[tuple[int, Event]] = PUBLISHED
) -> Books:
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
        out = day + r.randint(0, 9)
        for _ in range(r.randint(0, 3)):
            change = r.choice(
                [
                    *("计量 8板 6方", "计量 1234公斤", "移库 库区A2", "移库 库区B2 冷藏", "计量 0板"),
                    *("分批出库 2板 500公斤 1方 30件", "分批出库 4板"),
                ]
            )
            when = min(day + r.randint(0, 5), out + 1)  # of what has left nobody hears for days
            words.append(f"{when}日{r.randint(0, 23):02d}:30 {change}")
        if r.random() < 0.7:
            words.append(f"{out}日23:45 出库")
        if r.random() < 0.1:
            words.pop(0)
        for event in story("；".join(dict.fromkeys(words)), f"S{number}"):
            late = r.choice([0, 0, 0, r.randint(0, 60)])
            told += [(event.time + late * HOUR, event)] * r.choice([1, 1, 2])
    told.sort(key=lambda one: (one[0], one[1].id))
    published = list(documents)
    while told:
        some = [one for one in told[: r.randint(1, 6)] if one[0] < told[0][0] + 12 * HOUR]
        told = told[len(some) :]
        while published and published[0][0] <= some[0][0]:
            when, document = published.pop(0)
            books.until_moment(when).take(document)
        books.until_moment(some[-1][0]).take(*(event for _, event in some))
    return books


@pytest.mark.parametrize("seed", seeds(1, 1, 2, 3))
def test_whatever_happens_the_auditor_comes_to_the_same(empty: Client, seed: int) -> None:
    books = Books(empty)
    with books.held():
        eventful(books, seed).until("32日00:00")
        books.writer.close()
        books.documents.writer.close()
    for known in (None, books.storage.ring.now):
        report = books.audited(known)
        assert report.passed, report.to_text()
    counted = {check.name: check.detail for check in report.checks}
    assert int(counted["recomputed_stays"].split()[0].replace(",", "")) > 90
    assert int(counted["recomputed_stay_prices"].split()[0].replace(",", "")) > 90


def test_a_word_said_in_two_ways_conflicts_with_the_one_that_was_taken(empty: Client) -> None:
    books = Books(empty)
    (opened,) = story("11日08:00 入库 C-MEAT 按托盘 冷冻 12板", "S1")
    books.until_moment(opened.time).take(opened, msgspec.structs.replace(opened, pallets=3))
    books.until("12日00:00")
    report = books.audited(None)
    assert report.passed, report.to_text()
    empty.command("DELETE FROM stay_event WHERE stay = 'S1'")
    assert not alone(empty, "dead_letters").passed


def test_while_goods_are_in_the_store_and_days_pass(empty: Client) -> None:
    books = Books(empty).until("11日09:00")
    books.take(*story("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1；11日08:30 计量 8900公斤"))
    books.take(happening("11日08:00 入库 按托盘 1板 冷冻", "S2"))
    for day in range(12, 16):
        assert books.until(f"{day}日07:00").audited().passed
    assert books.take(happening("15日06:00 出库")).audited(books.storage.ring.now).passed


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
