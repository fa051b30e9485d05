"""A stay's page, the list of what is in the store, and `waybook explain` of a stay."""

from collections.abc import Iterator

import httpx
import pytest

from deploy.explain import explain
from schemas.events import StayOpened
from tests.audit.stays import Books
from tests.dashboards.test_page import LivePage
from tests.servers.store import Store
from tests.storage.world import HAUL, STAY, happening, haul, month, story


@pytest.fixture(scope="module")
def store(store: Store) -> Store:
    """Books with goods that are in the store, and some that have left."""
    books = Books(store.client()).until("11日09:00")
    books.take(*story("11日08:00 入库 按托盘 12板 9000公斤 冷冻 库区B1；11日08:20 计量 8900.5公斤"))
    gone = [happening(words, "S2") for words in ("11日08:00 入库 按托盘 1板 冷冻", "12日08:00 出库")]
    assert isinstance(gone[0], StayOpened)
    books.until("12日09:00").take(*gone).until("16日00:00")
    books.take(happening("16日00:00 入库 C-MEAT 冷冻 按重量", "S3"))
    books.take(haul("15日09:00 同城配送 冷冻 4.2m"), month("10", "310.50", at="15日12:00"))
    books.writer.close()
    return store


@pytest.fixture(scope="module")
def page(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The live page on these books."""
    with LivePage(tmp_path_factory.mktemp("page"), store) as served:
        assert isinstance(served, LivePage)
        with httpx.Client(base_url=served.url, verify=False, timeout=60) as client:
            yield client


def test_what_is_in_the_store_and_what_it_has_cost(page: httpx.Client, store: Store) -> None:
    text = page.get("/stays").text
    for part in (f'href="/parcel/{STAY}"', "C-FISH", "C-MEAT", "648.00", "2025-11-11 08:00:00"):
        assert part in text
    assert "S2" not in text
    assert STAY not in page.get("/stays", params={"reason": "C-MEAT"}).text
    rows = (
        store.client()
        .query("SELECT stay, customer, pallets, days, accrued FROM open_stay ORDER BY stay")
        .result_rows
    )
    assert [(*row[:4], float(row[4])) for row in rows] == [
        (STAY, "C-FISH", 12, 5, 648.0),
        ("S3", "C-MEAT", -1, 0, 0.0),
    ]


def test_a_stay_s_page_shows_its_events_and_each_day_s_price(page: httpx.Client) -> None:
    text = page.get(f"/parcel/{STAY}").text
    for part in (
        "在库批次 S1",
        "入库 entry",
        "12 板",
        "8900.5 公斤",
        "2025-11-14",
        "本日 54.00 元",
        "仓储费",
    ):
        assert part in text, part
    assert "已出库" in page.get("/parcel/S2").text


def test_a_haul_and_a_month_explain_themselves(page: httpx.Client, store: Store) -> None:
    for name, parts in (
        (HAUL, ("运输 H1", "同城配送费", "2025-11-15", "C-FISH", "冷冻 frozen", "350.00")),
        ("C-FISH:2025-10", ("客户月 C-FISH:2025-10", "310.50", "仓储月保底", "189.50")),
    ):
        text, told = page.get(f"/parcel/{name}").text, explain(name, store.client())
        for part in parts:
            assert part in text, part
            assert part in told, part


def test_explain_in_the_terminal(store: Store) -> None:
    text = explain(STAY, store.client())
    for part in (
        "在库批次 S1",
        "入库 entry",
        "仓储费 storage 2025-11-15",
        "此前各天已计 54.00 元，本日 54.00 元",
        "2101",
    ):
        assert part in text, part
    assert "缺少板数、体积或重量" in explain("S3", store.client())
