"""Parcels that have left come back under fire: the job finds them again and again, lanes and the job are killed."""

import time
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from deploy.recall.job import Job, RecallError
from schemas import topics
from schemas.events import Event, Scan, Tick, Weight
from schemas.times import DAY, HOUR
from tests.audit import world
from tests.bench.workload import producer
from tests.crash.harness import Field, Input, at_points, field
from tests.servers.kafka import Kafka

PARCELS = 60
EVENTS = list(world.disordered(PARCELS, 21))
END = max(event.time for event in EVENTS)
READ = (topics.CONTROL, topics.TICKS, topics.ORDERS, topics.DEVICES, topics.DEAD_LETTERS)
HORIZON = 10 * DAY
"""Of the lanes: all of their lives is younger, and everything is older afterwards."""
LATE = 7
"""Every so many parcels a better weight comes when the lane has forgotten them."""


def _send(out: Producer, topic: topics.Topic, event: Event, key: str = "") -> None:
    out.produce(topic.name, msgspec.json.encode(event), key or None, 0 if not topic.partitioned else -1)


def life(out: Producer) -> None:
    """Parcels, most of which are finished."""
    for document in (world.network(), world.tariff("one")):
        _send(out, topics.CONTROL, document)
    _send(out, topics.TICKS, Tick(id="tick", time=END))
    for event in EVENTS:
        device = isinstance(event, Scan | Weight)
        _send(out, topics.DEVICES if device else topics.ORDERS, event, event.waybill)


def forgetting(out: Producer) -> None:
    """So much time passes that the lanes have nothing left of them."""
    for days in (2, 3, 15):
        _send(out, topics.TICKS, Tick(id=f"tick-{days}", time=END + days * DAY))
    out.flush()


def afterwards(out: Producer, waybills: list[str]) -> None:
    """A dearer book of days past, and weights that come too late for memory."""
    now = END + 15 * DAY
    _send(out, topics.CONTROL, msgspec.structs.replace(world.tariff("one", 40), id="dearer", time=now))
    for waybill in waybills:
        weight = Weight(
            id=f"{waybill}-late",
            time=now,
            waybill=waybill,
            weight_g=7_500,
            length_mm=0,
            width_mm=0,
            height_mm=0,
            weight_class="hub_dws",
            source="dws",
            site="HSH",
            outlet="HQ",
            city="310100",
            province="310000",
            device="D",
        )
        _send(out, topics.DEVICES, weight, waybill)
    out.flush()
    for n in range(4):
        _send(out, topics.TICKS, Tick(id=f"late-{n}", time=now + (n + 1) * HOUR))
    out.flush()


def test_recalled_once_whatever_is_killed(tmp_path: Path, kafka: Kafka) -> None:
    source = Input(kafka, life)
    with field(tmp_path, source, horizon=HORIZON) as place:
        place.run()
        place.audited()
        finished = [row[0] for row in place.client.query(_FINISHED).result_rows][::LATE]
        assert finished
        out = producer(kafka.address)
        forgetting(out)
        source.ends = source.ends_of(*READ)
        place.run()
        afterwards(out, finished)
        for lane in place.lanes:
            lane.crash = at_points(0.03)
        _recall(place, out)
        for lane in place.lanes:
            lane.crash = ""
        source.ends = source.ends_of(*READ)
        place.run()
        place.audited()
        assert place.client.query(_TWICE).result_rows == [(0, 0)]
        assert place.client.query(_LOST).result_rows == []
        joined = {row[0] for row in place.client.query(_JOINED).result_rows}
        assert joined
        assert joined <= set(finished)
        assert place.client.query(_WAITING).result_rows == []
        assert place.client.query(_CORRECTED).result_rows[0][0] > PARCELS // 5
        place.replayed()
        place.audited()


def _recall(place: Field, out: Producer) -> None:
    """Jobs one after the other, each forgetting what the one before knew, until nothing is left to do."""
    until = time.monotonic() + 600
    quiet, n = 0, 0
    while quiet < 3 and time.monotonic() < until:
        for lane in place.lanes:
            lane.tend()
        n += 1
        _send(out, topics.TICKS, Tick(id=f"more-{n}", time=_NOW + n * HOUR))
        out.flush()
        time.sleep(0.5)
        try:
            job = Job(place.settings, place.client, lambda _: None, patience=3)
            late, backdated = job.late(), job.backdated()
        except RecallError:
            continue
        tallies = [late, *backdated.values()]
        read = place.client.query("SELECT count() FROM tariff_book WHERE event_id = 'dearer'").result_rows[0][
            0
        ]
        done = read and not any(tally.recalled or tally.refused for tally in tallies)
        quiet = quiet + 1 if done else 0
    assert quiet == 3


_NOW = END + 16 * DAY
_FINISHED = """
SELECT waybill FROM charge WHERE fee = 'delivery_paid' AND waybill NOT IN (SELECT waybill FROM waiting_now)
GROUP BY waybill HAVING sum(amount) > 0 ORDER BY waybill"""
_TWICE = """
SELECT (SELECT count() - uniqExact(charge_id) FROM charge),
       (SELECT count() - uniqExact(waybill, event_id) FROM event)"""
_LOST = "SELECT dead_letter_id, reason, detail FROM dead_letter WHERE reason != 'recall_outdated'"
_WAITING = "SELECT waybill, fee FROM waiting_now WHERE reason = 'no_order' AND waybill IN (SELECT waybill FROM charge)"
_JOINED = "SELECT DISTINCT waybill FROM recall WHERE status = 'joined' ORDER BY waybill"
_CORRECTED = "SELECT uniqExact(waybill) FROM recall WHERE cause = 'dearer' AND reversed > 0"
