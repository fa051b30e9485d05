"""Costs of hubs and lines are apportioned by the job and worked out again by the auditor, late parcels included."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client

from deploy import costs
from deploy.audit.costs import Costs
from deploy.audit.periods import Closes
from deploy.audit.store import Store
from schemas.events import BooksClosed, CostIncurred, CostWithdrawn, Order, Tick
from schemas.settings import Settings
from schemas.times import DAY, HOUR
from tests.audit import world
from tests.audit.alone import alone
from tests.audit.lane import Lane, record
from tests.audit.remembered import audited
from tests.audit.tampering import Kept


def bill(name: str, units: int, place: str = "HSH", **more: Any) -> CostIncurred:
    """A bill about the first day."""
    day = date(2026, 1, 5)
    return CostIncurred(
        id=name, time=world.START, place=place, day=day, amount_e4=units, **{"carrier": "乙", **more}
    )


BILLS = (
    bill("line", 10_000_100, to="HXA", carrier="甲车队"),
    bill("hub", 3_333_300, basis="piece"),
    bill("air", 700, "HXA", basis="volume"),
    bill("wrong", 5_000, "HXA"),
)


CLOSED = BooksClosed(id="closed", time=world.START + DAY, through=date(2026, 1, 5), by="li")
"""Parcels of the first day come still, and one of its bills is withdrawn."""


def shares(client: Client) -> dict[str, Decimal]:
    """What is apportioned of each cost."""
    found = client.query("SELECT cost_id, sum(amount) FROM cost_share GROUP BY cost_id").result_rows
    return {str(cost): Decimal(amount) for cost, amount in found}


def carried(client: Client) -> set[str]:
    """Parcels that have a share of a cost by pieces, which their orders do not change."""
    found = client.query(
        "SELECT waybill FROM cost_share WHERE cost_id = 'hub' AND status = 'share'"
    ).result_rows
    return {str(waybill) for (waybill,) in found}


def test_costs_are_apportioned_as_parcels_come(empty: Client) -> None:
    lanes = [Lane(empty, number, (number,)) for number in range(2)]
    events = list(world.disordered(120, 95))
    now = world.START
    for block, start in enumerate(range(0, len(events), 100)):
        some = events[start : start + 100]
        now = max(now, *(event.time for event in some))
        control = [record(world.network()), record(world.tariff("one"))] * (block == 0)
        control += [record(bill) for bill in BILLS] * (block == 1)
        control += [record(CLOSED)] * (block == 5)
        control += [record(CostWithdrawn(id="w", time=now, cost="wrong", reason="x"))] * (block == 6)
        ticks = [record(Tick(id=f"tick{block}", time=now))]
        mine = [record(event, int(event.waybill[-1]) % 2) for event in some]
        for lane in lanes:
            lane.block(control + ticks + [one for one in mine if one.partition == lane.writer.lane])
        if block in (4, 7):
            costs.spread(empty, empty)
    for lane in lanes:
        lane.block([record(Tick(id="last", time=now + 20 * HOUR))])
    costs.spread(empty, empty)
    order = next(one for one in events if isinstance(one, Order) and one.waybill in carried(empty))
    moved = msgspec.structs.replace(order, id="moved", time=now, destination="GZ1", destination_city="440100")
    lanes[int(order.waybill[-1]) % 2].block([record(moved, int(order.waybill[-1]) % 2)])
    for lane in lanes:
        lane.block([record(Tick(id="moved", time=now + 20 * HOUR))])
    assert costs.lately(empty) == date(2025, 12, 29)
    assert costs.spread(empty, empty, date(2026, 1, 6)) == ["nothing has changed"], "it is of the day before"
    said = costs.spread(empty, empty)
    assert said != ["nothing has changed"], "its share stands under another line, of the same amount"
    count = empty.query("SELECT count() FROM cost_share").result_rows[0][0]
    assert costs.spread(empty, empty) == ["nothing has changed"]
    assert empty.query("SELECT count() FROM cost_share").result_rows[0][0] == count
    assert empty.query("SELECT max(version) FROM cost_share").result_rows[0][0] > 1
    for _ in range(2):  # the second time the same rows are made, and their token is known
        empty.command("ALTER TABLE cost_share DELETE WHERE cost_id = 'air'", settings={"mutations_sync": 2})
        assert "air" not in shares(empty)
        again = costs.spread(empty, empty, date(2026, 1, 6))
        assert [line.partition(":")[0] for line in again] == ["air"], "which no parcel bears"
    found = shares(empty)
    assert found.pop("wrong", Decimal(0)) == 0
    assert found == {"line": Decimal("1000.01"), "hub": Decimal("333.33"), "air": Decimal("0.07")}
    for cost, why in (("wrong", "is withdrawn already"), ("hb", "there is no cost 'hb'")):
        with pytest.raises(LookupError, match=why):
            costs.withdraw(Settings(), empty, cost, "x", "me")
    begun = Store(empty, {0: 5, 1: 5})
    early = Costs(begun, Closes(begun)).check_shares()
    assert early.passed, "what is written beside an audit, from later blocks, is left out"
    assert early.detail == "3 costs apportioned"
    report = audited(empty, data_time=lanes[0].lifecycle.ring.now)
    assert report.passed, report.to_text()
    carriage, charged = empty.query("SELECT sum(carriage), sum(charged) FROM line_profit").result_rows[0]
    assert carriage == sum(found.values())
    assert charged > 0
    late = empty.query(
        "SELECT DISTINCT fee = 'carriage_cost' AS of_cost, toString(business_date) FROM journal "
        "WHERE business_date != toDate(event_time, 'Asia/Shanghai') OR of_cost AND amount < 0 ORDER BY ALL"
    ).result_rows
    assert [tuple(row) for row in late] == [(0, "2026-01-06"), (1, "2026-01-06")]
    kept = Kept(empty, ("cost_share", "cost", "journal", "books_close"))
    for table, change, where, noticed in (
        ("cost_share", "amount + 1 AS amount", "cost_id = 'line'", "cost_shares"),
        ("cost_share", "'x' AS route", "cost_id = 'line'", "cost_shares"),
        ("cost_share", "'0:2 1:2' AS blocks", "cost_id = 'hub'", "cost_shares"),
        ("cost_share", "blocks || '~' AS blocks", "cost_id = 'hub'", "cost_shares"),
        ("cost", "amount + 1 AS amount", "cost_id = 'hub'", "costs_posted"),
        ("cost", "'x' AS carrier", "cost_id = 'hub'", "recomputed_journal"),
        ("journal", "'6901' AS account", "account = '6201'", "costs_posted"),
        ("journal", "business_date + 1 AS business_date", "fee = 'transit'", "booked_on"),
        ("journal", "business_date - 1 AS business_date", "business_date = '2026-01-06'", "booked_on"),
        ("books_close", "through + 1 AS through", "seq < 4294967296", "booked_on"),
        ("books_close", "'zhao' AS published_by", "seq < 4294967296", "closes_said"),
        ("books_close", "event_time - 86400 AS event_time", "1", "closes_said"),
    ):
        kept.change(table, where, change)
        assert not alone(kept.auditor, noticed).passed, (table, change)
        kept.mend()
