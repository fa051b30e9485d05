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

PARTIES = """
INSERT INTO party (seq, line, version, party, kind, name, parent, legal_entity, settlement_account, first_day, last_day)
SELECT s.1, n, s.2, ['HQ', 'CY-1'][n], ['headquarters', 'carrier'][n], ['总部', '顺达物流'][n], ['', 'HQ'][n],
       ['', '顺达物流有限公司'][n], ['', '****0123'][n], ['1970-01-01', '2025-07-01'][n], '2149-06-06'
FROM (SELECT argMax((seq, version), (seq, line)) AS s FROM site) AS newest
CROSS JOIN (SELECT arrayJoin([1, 2]) AS n) AS two"""


HANDED_OVER = """
INSERT INTO operator (seq, line, change_id, kind, outlet, party, first_day) VALUES
(1, 900, 'h1', 'party_transferred', 'XAD', 'SHA', '2025-11-12'),
(1, 901, 'h2', 'parties_merged', 'XAD', 'SHB', '2025-11-13'),
(1, 902, 'h3', 'parties_merged', 'SHA', 'SHB', '2025-11-14'),
(1, 903, 'h4', 'handover_withdrawn', 'SHA', 'SHB', '2025-11-14'),
(1, 904, 'h5', 'party_transferred', 'SHA', '无锡', '2025-11-14')"""


@pytest.fixture(scope="module")
def page(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The page on books in which an outlet has paid 10.05 yuan in, bought tape and sent a parcel."""
    both = Both(store.client())
    both.ask(command("top_up", "c1", amount_e4=100_500))
    both.ask(command("purchase", "p1", item="胶带", quantity=4))
    both.books.block((topics.TICKS.name, 0, tick(START + HOUR)))
    for event in events_of(WHOLE):
        both.hear(both.parcel(event))
    both.close()
    store.client().command(PARTIES)
    store.client().command(HANDED_OVER)
    with LivePage(tmp_path_factory.mktemp("page"), store) as served:
        assert isinstance(served, LivePage)
        with httpx.Client(base_url=served.url, verify=False, timeout=60) as client:
            yield client


def test_what_an_outlet_has_and_how_it_came(page: httpx.Client) -> None:
    text = page.get(f"/party/{PARTY}").text
    for part in ("现金账户 cash", "<b>2.55</b>", "<b>20.00</b>授信额度", "充值 top-up  c1", "期末 closing"):
        assert part in text
    assert "物料采购 purchase  胶带 × 4  p1" in text
    assert WAYBILL not in text
    assert "起并入" not in text


def test_who_took_an_outlet_over_and_since_when(page: httpx.Client) -> None:
    text = page.get("/party/XAD").text
    assert "2025-11-12 起由 SHA 经营: run by it from that day on" in text
    assert "2025-11-13 起并入 SHB: absorbed by it from that day on" in text
    assert "已撤回" not in text
    text = page.get("/party/SHA").text
    assert "2025-11-14 起并入 SHB: absorbed by it from that day on （已撤回 withdrawn）" in text
    assert "2025-11-14 起由 无锡 经营: run by it from that day on</p>" in text


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


def test_where_a_party_stands_in_the_network(page: httpx.Client) -> None:
    """Also one that keeps no virtual accounts; a settlement account is masked when it is written."""
    assert "组织关系" not in page.get(f"/party/{PARTY}").text, "parties.csv does not name it"
    found = page.get("/search", params={"q": "CY-1"}, follow_redirects=False)
    assert found.headers["location"].endswith("/party/CY-1")
    carrier = page.get("/party/CY-1").text
    for part in (
        "承运商 carrier",
        "顺达物流有限公司",
        "****0123",
        '<a href="/party/HQ">总部 HQ</a>',
        "2025-07-01",
    ):
        assert part in carrier
    assert "对账单" not in carrier
    assert "下级 members: 承运商 carrier 1" in page.get("/party/HQ").text
    assert page.get("/party/CY-1/statement.csv").status_code == 404


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
