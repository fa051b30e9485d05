"""The simulated network's life in the books, without brokers: what the demo shows, in any case that chance brings."""

import heapq
from pathlib import Path

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.report import Report
from flows.governance.normalise import normalise
from schemas import topics
from schemas.events import NetworkPublished, TariffPublished, Tick
from schemas.identity import version_of
from schemas.limits import HORIZON
from schemas.settings import Settings
from schemas.times import DAY, HOUR, MINUTE
from sources.network.desk import Desk
from sources.network.directory import build
from sources.network.faults import Faults
from sources.network.files import read_tariff
from sources.network.life import lives
from sources.network.script import Cue, Script
from sources.network.stage import AFTERWARDS, START, changes_of_hands
from sources.network.truth import Truth
from tests.audit.lane import Lane, Record, held, record
from tests.audit.remembered import audited
from tests.simulation.playing import DEFAULT, DIALECTS, network_of
from tests.volume import seeds

WORLD = build(60, 1)
NETWORK = network_of(WORLD)
PARCELS, IN_A_BLOCK = 150, 120
LONGEST = 6 * HOUR
"""Data time that a block lasts at most."""
EVERY = 10 * MINUTE
"""Between two orders."""
OFTEN = Faults(**dict.fromkeys(Faults.__struct_fields__, 0.08))
BUSY = Desk(**dict.fromkeys(Desk.__struct_fields__, 0.4))
FEES = {
    *("freight", "waybill", "transit", "delivery_collected", "delivery_paid", "insurance", "cod_fee"),
    *("cod_collected", "cod_remitted", "pickup_piece", "delivery_piece", "return", "damaged"),
    *("damage_paid", "wrong_sorting", "false_sign", "service_level"),
}
"""Those that come up among so few parcels whatever chance brings."""


def play(client: Client, truth: Path, seed: int, horizon: int = HORIZON) -> Report:
    """Publish, write the books, and audit them by what the network knows."""
    lane, known, script = Lane(client, horizon=horizon), Truth(truth), Script(OFTEN, BUSY)
    cues: list[Cue] = []
    for number in range(1, PARCELS + 1):
        for parcel, r in lives(WORLD, number, START + number * EVERY, seed):
            made, outcome = script.perform(parcel, r)
            known.expect(outcome)
            cues += made
    heapq.heapify(cues)
    book = read_tariff(DEFAULT)
    documents = (
        NetworkPublished(id="n", time=START, version=version_of(WORLD.files), files=WORLD.files),
        TariffPublished(id="t", time=START, version=version_of(book), name="t", files=book),
        *changes_of_hands(WORLD),
    )
    with held([lane]):
        lane.block([*map(record, documents), record(Tick(id="first", time=START))])
        now = START
        while cues:
            some = [heapq.heappop(cues)]
            while cues and len(some) < IN_A_BLOCK and cues[0].at < some[0].at + LONGEST:
                some.append(heapq.heappop(cues))
            now = some[-1].at
            known.add(some)
            lane.block([record(Tick(id=f"tick-{now}", time=now)), *map(_record, some)])
        now += AFTERWARDS
        lane.block([record(Tick(id="last", time=now))])
    known.close()
    (truth / "status.json").write_bytes(msgspec.json.encode({"state": "done", "time": now}))
    return audited(client, truth=truth, limits=Settings(horizon=horizon))


def _record(cue: Cue) -> Record:
    """A message as the device flow or a business system writes it."""
    if not cue.topic:
        return Record(topics.ORDERS.name, 0, cue.payload)
    event = normalise(cue.topic, cue.payload, cue.at, NETWORK, DIALECTS)
    assert event is not None
    return record(event)


@pytest.mark.parametrize("seed", seeds(1, 1, 2, 3))
def test_the_books_of_the_network(empty: Client, tmp_path: Path, seed: int) -> None:
    report = play(empty, tmp_path, seed)
    assert report.passed, report.to_text()
    charged = empty.query("SELECT DISTINCT toString(fee) FROM charge").result_rows
    assert {fee for (fee,) in charged} >= FEES
    withdrawn, decided = empty.query(
        "SELECT (SELECT countIf(status = 'withdrawn') FROM claim), (SELECT uniq(decision) FROM weight_decision)"
    ).result_rows[0]
    assert withdrawn > 10
    assert decided == 2


def test_what_is_final_depends_on_the_horizon_that_the_lanes_have(empty: Client, tmp_path: Path) -> None:
    """Under the demo's a breach is open for weeks after the signature: nothing is wrong with that."""
    report = play(empty, tmp_path, 4, 40 * DAY)
    assert report.passed, report.to_text()
    assert empty.query("SELECT countIf(status = 'final') FROM chain_breach").result_rows == [(0,)]
    failed = {
        check.name for check in audited(empty, truth=tmp_path, limits=Settings()).checks if not check.passed
    }
    assert failed == {"chain_breaches"}
