"""Kill lanes and the store, run a lane twice, put back or delete its recovery store: the rows stay the same."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from flows.engine.plans import PlanLog, extend
from tests.crash.harness import Field, Input, at_points, clean, every, field, put_back, together, twin
from tests.servers.kafka import Kafka

PARCELS = 400
BUDGET = 100
"""Records in a block: the parcels come in some twenty blocks a lane."""
Contents = dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def source(lasting_kafka: Kafka) -> Input:
    """A Kafka with parcels in it."""
    return Input(lasting_kafka.emptied(), clean(PARCELS))


@pytest.fixture(scope="module")
def ended(source: Input, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """An uninterrupted run, whose lanes have ended well."""
    with field(tmp_path_factory.mktemp("undisturbed"), source, budget=BUDGET) as place:
        place.run()
        place.audited()
        yield place


@pytest.fixture(scope="module")
def undisturbed(ended: Field) -> Contents:
    """What an uninterrupted run writes."""
    contents = ended.contents()
    assert contents["charge"][0] == 5 * PARCELS
    assert contents["journal"][0] == 18 * PARCELS
    assert contents["event"][0] == 10 * PARCELS
    return contents


def the_same(place: Field, undisturbed: Contents) -> None:
    """Not a row lost, not a row twice, not a bit different."""
    assert place.contents() == undisturbed
    place.audited()


def test_a_lane_that_is_told_to_end_as_soon_as_it_begins_keeps_what_it_has(ended: Field) -> None:
    lane = ended.lanes[0]
    for _ in range(4):
        lane.tend()
        assert lane.listens(look=0.001)
        assert lane.stop(60) == 0
    said = [json.loads(line) for line in (lane.directory / "server.log").read_text().splitlines()]
    had = [line["records"] for line in said if line["event"] == "restored"]
    assert len(had) == 4
    assert had[0] > 100
    assert len(set(had)) == 1


def test_killed_at_random_and_at_named_points(tmp_path: Path, source: Input, undisturbed: Contents) -> None:
    with field(tmp_path, source, crash=at_points(0.02), budget=BUDGET) as place:
        place.run(every((0.5, 1.5), Field.kill_a_lane, 5))
        assert sum(lane.starts for lane in place.lanes) > 4
        the_same(place, undisturbed)


def test_the_store_and_kafka_are_killed(tmp_path: Path, source: Input, undisturbed: Contents) -> None:
    with field(tmp_path, source, budget=BUDGET) as place:
        store, kafka = place.store.process, source.kafka.process
        place.run(
            together(every((0.8, 2.0), Field.kill_the_store, 3), every((1.0, 2.0), Field.kill_kafka, 1))
        )
        assert store is not place.store.process
        assert kafka is not source.kafka.process
        the_same(place, undisturbed)


def test_a_lane_runs_twice(tmp_path: Path, source: Input, undisturbed: Contents) -> None:
    with field(tmp_path, source, budget=BUDGET) as place:
        place.run(every((0.5, 1.0), twin(place, tmp_path), 6))
        the_same(place, undisturbed)


def test_the_recovery_store_is_put_back_and_deleted(
    tmp_path: Path, source: Input, undisturbed: Contents
) -> None:
    with field(tmp_path, source, budget=BUDGET) as place:
        place.run(every((1.0, 1.6), put_back(tmp_path / "saved"), 5))
        assert place.killed
        the_same(place, undisturbed)


def test_a_lane_that_ended_well_goes_on_under_other_code(ended: Field, undisturbed: Contents) -> None:
    """The plan of the empty block at its end depends on no code; what follows is sealed again."""
    for number in range(2):
        _as_if_by_older_code(ended.client, number)
    plans = "SELECT lane, n, chain FROM block ORDER BY lane, n"
    before = ended.client.query(plans).result_rows
    for lane in ended.lanes:
        lane.tend()
        while (lane.directory / "server.log").read_text().count('"replay":') < 2:
            time.sleep(0.1)
        assert '"compiled":false' in (lane.directory / "server.log").read_text()
    time.sleep(1)
    assert all(lane.running for lane in ended.lanes), "an empty plan of another version stops nobody"
    assert ended.client.query(plans).result_rows == before
    assert ended.contents() == undisturbed
    for lane in ended.lanes:
        lane.kill()


def _as_if_by_older_code(client: Client, lane: int) -> None:
    """The newest plan of a lane as another version would have stored it."""
    plans = PlanLog(client, lane)._select(0)
    newest = msgspec.structs.replace(plans[max(plans)], version="older")
    chain = extend(plans[newest.n - 1].chain, msgspec.structs.astuple(newest)[:-1])
    client.command(
        "ALTER TABLE block UPDATE version = 'older', chain = {chain:String} "
        "WHERE lane = {lane:UInt16} AND n = {n:UInt32}",
        parameters={"chain": chain, "lane": lane, "n": newest.n},
        settings={"mutations_sync": 2},
    )


def test_other_code_refuses_stored_plans(ended: Field, undisturbed: Contents) -> None:
    """A replay that would make other rows stops instead of writing them."""
    lane = ended.lanes[0]
    lane.kill()
    shutil.rmtree(lane.recovery)
    ended.client.command(
        "ALTER TABLE block UPDATE version = 'other' WHERE n > 1", settings={"mutations_sync": 2}
    )
    lane.start()
    assert lane.process is not None
    assert lane.process.wait(60) != 0
    assert "DeterminismError" in (lane.directory / "server.log").read_text()
    assert ended.contents() == undisturbed
