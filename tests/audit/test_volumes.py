"""Counts of customers' parcels: the job counts them, lanes rate with them, and the auditor checks both."""

import pytest
from clickhouse_connect.driver.client import Client

from deploy import volumes
from schemas.events import TariffPublished, Tick, VolumesCounted
from schemas.settings import Settings
from schemas.times import DAY, HOUR
from tests.audit import world
from tests.audit.alone import alone
from tests.audit.lane import Lane, record
from tests.audit.remembered import audited
from tests.audit.tampering import Kept


def by_month(dearer: int = 0) -> TariffPublished:
    """The small network's book with a discount by the month's parcels."""
    return world.tariff("month", dearer, by_month=True)


def play(client: Client, seed: int, lanes: int) -> tuple[list[VolumesCounted], int]:
    """Books of parcels whose customers are counted as the days pass."""
    every = [Lane(client, number, (number,)) for number in range(lanes)]
    events = [world.several(event) for event in world.disordered(120, seed)]
    known: list[VolumesCounted] = []
    coming: list[VolumesCounted] = []
    now = world.START
    for block, start in enumerate(range(0, len(events), 100)):
        some = events[start : start + 100]
        now = max(now, *(event.time for event in some))
        control = [record(world.network()), record(by_month())] if not block else [*map(record, coming)]
        ticks = [record(Tick(id=f"tick{block}", time=now))]
        mine = [record(event, int(event.waybill[-1]) % lanes) for event in some]
        for lane in every:
            lane.block(control + ticks + [one for one in mine if one.partition == lane.writer.lane])
        coming = volumes.due(client, known, "test", again=block % 3 == 2)
        known += coming
    for lane in every:
        lane.block([record(Tick(id="last", time=now + 20 * HOUR)), *map(record, coming)])
    return known, every[0].lifecycle.ring.now


@pytest.mark.parametrize(("seed", "lanes"), [(90, 1), (91, 2)])
def test_the_job_counts_and_the_auditor_agrees(
    empty: Client, seed: int, lanes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, data_time = play(empty, seed, lanes)
    report = audited(empty, data_time=data_time)
    assert report.passed, report.to_text()
    assert len({one.through_day for one in known}) >= 2
    used = empty.query("SELECT count() FROM charge WHERE steps LIKE '%month_count%'").result_rows[0][0]
    assert used > 10
    assert volumes.due(empty, known, "test") == []
    monkeypatch.setattr(volumes, "published", lambda _settings: known)
    monkeypatch.setattr(volumes, "send_control", lambda _settings, *events: None)
    (line,) = volumes.run(Settings(), empty, "test")
    assert line == f"nothing is to be counted: it is counted through {max(one.through_day for one in known)}"
    assert volumes.due(empty, [], "test") == [], "a broker that forgets is no reason to count again"
    assert volumes.due(empty, [], "test", again=True) == volumes.due(empty, known, "test", again=True)


TAMPERED = (
    ("volume", "parcels + 1 AS parcels", "customer != ''", "volumes"),
    ("volume", "'C9' AS customer", "customer = 'C1'", "volumes"),
    ("volume", "parcels + 30 AS parcels", "customer != ''", "recomputed_charges"),
    ("volume", "through_day + 1 AS through_day", "true", "recomputed_charges"),
    (
        "charge",
        "replace(steps, 'month_count', 'nothing') AS steps",
        "steps LIKE '%month_count%'",
        "recomputed_snapshots",
    ),
)


def test_a_changed_count_is_noticed(empty: Client) -> None:
    _, data_time = play(empty, 92, 1)
    assert audited(empty, data_time=data_time).passed
    kept = Kept(empty, {table for table, *_ in TAMPERED})
    for table, change, where, noticed in TAMPERED:
        kept.change(table, where, change)
        assert not alone(kept.auditor, noticed, data_time).passed, (table, change)
        kept.mend()


def test_large_counts_come_in_parts(monkeypatch: pytest.MonkeyPatch, empty: Client) -> None:
    monkeypatch.setattr(volumes, "AT_ONCE", 3)
    known, data_time = play(empty, 93, 1)
    assert {one.parts for one in known} == {2}
    assert audited(empty, data_time=data_time).passed
    assert data_time > world.START + 2 * DAY
