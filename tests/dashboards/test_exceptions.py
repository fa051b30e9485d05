"""The page of exceptions: what sleeps stands apart, and all of it fits into the windows that people have."""

import re

import pytest
from markupsafe import escape
from playwright.sync_api import Page

from dashboards.grafana.finance import PANELS
from dashboards.live.app import linked
from dashboards.payments import awake, figures, to_text
from dashboards.trail import meant, one_meant, trail
from schemas.payments import Named, exception_id
from schemas.times import DAY
from tests.channels.world import NOON
from tests.dashboards.data import WrittenPayments
from tests.dashboards.test_grafana import expanded
from tests.dashboards.test_page import browser_page
from tests.dashboards.test_payments import url
from tests.payments.closes import close
from tests.payments.test_closing import TODAY
from tests.payments.world import GROUP, decided, due, key, paid, refunded
from tests.servers.store import Store
from tests.servers.web import get

__all__ = ["browser_page", "url"]

LONG = "4200002345202511110123456789"
"""Channels' numbers have no place at which they break."""


UNKNOWN = exception_id(GROUP, "unknown_payment", key(f"{LONG}-4"))


@pytest.fixture(scope="module")
def store(store: Store) -> Store:
    """Exceptions with long names, of which one sleeps."""
    books = WrittenPayments(store.client())
    books.take(
        due("FR-1001", "100.00", payer="x"),
        paid(f"{LONG}-1", "100.00", "FR-1001"),
        paid(f"{LONG}-2", "100.00", "FR-1001"),
        paid(f"{LONG}-3", "25.00", "FR-9999"),
        paid(f"{LONG}-4", "26.00", "FR-9998"),
        paid(f"{LONG}-6", "27.00", "FR-9997"),
        paid(f"{LONG}-7", "28.00", "FR-9997"),
        *(due(f"CONSIGNMENT-2025-11-11-{n:04}", "40.00", references=("FR-1002",)) for n in range(12)),
        paid(f"{LONG}-5", "120.00", "FR-1002"),
        refunded("R1", "5.00", "never-came"),
    ).until(NOON + 2 * DAY)
    asleep = exception_id(GROUP, "unknown_payment", key(f"{LONG}-3"))
    books.take(decided("ignore", "K1", exception=asleep, until=NOON + 9 * DAY))
    share = {
        "payment": key(f"{LONG}-4"),
        "document": "CONSIGNMENT-2025-11-11-0001",
        "amount_e4": 20_000_000,
    }
    books.take(decided("match", "K2", "li", shares=[share], exception=UNKNOWN, reason="电话"))
    books.take(decided("approve", "K3", "li", of="K2"))
    books.take(close("C1", TODAY, "张三", "day", Named(UNKNOWN, "客户未确认"), time=NOON + 2 * DAY))
    books.writer.close()
    return store


@pytest.mark.parametrize("width", [1400, 1000])
@pytest.mark.parametrize(
    "path", ["exceptions", "payments", "receivables", f"payment/{key(f'{LONG}-2')}", "payment/FR-1001"]
)
def test_all_of_it_is_in_the_window(url: str, browser_page: Page, path: str, width: int) -> None:
    browser_page.set_viewport_size({"width": width, "height": 900})
    browser_page.goto(f"{url}{path}")
    assert browser_page.locator("td").count() > 10
    assert browser_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    inside = "[...document.querySelectorAll('.scroll')].every((one) => one.scrollWidth <= one.clientWidth)"
    assert browser_page.evaluate(inside)


@pytest.mark.parametrize("path", [f"exception/{UNKNOWN}", "decision/K2", "close/C1"])
def test_what_is_told_of_an_id_is_in_the_window(url: str, browser_page: Page, path: str) -> None:
    browser_page.set_viewport_size({"width": 1000, "height": 900})
    browser_page.goto(f"{url}{path}")
    assert browser_page.locator("li").count()
    assert browser_page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_sleeps_stands_apart(url: str, store: Store) -> None:
    text = get(f"{url}exceptions", timeout=60).text
    awake_, asleep = text.split("<h2>暂缓")
    assert f"{LONG}-4</a>" in awake_
    assert f"{LONG}-3</a>" not in awake_
    assert f"{LONG}-3</a>" in asleep
    assert "2025-11-20 12:00:00" in asleep
    assert "已 open for " in awake_
    of_kind = get(f"{url}exceptions?reason=unknown_payment", timeout=60).text
    assert f"{LONG}-4</a>" in of_kind
    assert f"{LONG}-3</a>" not in of_kind
    assert f"{LONG}-3</a>" in get(f"{url}exceptions?reason=ignored", timeout=60).text
    seen = figures(store.client())
    assert awake(seen.exceptions) == sum(row["n"] for row in seen.exceptions) - 1
    assert "         1  暂缓 sleeps  最早 oldest" in to_text(seen)


def test_what_sleeps_stands_apart_in_grafana(store: Store) -> None:
    (panel,) = (panel for panel in PANELS if panel.title == "待处理异常 Open exceptions")
    found = [(row[0], row[3], row[4]) for row in store.client().query(expanded(panel.sql)).result_rows]
    assert ("unknown_payment", "待处理 open", 3) in found
    assert found[-1] == ("unknown_payment", "暂缓 ignored", 1)


def test_what_was_looked_at_is_linked(url: str) -> None:
    text = get(f"{url}exceptions", timeout=60).text
    assert 'href="/payment/CONSIGNMENT-2025-11-11-0006"' in text


def test_what_has_not_come_is_named_and_not_linked(url: str) -> None:
    """The payment that a refund takes back; whatever is linked has a page."""
    orphan = get(f"{url}exceptions?reason=refund_orphan", timeout=60).text
    page = get(f"{url}payment/{key('R1', 'refund')}", timeout=60).text
    for text in (orphan, page):
        assert f"{key('never-came')} <small>未到 has not come</small>" in text
        assert f'href="/payment/{key("never-came")}"' not in text
    for link in sorted(set(re.findall(r'href="(/(?:payment|exception|decision)/[^"]+)"', orphan + page))):
        assert get(f"{url}{link[1:]}", timeout=60).status_code == 200, link


@pytest.mark.parametrize(
    ("number", "kind", "parts"),
    [
        (UNKNOWN, "exception", ["来款无对应单据 unknown_payment", "核销 match K2", LONG]),
        ("K2", "decision", ["核销 match K2", "2,000.00", "li", "电话", "复核同意 approve K3", UNKNOWN]),
        ("K3", "decision", ["复核同意 approve K3", "K2"]),
        ("C1", "close", ["日结 2025-11-11", "张三", "账单应收 <small>billed</small>"]),
    ],
)
def test_an_id_of_which_people_speak_is_found(url: str, number: str, kind: str, parts: list[str]) -> None:
    found = get(f"{url}search?q={number}", timeout=60, follow_redirects=True)
    assert (found.status_code, found.url.path) == (200, f"/{kind}/{number}")
    for part in parts:
        assert part in found.text, part
    assert get(f"{url}{kind}/nothing", timeout=60).status_code == 404


def test_the_payment_that_another_repeats_is_linked(url: str) -> None:
    first, again = key(f"{LONG}-1"), key(f"{LONG}-2")
    link = f'<a href="/payment/{first}">{first}</a>'
    text = get(f"{url}exceptions?reason=duplicate_payment", timeout=60).text
    assert f"所指单据已付：{link}，100.00" in text
    assert f"what it names is paid already: {link}, 100.00" in text
    page = get(f"{url}payment/{again}", timeout=60).text
    assert f"<td>{link}</td>" in page
    assert f"重复支付：所指单据已付：{link}，100.00" in page
    assert f'href="/payment/{again}"' not in page


def test_a_document_tells_of_the_payment_that_pays_it_again(url: str, store: Store) -> None:
    again = key(f"{LONG}-2")
    asked = [step for step in trail(store.client(), "FR-1001") if step.label == "差异 exception"]
    assert [step.other for step in asked] == [again]
    assert f"待处理 open  100.00  {again}  所指单据已付" in asked[0].text
    assert f'<a href="/payment/{again}">' in get(f"{url}payment/FR-1001", timeout=60).text


@pytest.mark.parametrize("number", [f"{LONG}-3", "FR-9999"])
def test_a_payment_is_found_by_a_number_alone(url: str, store: Store, number: str) -> None:
    """A customer tells the channel's number, or ours of an order that never came."""
    found = get(f"{url}search?q={number}", timeout=60, follow_redirects=True)
    assert found.status_code == 200
    assert found.url.path == f"/payment/{key(f'{LONG}-3')}"
    assert one_meant(store.client(), number) == key(f"{LONG}-3")


def test_a_number_of_several_payments_names_them(url: str, store: Store) -> None:
    both = [key(f"{LONG}-6"), key(f"{LONG}-7")]
    found = get(f"{url}search?q=FR-9997", timeout=60, follow_redirects=True)
    assert found.status_code == 300
    assert all(f'href="/payment/{one}"' in found.text for one in both)
    with pytest.raises(LookupError, match=", ".join(both)):
        one_meant(store.client(), "FR-9997")
    assert meant(store.client(), "") == []


@pytest.mark.parametrize("text", ["<b>", "a/b/c", "bank/a/payment/", "x: bank/a/paid/1"])
def test_what_names_no_payment_is_told_as_it_is(text: str) -> None:
    assert linked(text) == escape(text)


def test_a_payment_is_linked_wherever_it_stands() -> None:
    for text in ("（bank/a/refund/1/2）", "x; bank/a/refund/1/2, 3.00"):
        assert '<a href="/payment/bank/a/refund/1/2">bank/a/refund/1/2</a>' in linked(text)
    assert "<" not in linked("bank/a/refund/1/2: 3.00", "bank/a/refund/1/2")
