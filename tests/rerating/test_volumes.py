"""Prices by the month's volume: beside live traffic by the count that a charge names, in a what-if by the newest."""

from datetime import date

from clickhouse_connect.driver.client import Client

from dashboards.library import newest_network
from deploy.rerating.compare import rated
from deploy.rerating.read import EVERYTHING, Reader
from deploy.rerating.work import rerater
from flows.engine.block import Receipt
from flows.engine.plans import PlanLog
from flows.fees.current import FEES
from flows.rating.book import read_book
from schemas import topics
from schemas.times import DAY
from tests.dashboards.data import Written
from tests.lifecycle.test_volumes import BY_MONTH, counted
from tests.lifecycle.world import START, Book, events_of, network, order, scan, tariff


class ByMonth(Written):
    """Books whose waybill fee is cheaper for customers with many parcels in the month."""

    def __init__(self, client: Client) -> None:
        self.client, self.log, self.receipt = client, PlanLog(client, 0), Receipt()
        Book.__init__(self, (tariff(BY_MONTH),), directory=network())


def test_counts(empty: Client) -> None:
    book = ByMonth(empty)
    book.block((topics.CONTROL.name, counted(date(2025, 11, 10), 1_000, 1)))
    book.take(*events_of("订单 揽收"))
    book.take(
        order(START + DAY, id="o2", waybill="YT7500000000002", customer="C9"),
        scan("揽收", START + DAY, id="s2", waybill="YT7500000000002"),
    )
    book.block((topics.CONTROL.name, counted(date(2025, 11, 10), 2_000, 2, count="again")))
    book.block((topics.CONTROL.name, counted(date(2025, 11, 9), 999, 3, parts=2, part=1, count="half")))
    network_ = newest_network(empty)
    after = rerater([read_book(BY_MONTH, network_)], network_, FEES)
    assert "month_parcels" in after.facts
    reader = Reader(empty, after.facts)
    charged = rated(reader.as_charged({0: (1, book.n)}), after)
    assert charged.before.tolist() == charged.after.tolist()
    assert sorted(charged.before.tolist())[:2] == [9_000, 10_000]
    now = rated(reader.in_force(EVERYTHING), after)
    assert sum(now.before.tolist()) - sum(now.after.tolist()) == 1_000, "0.80 by the newest count"
