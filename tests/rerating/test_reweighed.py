"""What another weight policy would change is what a lane would have charged by it."""

from decimal import Decimal

import pytest
from clickhouse_connect.driver.client import Client

from deploy.rerating import reweighed as module
from deploy.rerating.reweighed import reweighed
from deploy.rerating.work import rerater
from flows.engine.block import Receipt
from flows.engine.plans import PlanLog
from flows.fees.current import FEES
from flows.governance.network import read_network
from flows.rating.book import read_book
from flows.rating.settings import FILE
from schemas.money import YUAN
from schemas.times import DAY, HOUR
from tests.dashboards.data import Written
from tests.lifecycle.world import START, Book, decision, network, tariff, weight
from tests.rating.material import scenarios
from tests.rerating.scenario import FILES, PARCELS, events_of

OTHERWISE = {
    **FILES,
    FILE: FILES[FILE].replace("hub_dws", "?").replace("outlet_scale", "hub_dws").replace("?", "outlet_scale"),
}
"""The outlet's scale counts first, and what the hub measures only then."""


def play(book: Book) -> Book:
    """The parcels, most of them weighed at their outlets, too: heavier; of one somebody decides."""
    for row in scenarios(PARCELS):
        number, events = row["运单尾号"], events_of(row)
        own = {"waybill": f"YT750000000000{number}"}
        if number != "1":
            grams = int(Decimal(row["公斤"]) * 1000) + 700
            at = max(event.time for event in events) - HOUR
            events.append(weight("网点秤", grams, at, id=f"own-{number}", **own))
        if number == "5":
            events.append(decision("改判2.8", START + 4 * DAY, id="decided", **own))
        book.take(*events)
    return book.tick(START + 5 * DAY)


class Stored(Written):
    """The parcels in a store, by the policy in force."""

    def __init__(self, client: Client) -> None:
        self.client, self.log, self.receipt = client, PlanLog(client, 0), Receipt()
        Book.__init__(self, (tariff(dict(FILES)),), directory=network())
        play(self)


def test_what_another_policy_changes_is_what_a_lane_would_charge(
    empty: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    before, after = Stored(empty).standing(), play(Book((tariff(OTHERWISE),), directory=network())).standing()
    directory = read_network(network().files)
    book, other = (read_book(files, directory) for files in (FILES, OTHERWISE))
    assert book.policy is not None
    assert other.policy is not None
    by = rerater([book], directory, FEES)
    found = reweighed(empty, book.policy, other.policy, directory, by)
    changed = [key for key in before if before[key] != after[key]]
    assert (found.parcels, found.otherwise, found.nothing) == (6, 5, 0)
    assert found.charges.total.changed >= len(changed) > 1
    assert found.charges.total.difference == int((sum(after.values()) - sum(before.values())) * YUAN) > 0
    unchanged = reweighed(empty, book.policy, book.policy, directory, by)
    assert (unchanged.otherwise, unchanged.charges.groups) == (0, {})
