"""What finance staff expect of a what-if, row by row: `what_if.csv`, its parcels in `what_if_parcels.csv`."""

import datetime as dt

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.library import newest_network
from deploy.rerating.compare import Comparison
from deploy.rerating.read import Days, on
from deploy.rerating.work import Question, compare
from deploy.tariff.what_if import dimensions, named, numbers
from flows.rating.book import read_book
from schemas.times import day_of
from tests.rating.material import scenarios
from tests.rerating.scenario import FILES, Parcels, changed
from tests.servers.store import Store

CASES = scenarios("what_if.csv")


@pytest.fixture(scope="module")
def charged(store: Store) -> Client:
    """A store with the parcels' books."""
    client = store.client()
    Parcels(client)
    return client


def what_if(client: Client, name: str, first: str, last: str, by: str) -> Comparison:
    """The charges in force of a period, by a changed book published beside the one in force."""
    network = newest_network(client)
    books = [read_book(files, network) for files in (FILES, changed(name))]
    ends = [day_of(dt.date.fromisoformat(day)) if day else None for day in (first, last)]
    asked = Question(lambda: client, on(Days(*ends)), books, network, dimensions(by))
    return compare(asked, lambda *_: None)


@pytest.mark.parametrize("case", CASES, ids=[case["说明"] for case in CASES])
def test_case(charged: Client, case: dict[str, str]) -> None:
    found = what_if(charged, case["改动"], case["起"], case["止"], case["汇总"])
    network = newest_network(charged)
    rows = {"/".join(named(found.by, group, network)): sums for group, sums in found.groups.items()}
    rows["合计"] = found.total
    expected = [case[name] for name in ("票数", "变化", "无价", "原金额", "新金额", "差额")]
    assert numbers(rows[case["项目"]]) == expected, rows
