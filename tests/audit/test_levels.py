"""Outlets' months by the share of their parcels in time: judged once, charged as claims, audited, changes noticed."""

from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy import levels
from deploy.recall.complete import Complete
from schemas.events import Claim, Tick
from schemas.money import half_up
from schemas.settings import Settings
from schemas.times import DAY
from tests.audit import world
from tests.audit.conftest import emptied
from tests.audit.lane import Lane, Record, held, record
from tests.audit.remembered import audited
from tests.audit.tampering import AsOf

LEVELS = """level,rule,from_percent,due,amount,per,from,to
到达及时,arrived,90,service_level,0.0512,parcel,2026-01-01,
到达及时,arrived,60,,,month,2026-01-01,
到达及时,arrived,0,late,2.00,late,2026-01-01,
到达及时,arrived,0,late,9.00,late,,2025-12-31
"""


class Sent:
    """Keeps what would go to Kafka."""

    def __init__(self, *_: object) -> None:
        self.claims: list[Claim] = []
        SENT.append(self)

    def produce(self, topic: str, key: str, value: bytes) -> None:
        """A message."""
        claim = msgspec.json.decode(value, type=Claim)
        assert (topic, key) == ("waybook.orders", claim.waybill)
        self.claims.append(claim)

    def flush(self) -> None:
        """Nothing to wait for."""


SENT: list[Sent] = []


class Month:
    """Parcels of January, and the job in February."""

    def __init__(self, client: Client, patch: pytest.MonkeyPatch, seed: int = 3) -> None:
        self.client, self.lane = client, Lane(client, horizon=30 * DAY)
        self.now = world.START
        events = list(world.disordered(150, seed))
        with held([self.lane]):
            self.block(record(world.network(levels=LEVELS)), record(world.tariff("one")))
            for start in range(0, len(events), 150):
                some = events[start : start + 150]
                self.now = max(self.now, *(event.time for event in some))
                self.block(*map(record, some))
        patch.setattr(levels, "complete", lambda *_: self.complete())
        patch.setattr(levels, "sending", Sent)
        self.patch = patch

    def block(self, *records: Record) -> None:
        """A block and what the time is."""
        self.lane.block([record(Tick(id=f"tick-{self.now}", time=self.now)), *records])

    def until(self, days: int) -> None:
        """So many days after the beginning."""
        with held([self.lane]):
            while self.now < world.START + days * DAY:
                self.now += 5 * DAY
                self.block()

    def complete(self) -> Complete:
        """All that is written but the newest block."""
        return Complete({0: self.lane.writer.receipt.n - 1}, {0: self.now}, {})

    def run(self) -> list[Claim]:
        """The job; what it sends."""
        settings = Settings(lanes=1, horizon=30 * DAY)
        levels.run(settings, self.client, self.client, "test")
        return SENT[-1].claims

    def rows(self) -> list[dict[str, Any]]:
        """What is judged."""
        return list(self.client.query("SELECT * FROM service_level ORDER BY outlet").named_results())


def test_a_month_is_judged_once_and_charged(empty: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    month = Month(empty, monkeypatch)
    month.until(40)
    assert month.run() == []
    assert month.rows() == []
    month.until(65)
    claims = month.run()
    rows = month.rows()
    assert {(str(row["month"]), row["level"], row["rule"]) for row in rows} == {
        ("2026-01-01", "到达及时", "arrived")
    }
    assert sum(row["parcels"] for row in rows) > 100
    assert {row["due"] for row in rows} == {"", "service_level", "late"}
    assert len(claims) == sum(row["claim"] != "" for row in rows)
    for row in rows:
        share = 1 - row["late"] / row["parcels"]
        wanted = ("service_level", half_up(row["parcels"] * 512)) if share >= 0.9 else ("", 0)
        wanted = ("late", row["late"] * 20_000) if share < 0.6 else wanted
        assert (row["due"], int(row["amount"] * 10_000)) == wanted
    again = month.run()
    assert again == claims
    assert month.rows() == rows
    month.block(*map(record, claims), *map(record, claims[:2]))
    month.block()
    assert month.run() == []
    charged = empty.query(
        "SELECT part, fee, if(fee = 'service_level', payee, payer), amount FROM charge "
        "WHERE fee IN ('service_level', 'late') AND waybill LIKE 'SL202601%' ORDER BY part"
    ).result_rows
    assert charged == sorted(
        (row["claim"], row["due"], row["outlet"], row["amount"]) for row in rows if row["claim"]
    )
    report = audited(empty, data_time=month.now)
    assert report.passed, report.to_text()


class Judged(AsOf):
    """A month that was judged and charged."""

    def __init__(self, client: Client) -> None:
        with pytest.MonkeyPatch.context() as patch:
            month = Month(client, patch)
            month.until(65)
            month.block(*map(record, month.run()))
        super().__init__(client, ("service_level", "claim", "chain_breach"), month.now)


@pytest.fixture(scope="module")
def kept(client: Client) -> Judged:
    """For all tests."""
    return Judged(emptied(client))


@pytest.mark.parametrize(
    ("table", "change", "where"),
    [
        ("service_level", "parcels + 1 AS parcels", "due = ''"),
        ("service_level", "late + 1 AS late", "due = 'late'"),
        ("service_level", "amount + 1 AS amount", "due = 'service_level'"),
        ("service_level", "'service_level' AS due", "due = ''"),
        ("service_level", "'other' AS outlet", "due = 'service_level'"),
        ("service_level", "'x' AS directory", "true"),
        ("service_level", "'0:2' AS blocks", "true"),
        ("service_level", "'0' AS blocks", "true"),
        ("claim", "amount + 1 AS amount", "by = 'service-levels'"),
        ("service_level", "'' AS claim", "claim != ''"),
    ],
)
def test_a_changed_row(tampered: Judged, table: str, change: str, where: str) -> None:
    tampered.change(table, where, change)
    assert tampered.notices("service_levels")


def test_unchanged_it_passes(tampered: Judged) -> None:
    assert tampered.failing() == set()
