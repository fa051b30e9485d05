"""Lanes read what is published in other blocks than lane 0 does: each is audited by what it had read itself."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy.audit.report import Report
from schemas.events import ControlEvent, NetworkPublished, Tick, VolumesCounted
from schemas.identity import version_of
from schemas.times import HOUR, business_day, date_of
from schemas.topics import CONTROL
from tests.audit import world
from tests.audit.alone import alone
from tests.audit.lane import Lane, held, record
from tests.audit.remembered import audited

PARCELS = 150
IN_A_BLOCK = 120
BEGUN, TOGETHER = 0, 2
"""Blocks: everything begins; lane 0 reads two publications."""


def directory(outlet: str, city: str) -> NetworkPublished:
    """The small network with an outlet in another city."""
    network = world.network()
    lines = network.files["sites.csv"].splitlines()
    moved = [
        f"{line.rsplit(',', 2)[0]},{city},{city[:2]}0000" if line.startswith(f"{outlet},") else line
        for line in lines
    ]
    files = network.files | {"sites.csv": "\n".join(moved)}
    return msgspec.structs.replace(network, id=f"{outlet} in {city}", version=version_of(files), files=files)


def counted(through: int, parcels: int) -> VolumesCounted:
    """So many parcels of each customer through a day of the month."""
    first = date_of(business_day(world.START)).replace(day=1)
    return VolumesCounted(
        id=f"count{through}",
        time=world.START + through,
        count=f"count{through}",
        month=first,
        through_day=first + timedelta(days=through - 1),
        volumes={f"C{n}": parcels for n in range(4)},
    )


USUAL = world.tariff("one")
CASES: Mapping[str, tuple[ControlEvent, ControlEvent, ControlEvent]] = {
    "books": (USUAL, world.tariff("dearer", 30), world.tariff("delivery", 30, by_weight=True)),
    "policies": (
        USUAL,
        world.tariff("other", precedence=world.OTHER_PRECEDENCE),
        world.tariff("lines", lines=world.LINES),
    ),
    "directories": (USUAL, directory("SH1", "110100"), directory("XA1", "110100")),
    "counts": (world.tariff("month", by_month=True), counted(4, 12), counted(5, 31)),
    "a book and a directory": (USUAL, world.tariff("dearer", 30), directory("SH1", "110100")),
}
"""The book that is there, and what is published then."""


INVENTED = "volumes"
"""The check that counts the parcels itself."""


def failing(report: Report) -> set[str]:
    """Names of the checks that do not pass, but for the counts' own."""
    return {check.name for check in report.checks if not check.passed} - {INVENTED}


def play(client: Client, published: Sequence[ControlEvent], *, honest: bool = True) -> Report:
    """Lane 0 reads the two last of these publications in one block, lane 1 in two. Not `honest`: it puts the first of
    them in force a block later than it says that it has read it."""
    begun, one, other = published
    lanes = [Lane(client, number, (number,)) for number in range(2)]
    events = [world.several(event) for event in world.disordered(PARCELS, 71)]
    reads: list[dict[int, list[ControlEvent]]] = [
        {BEGUN: [world.network(), begun], TOGETHER: [one, other]},
        {BEGUN: [world.network(), begun], TOGETHER: [one], TOGETHER + 1: [other]},
    ]
    now = world.START
    with held(lanes):
        for block, start in enumerate(range(0, len(events), IN_A_BLOCK)):
            some = events[start : start + IN_A_BLOCK]
            now = max(now, *(event.time for event in some))
            for number, lane in enumerate(lanes):
                control = reads[number].get(block, [])
                if number == 1 and not honest and block == TOGETHER:
                    control, lane.upto[f"{CONTROL.name}:0"] = [], 3
                if number == 1 and not honest and block == TOGETHER + 1:
                    control, lane.upto[f"{CONTROL.name}:0"] = [one, other], 2
                mine = [event for event in some if int(event.waybill[-1]) % 2 == number]
                tick = Tick(id=f"tick{block}", time=now)
                lane.block([*map(record, control), record(tick), *(record(event, number) for event in mine)])
        for lane in lanes:
            lane.block([record(Tick(id="last", time=now + 20 * HOUR))])
    return audited(client, data_time=lanes[0].lifecycle.ring.now)


@pytest.mark.parametrize("case", CASES)
def test_two_publications_that_another_lane_reads_one_by_one(empty: Client, case: str) -> None:
    report = play(empty, CASES[case])
    assert not failing(report), report.to_text()


@pytest.mark.parametrize("case", ["books", "directories", "counts"])
def test_a_publication_that_a_lane_puts_in_force_too_late(empty: Client, case: str) -> None:
    assert failing(play(empty, CASES[case], honest=False))


def test_what_waits_is_charged_by_the_first_of_two_publications_of_a_block(empty: Client) -> None:
    """By it there is a price. The second says the same of it, so the charge stays."""
    lane, now = Lane(empty), world.START + 60 * HOUR
    few, same = (world.tariff(name, everywhere=False) for name in ("few", "same"))
    begun = [record(world.network()), record(few), record(Tick(id="now", time=now))]
    with held([lane]):
        lane.block([*begun, *map(record, world.disordered(60, 72))])
        lane.block([record(directory("GZ1", "110100")), record(same)])
    by = {row[0] for row in empty.query("SELECT DISTINCT book_version FROM charge WHERE seq = 2").result_rows}
    assert by == {few.version}
    report = audited(empty, data_time=lane.lifecycle.ring.now)
    assert report.passed, report.to_text()


def test_an_offset_that_its_block_has_not_read(empty: Client) -> None:
    lane = Lane(empty)
    lane.block([record(world.network()), record(USUAL), record(Tick(id="now", time=world.START))])
    assert alone(empty, "documents").passed
    empty.command("ALTER TABLE tariff_book UPDATE offset = 2 WHERE true SETTINGS mutations_sync = 2")
    assert not alone(empty, "documents").passed
