"""The live page in a real browser, the parcel's page, and the same in the terminal."""

import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from dashboards.live.parcel import timeline
from dashboards.queries import story
from deploy.explain import explain
from deploy.terminal import width
from deploy.weights import cases
from schemas.settings import Settings, to_environment
from tests.dashboards.data import CORRECTED, DECIDED, LONELY, NASTY, fill
from tests.lifecycle.world import WAYBILL
from tests.servers.install import ROOT, path_of
from tests.servers.process import Server
from tests.servers.store import Store
from tests.servers.web import get


class LivePage(Server):
    """The page's process."""

    forks = True

    def __init__(self, directory: Path, store: Store, *more: str) -> None:
        super().__init__(directory)
        self.more = more
        self.settings = Settings(clickhouse=store.url, home=directory)

    def command(self) -> list[str]:
        """On any free port."""
        serve = [sys.executable, "-m", "dashboards.live", "--port-file", str(self.directory / "address")]
        return [*serve, *self.more]

    def environment(self) -> dict[str, str]:
        """The store's address."""
        return {**super().environment(), **to_environment(self.settings), "PYTHONPATH": str(ROOT)}

    @property
    def url(self) -> str:
        """Where it is."""
        return (self.directory / "address").read_text()

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return get(f"{self.url}health").status_code == 200
        except (OSError, httpx.TransportError):
            return False


def counts_of(page: LivePage) -> dict[str, object]:
    """What the page has added up."""
    counts: dict[str, object] = get(f"{page.url}health").json()["counts"]
    assert counts
    return counts


@pytest.fixture(scope="module")
def url(books: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's address."""
    with LivePage(tmp_path_factory.mktemp("page"), books) as page:
        assert isinstance(page, LivePage)
        yield page.url


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    """A page of headless Chromium that may speak to this machine only; it remembers whom it asked."""
    chromium = path_of("chromium")
    assert chromium is not None, "Chromium is not installed: python -m tests.servers.install"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        yield page
        browser.close()


def test_numbers_arrive_and_a_parcel_explains_itself(url: str, browser_page: Page) -> None:
    page, asked, wrong = browser_page, list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(url)
    expect(page.locator("#events")).to_have_text("15")
    assert page.locator("#order").text_content() == "2"
    assert "中转费" in str(page.locator("#fees").text_content())
    assert "缺少订单" in str(page.locator("#waiting").text_content())
    assert "不是 JSON" in str(page.locator("#refused").text_content())
    page.get_by_role("link", name=WAYBILL).first.click()
    page.wait_for_url(f"**/parcel/{WAYBILL}")
    text = page.locator("main").inner_text()
    for part in ("5.25", "采信", "transit-2025.csv", "2101 应付总部款", "分拨"):
        assert part in text
    assert all(address.startswith((url, "data:")) for address in asked)
    assert not wrong


def test_narrow_windows_do_not_scroll_sideways(url: str, browser_page: Page) -> None:
    browser_page.set_viewport_size({"width": 390, "height": 800})
    for path in ("", f"parcel/{WAYBILL}"):
        browser_page.goto(f"{url}{path}")
        assert browser_page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), path
    browser_page.set_viewport_size({"width": 1280, "height": 1000})


def test_a_correction_shows_both_charges(url: str) -> None:
    text = get(f"{url}parcel/{CORRECTED}").text
    assert "红字冲销" in text
    assert "已冲销" in text
    assert "-15.00" in text


def test_a_conflict_shows_both_contents(url: str) -> None:
    text = get(f"{url}parcel/{WAYBILL}").text
    assert "同一编号内容不同" in text
    assert "先到的同号事件" in text


def test_what_waits_says_why(url: str) -> None:
    assert "缺少订单" in get(f"{url}parcel/{LONELY}").text


def test_a_decision_names_who_decided_though_nothing_else_is_known(url: str, books: Store) -> None:
    page, text = get(f"{url}parcel/{DECIDED}"), explain(DECIDED, books.client())
    assert page.status_code == 200
    for told in (page.text, text):
        for part in ("重量裁决", "改定为 3,000 g", "it weighs 3,000 g", "by 王会计", "复称", "d1"):
            assert part in told


def test_nothing_from_outside_runs(url: str) -> None:
    answer = get(f"{url}parcel/{NASTY}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert get(f"{url}parcel/%3Cscript%3E").status_code == 404
    assert get(f"{url}parcel/'; DROP TABLE event").status_code == 404


def test_lists_by_reason_and_page_by_page(url: str) -> None:
    waiting = get(f"{url}waiting", params={"reason": "no_order"})
    assert LONELY in waiting.text
    assert LONELY not in get(f"{url}waiting", params={"reason": "no_price"}).text
    assert LONELY not in get(f"{url}waiting", params={"page": "2"}).text
    assert get(f"{url}waiting", params={"page": "-1' OR 1"}).text == get(f"{url}waiting").text
    breaches = get(f"{url}breaches", params={"reason": "signed"}).text
    assert LONELY in breaches
    assert "揽收后未签收" in breaches
    assert WAYBILL not in breaches
    assert LONELY not in get(f"{url}breaches", params={"reason": "sent"}).text
    cases = get(f"{url}weight-cases", params={"reason": "charge"}).text
    assert CORRECTED in cases
    assert "9,000 g" in cases
    assert WAYBILL not in cases
    letters = get(f"{url}dead-letters").text
    assert "不是 JSON" in letters
    assert NASTY in letters
    assert "&lt;script&gt;alert(1)" in letters
    assert "<script>alert" not in letters
    conflicts = get(f"{url}dead-letters", params={"reason": "conflicting_duplicate"}).text
    assert WAYBILL in conflicts
    assert NASTY not in conflicts


def test_lines_that_earn_and_lose(url: str) -> None:
    """A hub's cost, of which one parcel bears all, leaves something of what its line was charged."""
    text = get(f"{url}lines").text
    for part in ("上海市→陕西省", "310000-610000", ">12.00<", "盈利 <small>earns</small>", "4.0 %"):
        assert part in text
    assert "310000-610000" in get(f"{url}lines?reason=earns").text
    assert "Nothing here" in get(f"{url}lines?reason=loses").text


def test_times_are_shanghai_s(url: str) -> None:
    """The first event of the example is at 00:00 UTC."""
    assert "<time>2025-11-11 08:00:00</time>" in get(f"{url}parcel/{WAYBILL}").text


def test_search_leads_to_the_parcel(url: str) -> None:
    answer = get(f"{url}search", params={"q": f" {WAYBILL} "})
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(f"/parcel/{WAYBILL}")
    lower = get(f"{url}search", params={"q": WAYBILL.lower()})
    assert lower.headers["location"] == answer.headers["location"]
    party = get(f"{url}search", params={"q": "SHC"})
    assert party.headers["location"].endswith("/party/SHC")
    assert get(f"{url}search", params={"q": " "}).headers["location"] == "/"


def test_anomalies_are_counted_and_listed(url: str, browser_page: Page) -> None:
    browser_page.goto(url)
    expect(browser_page.locator("#anomalies")).to_contain_text("地址与网点不符")
    browser_page.locator("#anomalies a").first.click()
    browser_page.wait_for_url("**/anomalies?reason=place_mismatch")
    text = browser_page.locator("main").inner_text()
    for part in (CORRECTED, "310100", "330100"):
        assert part in text
    assert CORRECTED not in get(f"{url}anomalies", params={"reason": "stay_not_ended"}).text


def test_the_newest_date_is_today_and_provinces_are_shown_by_date(url: str, browser_page: Page) -> None:
    browser_page.goto(url)
    expect(browser_page.locator("#fees")).to_contain_text("今天 today 2025-11-1")
    head = browser_page.locator("#provinces tr").first.locator("th")
    row = browser_page.locator("#provinces tr").nth(1).locator("td")
    assert head.count() == row.count() == 1 + browser_page.locator("#fees tr").first.locator("th.n").count()


def test_a_lane_that_stands_still_is_shown(url: str, browser_page: Page) -> None:
    """The books of these tests were written once: ten seconds later their lane stands still."""
    browser_page.goto(url)
    expect(browser_page.locator("#still")).to_contain_text("泳道 0", timeout=30_000)
    assert get(f"{url}health").json()["lanes"][0]["still"]


def test_of_an_ended_demo_it_is_said_that_nothing_runs(
    books: Store, url: str, browser_page: Page, tmp_path: Path
) -> None:
    """Nothing is wrong there that a banner of lanes that stand still would have to name."""
    with LivePage(tmp_path / "ended", books, "--ended") as page:
        assert isinstance(page, LivePage)
        while not get(f"{page.url}health").json().get("lanes", [{}])[0].get("still"):
            time.sleep(0.3)
        browser_page.goto(page.url)
        expect(browser_page.locator("#events")).to_have_text("15")
        for part in ("演示已结束", "This demo has ended", "make demo"):
            expect(browser_page.locator("#ended")).to_contain_text(part)
        expect(browser_page.locator("#still")).to_be_hidden()
    assert "演示已结束" not in get(url).text


def test_the_page_has_metrics_of_its_own(url: str) -> None:
    text = get(f"{url}metrics").text
    assert "waybook_page_snapshot_age_seconds" in text
    assert "waybook_page_store_away 0.0" in text


def test_a_store_that_hangs_is_shown_as_old(tmp_path: Path, browser_page: Page) -> None:
    with Store(tmp_path / "store") as store:
        assert isinstance(store, Store)
        fill(store.client())
        with LivePage(tmp_path / "page", store) as page:
            assert isinstance(page, LivePage)
            browser_page.goto(page.url)
            expect(browser_page.locator("#events")).to_have_text("15")
            assert store.process is not None
            store.process.send_signal(signal.SIGSTOP)
            try:
                expect(browser_page.locator("#away")).to_contain_text("没有回答", timeout=30_000)
                assert get(f"{page.url}health").json()["age"] > 3
                expect(browser_page.locator("#away")).to_contain_text("暂时无法访问", timeout=60_000)
            finally:
                store.process.send_signal(signal.SIGCONT)
            expect(browser_page.locator("#away")).to_be_hidden(timeout=60_000)
            browser_page.goto("about:blank")


def test_a_store_that_is_away_is_said_and_waited_for(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store:
        assert isinstance(store, Store)
        fill(store.client())
        with LivePage(tmp_path / "page", store) as page:
            assert isinstance(page, LivePage)
            while "away" in get(f"{page.url}health").json():
                time.sleep(0.05)
            before = counts_of(page)
            store.kill()
            while "away" not in get(f"{page.url}health").json():
                time.sleep(0.05)
            for path in (f"parcel/{WAYBILL}", "waiting", "breaches", "weight-cases", "dead-letters"):
                answer = get(f"{page.url}{path}")
                assert answer.status_code == 503
                assert "Traceback" not in answer.text
            store.start()
            while "away" in get(f"{page.url}health").json():
                time.sleep(0.05)
            assert counts_of(page) == before
            assert get(f"{page.url}parcel/{WAYBILL}").status_code == 200


def test_orders_tell_what_prices_look_at(url: str, books: Store) -> None:
    """Product, customer and what an order says besides, in both languages, in the terminal and on the page."""
    ordinary = (
        "产品 标快 standard，客户 C1，客户支付运费 12.00 元",
        "product 标快 standard, customer C1",
    )
    for waybill, told in (
        (WAYBILL, ordinary),
        (CORRECTED, ("客户支付运费 12.00 元，件数 2 件，渠道 淘宝", "pieces 2 pieces, channel taobao")),
    ):
        text, page = explain(waybill, books.client()), get(f"{url}parcel/{waybill}").text
        assert all(said in text and said in page for said in told)
    assert "渠道" not in explain(WAYBILL, books.client())


def test_cases_beyond_those_that_are_listed_are_told_of(books: Store) -> None:
    found = list(cases(books.client(), only_open=False))
    assert any(CORRECTED in line for line in found)
    *shown, last = cases(books.client(), only_open=False, limit=len(found) - 1)
    assert shown == found[:-1]
    assert "/weight-cases of the page has all" in last


def test_of_a_parcel_that_waits_for_a_weight_none_is_in_force(books: Store) -> None:
    """`adopted_weight` has no row that says so: a later order or policy left it without one."""
    found = story(books.client(), CORRECTED)
    lacking = msgspec.structs.replace(found, waiting=[{"fee": "transit", "why": "no_weight"}])
    for told, in_force in ((found, 1), (lacking, 0)):
        marks = [event["mark"] for event in timeline(told)]
        assert sum(mark.startswith("采信：") for mark in marks) == in_force
        assert any("曾采信，现无采信重量" in mark for mark in marks) == (not in_force)


def test_explain_in_the_terminal(books: Store) -> None:
    text = explain(WAYBILL, books.client())
    for part in (
        "5.25",
        "1.00",
        "1.20",
        "揽收",
        "transit-2025.csv 第 2 行",
        "2101 应付总部款",
        "conflicting_duplicate",
    ):
        assert part in text
    for part in (
        "上海分拨中心（上海市，HQ）",
        "未采信 — passed over",
        "设备 device D1",
        "waybook.devices:0@4001",
        "价格手册 book 测试价格手册",
    ):
        assert part in text
    corrected = explain(CORRECTED, books.client())
    for part in (
        "红字冲销",
        "地址与网点不符",
        "应为 expected 310100",
        "分拨中心 DWS 2,500 g ≠ 网点电子秤 9,000 g",
        "曾采信，已被取代",
    ):
        assert part in corrected
    lonely = explain(LONELY, books.client())
    assert "缺少订单" in lonely
    (broken,) = (line for line in lonely.splitlines() if "揽收后未签收" in line)
    assert "未关闭 open" in broken
    assert re.search(r"自 since 2025-11-11 (\S+)  限至 due 2025-11-12 \1", broken), "24 hours"
    assert explain("YT7599999999999", books.client()) == ""
    assert width("面单费 a") == 8
