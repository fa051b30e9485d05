"""Parcels that have left: found in ClickHouse, brought back to a lane, and audited; a wrong correction is noticed."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from dashboards.live.parcel import page_of
from dashboards.queries import story
from deploy.explain import explain
from deploy.recall.books import TwiceChargedError, recall
from deploy.recall.complete import Complete
from deploy.recall.finding import charged_by, late_facts, publications, too_old
from schemas.events import (
    Claim,
    Event,
    Order,
    ParcelEvent,
    ParcelRecalled,
    TariffPublished,
    TariffWithdrawn,
    Tick,
    Weight,
)
from schemas.limits import HORIZON
from schemas.times import DAY, HOUR
from tests.audit import world
from tests.audit.lane import Lane, held, record
from tests.audit.remembered import audited
from tests.audit.tampering import Kept

PARCELS = 60
IN_A_BLOCK = 120
FORGOTTEN = 20 * DAY


class Town:
    """A lane, its store, and the job's questions without Kafka."""

    def __init__(
        self, client: Client, seed: int, *, rich: bool = False, first: TariffPublished | None = None
    ) -> None:
        self.client, self.lane = client, Lane(client)
        self.events: list[ParcelEvent] = list(world.disordered(PARCELS, seed))
        if rich:
            self.events = world.enriched(self.events, seed)
        self.now = world.START
        self.books = {0: first or world.tariff("one", rich=rich)}
        with held([self.lane]):
            self.block(world.network(), self.books[0], self.tick(0))
            for start in range(0, len(self.events), IN_A_BLOCK):
                some = self.events[start : start + IN_A_BLOCK]
                self.now = max(self.now, *(event.time for event in some))
                self.block(self.tick(0), *some)
            self.block(self.tick(30 * HOUR))
            self.block(self.tick(FORGOTTEN))

    def tick(self, later: int) -> Tick:
        """Time passes."""
        self.now += later
        return Tick(id=f"tick-{self.now}", time=self.now)

    def block(self, *events: Event) -> None:
        """A block of these events."""
        self.lane.block([record(event) for event in events])

    def complete(self) -> Complete:
        """All that is written, in a later block."""
        n = self.lane.writer.receipt.n
        self.block(self.tick(HOUR))
        return Complete({0: n + 1}, {0: self.now}, {0: n})

    def recalled(self, causes: dict[str, str], complete: Complete) -> list[ParcelRecalled]:
        """The events that the job would send."""

        def twice(error: TwiceChargedError) -> None:
            raise error

        return list(recall(self.client, sorted(causes), causes, complete, twice))

    def late(self) -> dict[str, str]:
        """Late facts that the job would find."""
        return pages(late_facts(self.client, self.complete(), HORIZON, {}))

    def backdated(self) -> dict[str, str]:
        """Parcels that the job would find for the newest publication."""
        *_, newest = publications(self.client, self.lane.lifecycle.directory)
        return pages(charged_by(self.client, self.complete(), newest))

    def bring(self, causes: dict[str, str]) -> None:
        """Bring parcels back, in two blocks; and all of them once more."""
        made = self.recalled(causes, self.complete())
        half = len(made) // 2
        self.block(*made[:half])
        self.block(*made[half:])
        self.block(*made)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows."""
        return [tuple(row) for row in self.client.query(sql).result_rows]

    def audit(self) -> set[str]:
        """Names of checks that fail."""
        report = audited(self.client, data_time=self.now)
        return {f"{check.name}: {check.examples}" for check in report.checks if not check.passed}


def pages(found: Iterator[dict[str, str]]) -> dict[str, str]:
    """All pages as one."""
    return {waybill: cause for page in found for waybill, cause in page.items()}


def charges_once(town: Town) -> None:
    """No number of a charge stands twice."""
    assert town.ask("SELECT count() - uniqExact(charge_id) FROM charge") == [(0,)]


@pytest.mark.parametrize(("seed", "rich"), [(11, False), (12, True)])
def test_a_backdated_book_is_carried_through(empty: Client, seed: int, rich: bool) -> None:
    town = Town(empty, seed, rich=rich)
    assert town.audit() == set()
    dearer = msgspec.structs.replace(world.tariff("one", 50, rich=rich), id="dearer")
    town.block(dearer)
    before = dict(town.ask("SELECT waybill, sum(amount) FROM charge WHERE fee = 'waybill' GROUP BY waybill"))
    causes = town.backdated()
    assert set(causes.values()) == {"dearer"}
    town.bring(causes)
    assert town.audit() == set()
    charges_once(town)
    after = dict(town.ask("SELECT waybill, sum(amount) FROM charge WHERE fee = 'waybill' GROUP BY waybill"))
    dearer_by = {after[waybill] - amount for waybill, amount in before.items()}
    assert {str(amount) for amount in dearer_by} <= {"0.5000", "0.0000"}
    assert len(dearer_by) == 2
    assert town.backdated() == {}
    ((corrected,),) = town.ask("SELECT min(waybill) FROM recall WHERE reversed > 0 AND status = 'rebuilt'")
    said = explain(corrected, town.client)
    why = f"价格手册 one 发布 published 2026-01-05 10:00:00, 版本 version {dearer.version}"
    assert f"原因 cause: {why}" in said
    assert f"重新计费 charged anew: {why}" in said
    assert "调回重新计费 brought back from the books and assessed again" in said
    page = page_of(story(town.client, corrected))
    assert why in {charge["because"] for charge in page["charges"] if charge["reversed"]}
    assert why in {charge["anew"] for charge in page["charges"] if not charge["reversed"]}
    assert {charge["anew"] for charge in page["charges"] if charge["reversed"] or not charge["revision"]} == {
        ""
    }
    assert page["recalls"][0][1] == why


def test_shares_that_begin_for_a_province_are_carried_through(empty: Client) -> None:
    """Of parcels that had left, also those that no share was paid of; what was shared before is left alone."""
    rich, some = world.tariff("one", rich=True), "origin_province,percent\n上海,10\n"
    town = Town(empty, 12, rich=True, first=world.other_shares(rich, some))
    shares = "SELECT origin, count() FROM charge WHERE fee = 'province_share' GROUP BY origin ORDER BY origin"
    before = town.ask(shares)
    assert {outlet for outlet, _ in before} == {"SH1", "SH2"}
    town.block(world.other_shares(rich, f"{some}陕西,7\n"))
    town.bring(town.backdated())
    assert town.audit() == set()
    charges_once(town)
    assert [one for one in town.ask(shares) if one[0].startswith("SH")] == before
    back = "reverses != toFixedString('', 16)"
    standing = dict(
        town.ask(
            f"SELECT fee, countIf(NOT {back}) - countIf({back}) FROM charge "
            "WHERE fee IN ('transit', 'province_share') AND origin IN ('XA1', 'XA2', 'BAO') GROUP BY fee"
        )
    )
    assert standing["province_share"] == standing["transit"] > 10


def test_a_withdrawn_book_is_carried_through(empty: Client) -> None:
    town = Town(empty, 13, rich=True)
    town.block(msgspec.structs.replace(world.tariff("two", 20, rich=True), id="two"))
    town.bring(town.backdated())
    town.block(TariffWithdrawn(id="back", time=town.now, version=world.tariff("one", rich=True).version))
    town.bring(town.backdated())
    assert town.audit() == set()
    charges_once(town)
    town.block(TariffWithdrawn(id="all", time=town.now, name="two"))
    town.bring(town.backdated())
    assert town.audit() == set()
    charges_once(town)
    fees = {fee for (fee,) in town.ask("SELECT fee FROM charge GROUP BY fee HAVING sum(amount) != 0")}
    assert "waybill" not in fees
    assert {"freight", "cod_collected"} <= fees


def test_late_facts_are_found_and_joined(empty: Client) -> None:
    town = Town(empty, 14, rich=True)
    suspected = town.late()
    town.bring(suspected)  # a first look cannot tell which of them the lane still had when they came
    assert town.ask("SELECT DISTINCT reversed, charged FROM recall") == [(0, 0)]
    assert town.late() == {}
    finished = sorted(
        {
            waybill
            for (waybill,) in town.ask(
                "SELECT waybill FROM charge WHERE fee = 'delivery_paid' GROUP BY waybill "
                "HAVING sum(amount) > 0 AND waybill NOT IN (SELECT waybill FROM waiting_now)"
            )
        }
    )
    orders = {event.waybill: event for event in town.events if isinstance(event, Order)}
    weighed, corrected, claimed, again = [waybill for waybill in finished if waybill not in suspected][:4]
    town.now += HOUR
    weight = late_weight(weighed, town.now)
    order = msgspec.structs.replace(
        orders[corrected],
        id="late-order",
        time=town.now,
        destination="GZ1",
        destination_city="440100",
        destination_county="",
    )
    claim = Claim(id="late-claim", time=town.now, waybill=claimed, kind="late", amount_e4=70_000)
    second = msgspec.structs.replace(order, id="a-second-order", waybill=again, origin=orders[again].origin)
    town.block(town.tick(0), weight, order, claim, second, late_weight(again, town.now))
    twice = (
        f"SELECT fee FROM charge WHERE waybill = '{again}' GROUP BY fee, part "
        "HAVING countIf(amount > 0) - countIf(amount < 0) > 1"
    )
    assert ("transit",) in town.ask(twice), "the lane took it for a parcel of its own"
    assert any(failed.startswith("revisions") for failed in town.audit())
    causes = town.late()
    first = {weighed: weight.id, corrected: "late-order", claimed: "late-claim", again: f"{again}-late"}
    assert causes == first
    town.bring(causes)
    assert town.ask(twice) == []
    assert town.late() == {}
    assert town.audit() == set()
    charges_once(town)
    statuses = set(town.ask("SELECT waybill, cause FROM recall WHERE status = 'joined'"))
    assert statuses == set(causes.items())
    lines = town.ask(
        f"SELECT DISTINCT toString(destination) FROM charge WHERE waybill = '{corrected}' "
        "GROUP BY fee, part, destination HAVING sum(amount) != 0"
    )
    assert lines == [("GZ1",)]


def test_a_fact_that_was_too_old_is_taken_when_its_parcel_is_back(empty: Client) -> None:
    town = Town(empty, 16)
    waybills = [
        row[0]
        for row in town.ask(
            "SELECT waybill FROM charge WHERE fee = 'delivery_paid' "
            "AND waybill NOT IN (SELECT waybill FROM waiting_now) "
            "GROUP BY waybill HAVING sum(amount) > 0 ORDER BY waybill"
        )
    ][:2]
    old = [late_weight(waybill, world.START + 2 * HOUR) for waybill in waybills]
    town.block(*old)
    assert town.ask("SELECT DISTINCT toString(reason) FROM dead_letter") == [("time_too_old",)]
    causes = pages(too_old(town.client, town.complete()))
    assert sorted(causes) == waybills
    town.bring(causes)
    assert pages(too_old(town.client, town.complete())) == {}
    town.block(*old)
    assert town.ask("SELECT count() FROM event WHERE event_id LIKE '%-late'") == [(2,)]
    assert town.audit() == set()


def late_weight(waybill: str, time: int) -> Weight:
    """A hub's weight that is another than the one before."""
    return Weight(
        id=f"{waybill}-late",
        time=time,
        waybill=waybill,
        weight_g=9_000,
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


def test_a_missing_or_wrong_correction_is_noticed(empty: Client) -> None:
    """Rows taken away or changed after the fact, digests aside: they do not fit what the rules of then say."""
    town = Town(empty, 15)
    town.block(msgspec.structs.replace(world.tariff("one", 50), id="dearer"))
    town.bring(town.backdated())
    assert town.audit() == set()
    ((seq, waybill),) = town.ask(
        "SELECT seq, waybill FROM charge WHERE cause = 'dearer' AND fee = 'waybill' ORDER BY seq, line LIMIT 1"
    )
    tables = ("charge", "journal", "recall")
    kept = Kept(town.client, tables)
    for table in tables:
        where = f"seq = {seq} AND waybill = '{waybill}'"
        where += " AND fee = 'waybill'" if table != "recall" else ""
        kept.remove(table, where)
        failing = {one.partition(":")[0] for one in town.audit()}
        assert failing & {"recomputed_charges", "recomputed_journal", "recalls", "posted"}, table
        assert "recalls" in failing or table == "journal"
        kept.mend()
    assert town.audit() == set()
