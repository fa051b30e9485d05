"""The strongest test: what the live flow charged is what rating again by the same book says, charge by charge."""

import random
from collections.abc import Sequence
from functools import partial

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.library import newest_network
from deploy.rerating.compare import DIMENSIONS, Comparison, rated
from deploy.rerating.read import EVERYTHING, Reader
from deploy.rerating.work import Question, compare, rerater
from flows.fees.current import FEES
from flows.fees.model import OF_STORES
from flows.rating.book import read_book
from schemas.events import TariffPublished
from schemas.settings import Settings
from sinks.clickhouse import connect
from tests.audit.world import other_shares
from tests.rerating.world import everything, simulate
from tests.servers.store import Store
from tests.volume import seeds


def by_books(client: Client, *books: TariffPublished, by: Sequence[str] = ("fee",)) -> Question:
    """What everything in force comes to by these books, under the newest directory."""
    network = newest_network(client)
    read = [read_book(book.files, network, FEES.prices) for book in books]
    return Question(lambda: client, EVERYTHING, read, network, by, FEES)


def silent(_done: int, _parts: int) -> None:
    """No progress is shown."""


def whole(asked: Question) -> Comparison:
    """The answer, by this process alone."""
    return compare(asked, silent, processes=1)


@pytest.mark.parametrize("seed", seeds(1, 70, 71, 72))
def test_the_same_book_says_what_was_charged(
    empty: Client, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(empty, [(0, everything())], seed)
    asked = by_books(empty, everything(), by=tuple(DIMENSIONS))
    assert rerater(asked.books, asked.network, FEES).facts == {
        "customer", "payment", "weight_g", "volume_cm3", "longest_mm", "terms", "hubs"
    }  # fmt: skip
    monkeypatch.setattr("deploy.rerating.work.EACH", 700)
    found = whole(asked)
    of_parcels = {fee for due in FEES.dues if due.trigger not in OF_STORES for fee in due.fees}
    assert {group[0] for group in found.groups} == of_parcels
    assert found.total.changed == found.total.unpriced == 0
    assert all(sums.before == sums.after for sums in found.groups.values())
    units, count = empty.query(
        "SELECT toInt64(sum(amount) * 10000), countIf(reverses = toFixedString('', 16)) - "
        "countIf(reverses != toFixedString('', 16)) FROM charge"
    ).result_rows[0]
    assert (found.total.before, found.total.charges) == (units, count)


def test_several_processes_come_to_the_same(
    empty: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(empty, [(0, everything())])
    asked = by_books(empty, everything("everything", 30), by=tuple(DIMENSIONS))
    alone = whole(asked)
    monkeypatch.setattr("deploy.rerating.work.EACH", 700)
    said: list[tuple[int, int]] = []
    database = empty.command("SELECT currentDatabase()")
    there = partial(connect, Settings(clickhouse=store.url, database=str(database)))
    beside = compare(
        asked._replace(connect=there), lambda done, parts: said.append((done, parts)), processes=2
    )
    assert beside.groups == alone.groups
    assert alone.total.changed > 100
    assert len(said) > 2
    assert said == [(n + 1, len(said)) for n in range(len(said))]


@pytest.mark.parametrize("seed", seeds(1, 71, 70))
def test_blocks_say_what_was_charged_however_they_are_taken(empty: Client, seed: int) -> None:
    simulate(empty, [(0, everything())], seed)
    (reversals,) = empty.query("SELECT count() FROM charge WHERE amount < 0").result_rows[0]
    assert reversals > 100
    asked = by_books(empty, everything())
    network, after = asked.network, rerater(asked.books, asked.network, FEES)
    reader = Reader(empty, after.facts, network.hubs)
    newest: list[tuple[int, int]] = [
        (int(lane), int(n))
        for lane, n in empty.query("SELECT lane, max(n) - 1 FROM block GROUP BY lane").result_rows
    ]
    luck = random.Random(seed)
    found = Comparison(("fee", "line", "outlet", "customer"), network)
    for lane, last in newest:
        first = 1
        while first <= last:
            upto = min(last, first + luck.randrange(4))
            sample = reader.as_charged({lane: (first, upto)})
            one = rated(sample, after)
            assert not one.changed.any()
            found.add(one)
            first = upto + 1
    assert all(sums.before == sums.after for sums in found.groups.values())
    units = empty.query("SELECT toInt64(sum(amount) * 10000) FROM charge").result_rows[0][0]
    assert found.total.before == units


def test_shares_that_begin_end_or_change_are_what_the_flow_charges(empty: Client) -> None:
    """Also where what is shared, and the fees beside it, cost something else."""
    written = ("charge", "event", "order_terms", "adopted_weight", "block", "network_directory")
    some = "origin_province,product,percent\n上海,,4\n陕西|北京,EXP,9.99\n"
    drafts = {
        prices: other_shares(everything("everything", 30), prices) for prices in ("", some, "percent\n6\n")
    }
    told = {}
    for before in ("", some):
        simulate(empty, [(0, other_shares(everything(), before))])
        told[before] = {after: whole(by_books(empty, draft)) for after, draft in drafts.items()}
        for name in written:
            empty.command(f"TRUNCATE TABLE {name}")
    for after, draft in drafts.items():
        simulate(empty, [(0, draft)])
        asked = whole(by_books(empty, draft))
        charged = {group: sums.before for group, sums in asked.groups.items()}
        assert asked.total.changed == 0
        for before, found in told.items():
            sums = {group: one.after for group, one in found[after].groups.items()}
            assert {group: units for group, units in sums.items() if units} == {
                group: units for group, units in charged.items() if units
            }, (before, after)
        for name in written:
            empty.command(f"TRUNCATE TABLE {name}")
    assert told[""][some].groups["province_share",].charges > 20


def test_a_dearer_book_is_what_the_flow_charges_by_it(empty: Client) -> None:
    simulate(empty, [(0, everything())])
    cheap = whole(by_books(empty, everything("everything", 30)))
    for name in ("charge", "event", "order_terms", "adopted_weight", "block", "network_directory"):
        empty.command(f"TRUNCATE TABLE {name}")
    simulate(empty, [(0, everything("everything", 30))])
    dear = whole(by_books(empty, everything("everything", 30)))
    assert cheap.total.changed > 100
    assert {group: sums.after for group, sums in cheap.groups.items()} == {
        group: sums.before for group, sums in dear.groups.items()
    }
