"""What the auditor says of parcels that wait for a pick-up or are given up, of products and of directories."""

import random
from typing import Literal

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from schemas.events import NetworkPublished, ParcelEvent, TariffWithdrawn, Tick, Weight, WeightDecided
from schemas.identity import version_of
from schemas.times import DAY, HOUR
from tests.audit import world
from tests.audit.alone import alone
from tests.audit.lane import Lane, Record, record
from tests.audit.remembered import audited


def begun(client: Client) -> Lane:
    """A lane with a directory and a book."""
    lane = Lane(client)
    lane.block([record(world.network()), record(world.tariff("one")), tick(world.START + 70 * HOUR)])
    return lane


def tick(at: int) -> Record:
    """Time passes."""
    return record(Tick(id=f"tick-{at}", time=at))


def complete(number: int = 1) -> list[ParcelEvent]:
    """A parcel with everything."""
    for seed in range(1_000):
        made = world.parcel(number, random.Random(seed))
        kinds = {getattr(event, "operation", type(event).__name__) for event in made}
        if kinds >= {"10", "20", "30", "40", "50", "Order", "Weight"}:
            return made
    raise AssertionError("no such parcel")


def without(events: list[ParcelEvent], *operations: str) -> list[ParcelEvent]:
    """The same without some scans."""
    return [event for event in events if getattr(event, "operation", "") not in operations]


def forge(client: Client, sql: str) -> None:
    """Change what is there."""
    client.command(sql, settings={"mutations_sync": 2})


def failing(client: Client, data_time: int | None = None) -> set[str]:
    """Names of the checks that do not pass."""
    return {check.name for check in audited(client, data_time=data_time).checks if not check.passed}


def test_a_missing_pick_up_is_expected_to_wait(empty: Client) -> None:
    lane = begun(empty)
    lane.block([record(event) for event in without(complete(), "10")])
    waits = empty.query("SELECT fee, reason FROM waiting_now WHERE fee = 'waybill'").result_rows
    assert waits == [("waybill", "no_pickup")]
    report = audited(empty)
    assert report.passed, report.to_text()
    forge(empty, "ALTER TABLE waiting DELETE WHERE fee = 'waybill'")
    assert not alone(empty, "recomputed_waiting").passed


@pytest.mark.parametrize("missing", [("10",), ("50",), ("10", "50")])
def test_a_parcel_that_is_given_up(empty: Client, missing: tuple[str, ...]) -> None:
    lane = begun(empty)
    lane.block([record(event) for event in [*without(complete(), *missing), *complete(2)]])
    now = world.START
    for day in (30, 60, 90, 95):
        now = world.START + day * DAY
        lane.block([tick(now)])
    given_up = empty.query(
        "SELECT uniqExact(waybill) FROM waiting_now WHERE reason = 'abandoned'"
    ).result_rows
    assert given_up == [(1,)]
    report = audited(empty, data_time=now)
    assert report.passed, report.to_text()
    assert audited(empty).passed
    assert not alone(empty, "recomputed_waiting", world.START + 80 * DAY).passed, "too early"
    forge(empty, "ALTER TABLE waiting DELETE WHERE reason = 'abandoned'")
    assert not alone(empty, "recomputed_waiting", now + 200 * DAY).passed, "too late"


def test_a_finished_parcel_cannot_have_been_given_up(empty: Client) -> None:
    lane = begun(empty)
    lane.block([record(event) for event in complete()])
    assert audited(empty).passed
    newest = lane.writer.next_seq - 1
    waybill = complete()[0].waybill
    empty.command(
        "INSERT INTO waiting (seq, line, waybill, fee, reason) "
        f"VALUES ({newest}, 0, '{waybill}', 'waybill', 'abandoned')"
    )
    assert not alone(empty, "recomputed_waiting").passed


def directory(products: str) -> NetworkPublished:
    """The network with other products."""
    files = {**world.network().files, "products.csv": products}
    return NetworkPublished(id="n", time=world.START, version=version_of(files), files=files)


def test_a_price_may_call_a_product_by_its_name(empty: Client) -> None:
    book = world.tariff("names")
    files = {**book.files, "waybill.csv": "product,price\n,1.00\n特快,1.25\n"}
    named = msgspec.structs.replace(book, files=files, version=version_of(files))
    lane = Lane(empty)
    lane.block([record(world.network()), record(named), tick(world.START + 70 * HOUR)])
    lane.block([record(event) for event in world.disordered(60, 3)])
    assert empty.query("SELECT count() FROM charge WHERE fee = 'waybill' AND amount = 1.25").result_rows[0][0]
    report = audited(empty)
    assert report.passed, report.to_text()
    forge(empty, "ALTER TABLE product UPDATE name = '慢件' WHERE product = 'EXP'")
    for check in ("digests", "recomputed_charges"):
        assert not alone(empty, check).passed, check


def test_the_same_id_on_another_waybill_is_another_event(empty: Client) -> None:
    lane = begun(empty)
    first = complete()
    second = [msgspec.structs.replace(event, waybill="YT7599999999999") for event in first]
    lane.block([record(event) for event in [*first, *second]])
    assert empty.query("SELECT count() - uniqExact(event_id) FROM event").result_rows[0][0] > 0
    report = audited(empty)
    assert report.passed, report.to_text()


@pytest.mark.parametrize("lost", ["EXP,特快", "BAO,网点BAO"])
def test_a_directory_that_has_lost_something(empty: Client, lost: str) -> None:
    lane = begun(empty)
    lane.block(
        [record(directory("product,name\nSTD,标快\nEXP,特快\nSLO,慢件")), tick(world.START + 71 * HOUR)]
    )
    assert failing(empty) == set()
    table, column = ("product", "product") if lost.startswith("EXP") else ("site", "site")
    forge(empty, f"ALTER TABLE {table} DELETE WHERE seq > 1 AND {column} = '{lost[:3]}'")
    assert not alone(empty, "documents").passed


@pytest.mark.parametrize("decision", ["override", "confirm"])
def test_a_decision_about_a_parcel_that_nobody_knows_waits_and_is_given_up(
    empty: Client, decision: Literal["override", "confirm"]
) -> None:
    """Its waybill was mistyped, say."""
    lane = begun(empty)
    now = world.START + 70 * HOUR
    override = decision == "override"
    decided = WeightDecided(
        id="d",
        time=now,
        waybill="YT7500000009999",
        decision=decision,
        decided_by="someone",
        weight_event="" if override else "w",
        weight_g=3_000 if override else 0,
    )
    lane.block([record(event) for event in (*complete(), decided)])
    for day in (0, 30, 60, 90, 95):
        lane.block([tick(now + day * DAY)])
        report = audited(empty, data_time=now + day * DAY)
        assert report.passed, report.to_text()
    where = "waybill = 'YT7500000009999'"
    whys = "SELECT DISTINCT reason FROM waiting_now"
    assert empty.query(f"{whys} WHERE {where}").result_rows == [("abandoned",)]
    forge(empty, f"ALTER TABLE waiting DELETE WHERE {where}")
    assert not alone(empty, "recomputed_waiting", now + 200 * DAY).passed, "too late"


def test_a_weight_that_a_policy_had_adopted_which_is_withdrawn(empty: Client) -> None:
    """What was charged by it is taken back, since no weight may be adopted any more; it stands as the last that was."""
    lane = begun(empty)
    hubs = world.tariff("one", precedence=(("hub_scale", "at_once"),))
    machines = world.tariff("one", 50, precedence=(("hub_dws", "at_once"),))
    events = [one for one in without(complete(), "50") if not isinstance(one, Weight | WeightDecided)]
    (weighed, *_) = (one for one in complete() if isinstance(one, Weight))
    weighed = msgspec.structs.replace(weighed, weight_class="hub_dws")
    lane.block([record(hubs)])
    lane.block([record(event) for event in (*events, weighed)])
    lane.block([record(machines)])
    sums = "SELECT sum(amount) FROM charge WHERE fee = 'transit'"
    assert empty.query(sums).result_rows[0][0] > 0
    assert audited(empty, data_time=world.START + 70 * HOUR).passed
    lane.block([record(TariffWithdrawn(id="w", time=world.START, version=machines.version))])
    assert empty.query(sums).result_rows == [(0,)]
    signed = [one for one in complete() if one not in events and not isinstance(one, Weight | WeightDecided)]
    for more in ([], signed):  # also where a fact comes later that has its weight chosen again
        lane.block([record(event) for event in more])
        report = audited(empty, data_time=world.START + 70 * HOUR)
        assert report.passed, report.to_text()
    forge(empty, "ALTER TABLE adopted_weight UPDATE weight_g = weight_g + 1 WHERE true")
    assert not alone(empty, "recomputed_weights", world.START + 70 * HOUR).passed
