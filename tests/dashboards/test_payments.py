"""The payments part of the live page, the list of exceptions, and `waybook payments`."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Page, expect

from dashboards.live.poller import Poller
from dashboards.payments import figures, remarks, to_text
from tests.dashboards.data import fill_payments
from tests.dashboards.test_page import LivePage, browser_page
from tests.payments.world import key
from tests.servers.store import Store
from tests.servers.web import get

__all__ = ["browser_page"]


@pytest.fixture(scope="module")
def store(store: Store) -> Store:
    """Books of payments alone."""
    fill_payments(store.client())
    return store


@pytest.fixture(scope="module")
def url(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The live page on these books."""
    with LivePage(tmp_path_factory.mktemp("page"), store) as served:
        assert isinstance(served, LivePage)
        yield served.url


def test_the_live_page_shows_them(url: str, browser_page: Page) -> None:
    browser_page.goto(url)
    for name, text in {
        "paid": "125.00",
        "matched": "80.0%",
        "exceptions-open": "1",
        "channels": "125.00",
        "exceptions": "来款无对应单据",
        "cash": "其他 SHOP-7",
        "aging": "1–30 天",
    }.items():
        expect(browser_page.locator(f"#{name}")).to_contain_text(text)


def test_from_each_figure_to_what_is_behind_it(url: str, browser_page: Page) -> None:
    """Down to the payment and what told of it."""
    for name, address, text in (
        ("cash", "payments?reason=other", key("A1")),
        ("aging", "receivables?reason=1-30", "FR-1002"),
        ("channels", "payments?reason=other", key("A2")),
    ):
        browser_page.goto(url)
        browser_page.locator(f"#{name} a").click()
        browser_page.wait_for_url(f"**/{address}")
        expect(browser_page.locator("main table")).to_contain_text(text)
    browser_page.get_by_role("link", name=key("A2")).click()
    expect(browser_page.locator("main")).to_contain_text("waybook evidence ntf-")


def test_money_at_the_bank_is_of_no_channel(url: str, browser_page: Page) -> None:
    """So it leads nowhere; what is at channels does."""
    browser_page.goto(url)
    expect(browser_page.locator("#cash a")).to_have_count(1)
    seen = get(f"{url}health", timeout=60).json()
    seen["payments"]["cash"].append(["", "银行存款", "1801 CNY", "5.00", "0.00"])
    told = f"data: {msgspec.json.encode(seen).decode()}\n\n"
    browser_page.route("**/events", lambda asked: asked.fulfill(body=told, content_type="text/event-stream"))
    browser_page.goto(url)
    expect(browser_page.locator("#cash")).to_contain_text("银行存款 1801 CNY")
    expect(browser_page.locator("#cash a")).to_have_count(1)
    browser_page.unroute("**/events")


def test_why_suspense_is_negative_is_told(url: str, browser_page: Page) -> None:
    seen = get(f"{url}health", timeout=60).json()
    (clock,) = seen["payments"]["remarks"]
    assert clock.startswith("账龄与时长截至账簿时间 2025-11-13 12:00:00"), "nothing else is said"
    seen["payments"]["remarks"] = remarks([Decimal(3), Decimal("-0.01")])
    told = f"data: {msgspec.json.encode(seen).decode()}\n\n"
    browser_page.route("**/events", lambda asked: asked.fulfill(body=told, content_type="text/event-stream"))
    browser_page.goto(url)
    expect(browser_page.locator("#remarks")).to_contain_text("待核销为负：")
    expect(browser_page.locator("#remarks")).to_contain_text("refunds whose payment has not come")
    browser_page.unroute("**/events")


def test_payments_of_a_channel_are_listed(url: str) -> None:
    everything = get(f"{url}payments", timeout=60).text
    assert "account/" not in everything
    assert "reason=account" not in everything
    assert f'href="/payment/{key("A1")}"' in everything
    text = get(f"{url}payments?reason=other", timeout=60).text
    for part in (
        '<td class="when">2025-11-11 12:00:00</td>',
        f'<a href="/payment/{key("A2")}">{key("A2")}</a>',
        "其他 SHOP-7",
        "付款 <small>payment</small>",
        "收 <small>in</small>",
        '<td class="n">25.00</td><td class="n">0.00</td><td>CNY</td><td class="n">25.00</td>',
        '<td class="n">100.00</td><td class="n">0.00</td><td>CNY</td><td class="n">0.00</td>',
        "成功 <small>success</small>",
        "其他 <small>other</small> <b>2</b>",
    ):
        assert part in text, part


def test_documents_of_an_aging_bucket_are_listed(url: str) -> None:
    text = get(f"{url}receivables?reason=1-30", timeout=60).text
    for part in (
        '<a href="/payment/FR-1002">FR-1002</a></td><td>north</td><td>C-1</td>',
        '<td class="when">2025-10-30</td><td class="n">14</td><td>1–30 天 <small>1-30</small></td>',
        '<td class="n">50.00</td><td>CNY</td>',
        "1–30 天 <small>1-30</small> <b>1</b>",
    ):
        assert part in text, part
    assert "FR-1002" in get(f"{url}receivables", timeout=60).text
    assert "FR-1001" not in text


@pytest.mark.parametrize("listing", ["payments", "receivables"])
def test_what_is_no_reason_has_no_rows(url: str, listing: str) -> None:
    for reason in (
        *("nothing", "account", "current", "' OR 1=1 --", "other' OR '1' = '1", "{limit:UInt32}"),
        *("\\", "\n\t\0", "%", "<script>alert(1)</script>", "很" * 500),
    ):
        answer = get(f"{url}{listing}", params={"reason": reason}, timeout=60)
        assert answer.status_code == 200, reason
        assert "没有。" in answer.text, reason
        assert "<td" not in answer.text, reason
        assert "<script>alert" not in answer.text


def test_books_without_payments_show_nothing_of_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty: Client
) -> None:
    monkeypatch.setattr(Poller, "_run", lambda _: None)
    assert Poller(lambda: empty, tmp_path)._look(empty)["payments"] is None


def test_what_nobody_has_asked_yet_is_not_told_as_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty: Client
) -> None:
    """Everything is asked about only while somebody looks."""
    monkeypatch.setattr(Poller, "_run", lambda _: None)
    poller = Poller(lambda: empty, tmp_path)
    assert poller._look(empty, watched=False)["refused"] is None
    assert poller._look(empty)["refused"] == []
    assert poller._look(empty, watched=False)["refused"] == []


def test_exceptions_are_listed_with_what_is_suggested(url: str) -> None:
    text = get(f"{url}exceptions", timeout=60).text
    for part in (
        key("A2"),
        "来款无对应单据",
        "25.00",
        "查明来款单位后核销",
        "find out who paid",
        "没有可核销的未结单据 <small>nothing open that it could pay</small>",
        "中 medium · 出纳 cashier",
    ):
        assert part in text
    assert key("A2") not in get(f"{url}exceptions?reason=amount_over", timeout=60).text


def test_from_an_exception_to_its_payment_and_document(url: str) -> None:
    assert f'href="/payment/{key("A2")}"' in get(f"{url}exceptions", timeout=60).text
    found = get(f"{url}search?q={key('A1')}", timeout=60, follow_redirects=True)
    assert found.url.path == f"/payment/{key('A1')}"
    for part in (
        "已核销：100.00 核销 FR-1001，依据按订单号（订单号 FR-1001）",
        'href="/payment/FR-1001"',
        "waybook evidence ntf-",
    ):
        assert part in found.text
    document = get(f"{url}search?q=FR-1001", timeout=60, follow_redirects=True).text
    for part in (
        "一张单据",
        "1 已付清 paid",
        f'href="/payment/{key("A1")}"',
        "HQ 1122 应收账款 Receivables of business systems 贷 100.00",
        f"{key('A1')} → FR-1001",
    ):
        assert part in document
    unknown = get(f"{url}payment/FR-404", timeout=60)
    assert unknown.status_code == 404
    assert "没有收付款或单据 FR-404" in unknown.text


def test_decisions_that_are_not_done_are_listed(url: str) -> None:
    text = get(f"{url}decisions", timeout=60).text
    for part in ("待他人复核", "K1", f"{key('A2')} → FR-1002", "2,000.00"):
        assert part in text, part


def test_figures_in_the_terminal(store: Store) -> None:
    text = to_text(figures(store.client()))
    for part in (
        "matched 80.0%: 100.00 of 125.00 yuan, 1 of 2 payments wholly",
        "来款无对应单据 unknown_payment (中 medium)",
        "125.00  待核销          25.00  其他 SHOP-7  1815 CNY",
        "50.00 CNY         1  1–30 天 1-30",
        "north CNY: 0.8",
    ):
        assert part in text, text


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Client]:
    """A store without anything."""
    with Store(tmp_path / "empty") as server:
        assert isinstance(server, Store)
        yield server.client()
