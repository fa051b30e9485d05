"""An outlet's page: what it has, its statement of account, and the waybills behind a movement."""

import csv
import io
from collections.abc import Iterator

import httpx
import pytest

from schemas import topics
from schemas.times import HOUR
from tests.audit.test_accounts import WHOLE, Both
from tests.dashboards.test_page import LivePage
from tests.lifecycle.world import START, WAYBILL, events_of
from tests.servers.store import Store
from tests.wallet.world import PARTY, command, tick

SPAN = {"from": "2025-11-11", "to": "2025-11-11"}


@pytest.fixture(scope="module")
def page(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The page on books in which an outlet has paid 10.00 yuan in and sent a parcel."""
    both = Both(store.client())
    both.ask(command("top_up", "c1", amount_e4=100_000))
    both.books.block((topics.TICKS.name, 0, tick(START + HOUR)))
    for event in events_of(WHOLE):
        both.hear(both.parcel(event))
    with LivePage(tmp_path_factory.mktemp("page"), store) as served:
        assert isinstance(served, LivePage)
        with httpx.Client(base_url=served.url, verify=False, timeout=60) as client:
            yield client


def test_what_an_outlet_has_and_how_it_came(page: httpx.Client) -> None:
    text = page.get(f"/party/{PARTY}").text
    for part in ("现金账户 cash", "<b>2.55</b>", "<b>20.00</b>授信额度", "充值 top-up  c1", "期末 closing"):
        assert part in text
    assert WAYBILL not in text


def test_a_movement_leads_to_its_waybills(page: httpx.Client) -> None:
    wanted = {**SPAN, "day": "2025-11-11", "fee": "transit"}
    text = page.get(f"/party/{PARTY}", params=wanted).text
    assert f'href="/parcel/{WAYBILL}#' in text
    assert ">-5.25</td></tr>" in text
    assert "Nothing here" in page.get(f"/party/{PARTY}", params={**wanted, "fee": "storage"}).text


def test_the_statement_for_a_spreadsheet_adds_up(page: httpx.Client) -> None:
    answer = page.get(f"/party/{PARTY}/statement.csv", params=SPAN)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row[1] for row in (rows[1], rows[-1])] == ["期初 opening", "期末 closing"]
    assert rows[-1][2] == rows[-1][5] == "2.5500"
    assert rows[-2][5] == rows[-1][5]


def test_other_days_and_other_parties(page: httpx.Client) -> None:
    earlier = page.get(f"/party/{PARTY}", params={"from": "2025-10-01", "to": "2025-10-31"})
    assert earlier.status_code == 200
    assert "top-up" not in earlier.text
    for wrong in ({"from": "soon"}, {"from": "2025-11-12", "to": "2025-11-11"}, {"day": "1"}):
        assert page.get(f"/party/{PARTY}", params=wrong).status_code == 400
    for path in ("", "/statement.csv"):
        nobody = page.get(f"/party/<script>{path}")
        assert nobody.status_code == 404
        assert "<script>" not in nobody.text
