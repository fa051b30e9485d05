"""The trial calculator's page: forms in, pages and files out, without a browser's JavaScript and with it."""

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from clickhouse_connect.driver.client import Client
from openpyxl import Workbook, load_workbook
from playwright.sync_api import FilePayload, Page, expect

from dashboards.live.trying import Trials
from flows.rating.book import read_book
from flows.rating.settings import FILE
from flows.rating.trial import Calculator
from tests.dashboards.test_page import LivePage, browser_page
from tests.lifecycle.world import tariff
from tests.rating.material import NETWORK, book_toml
from tests.servers.store import Store
from tests.servers.web import get, post

__all__ = ["browser_page", "url"]

FACTS = {"from": "SHC", "to": "西安D网点", "product": "标快", "kg": "2.5", "date": "2025-11-11"}


@pytest.fixture(scope="module")
def url(books: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's address, on a store with the example's books."""
    with LivePage(tmp_path_factory.mktemp("page"), books) as page:
        assert isinstance(page, LivePage)
        yield page.url


def send(url: str, name: str, content: bytes, **fields: str) -> httpx.Response:
    """Upload a table as a browser does."""
    return post(f"{url}try/table", files={"table": (name, content)}, data=fields, timeout=60)


def test_a_parcel_is_priced_step_by_step(url: str) -> None:
    assert 'href="/try"' in get(url).text
    empty = get(f"{url}try")
    assert empty.status_code == 200
    assert tariff().version in empty.text
    answer = get(f"{url}try", params={**FACTS, "fee": "transit"})
    assert answer.status_code == 200
    for part in ("5.25 元", "续重", "Continued weight", "transit-2025.csv", 'value="西安D网点"'):
        assert part in answer.text
    every = get(f"{url}try", params={**FACTS, "book": tariff().version}).text
    assert "面单费" in every
    assert "派费" in every
    assert "不产生的费用" not in every, "the book has no other fees"


def test_fees_that_such_a_parcel_does_not_owe_are_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = {"shape": '"flat"', "file": '"price.csv"', "effective_from": "2025-01-01"}
    text = book_toml(*({**flat, "fee": f'"{fee}"'} for fee in ("late", "waybill")))
    book = read_book({FILE: text, "price.csv": "price\n3.00\n"}, NETWORK)
    monkeypatch.setattr(Trials, "_of", lambda *_: Calculator([book], NETWORK))
    page = Trials().page(client, {name: FACTS[name] for name in ("from", "to")})
    assert [one["title"][0] for one in page["answers"]] == ["面单费"]
    ((address, *title),) = page["others"]
    assert title == ["时效罚款", "penalty for lateness"]
    (one,) = Trials().page(client, dict(parse_qsl(urlsplit(address).query)))["answers"]
    assert (one["title"][0], one["amount"]) == ("时效罚款", "3.00")


def test_the_form_offers_what_there_is(url: str) -> None:
    text = get(f"{url}try").text
    title = "origin outlet, or the store, by code or name"
    assert f'name="from" value="" placeholder="SHC" title="{title}" autocomplete="off"' in text
    for part in (
        'list="choices-to"',
        '<option value="SHC" label=',
        '<option value="transit" label="中转费 transit fee">',
        '<option value="return" label="退件">',
    ):
        assert part in text


def test_what_cannot_be_understood_is_said(url: str) -> None:
    answer = get(f"{url}try", params={**FACTS, "from": "<script>alert(1)</script>"})
    assert answer.status_code == 400
    assert "is no outlet" in answer.text
    assert "<script>alert" not in answer.text
    assert get(f"{url}try", params={**FACTS, "book": "none"}).status_code == 400
    nothing = get(f"{url}try", params={**FACTS, "date": "2020-01-01", "product": ""})
    assert nothing.status_code == 200
    assert "起才有" in nothing.text
    for part in ("未填写，按此计算", "Not said, taken as", "product none"):
        assert part in nothing.text


def test_a_table_of_parcels(url: str) -> None:
    answer = send(
        url, "表.csv", "始发网点,to,kg,日期\nSHC,XAD,2.5,2025-11-11\nSHC,nowhere,1,\n".encode(), fee="transit"
    )
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="answers.csv"'
    header, first, second = answer.content.decode("utf-8-sig").splitlines()
    assert header.startswith("始发网点,to,kg,日期,amount,")
    assert first.startswith("SHC,XAD,2.5,2025-11-11,5.25,transit-2025.csv:2,")
    assert second.endswith("to: 'nowhere' is no outlet of the network")


def test_a_table_as_chinese_excel_saves_it(url: str) -> None:
    table = "始发网点,to,费用,日期,备注\nSHC,XAD,waybill,2025-11-11,加急\n"
    answer = send(url, "表.csv", table.encode("gbk"))
    _, first = answer.content.decode("utf-8-sig").splitlines()
    assert first.startswith("SHC,XAD,waybill,2025-11-11,加急,")
    assert first.endswith(","), "no error"


def test_a_workbook_of_parcels(url: str) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (
        ["from", "to", "kg", "fee", "date"],
        ["SHC", "XAD", 2.5, "transit", "2025-11-11"],
        ["SHC", "XAD", "=1+1", "transit"],
    ):
        book.active.append(row)
    target = io.BytesIO()
    book.save(target)
    answer = send(url, "表.XLSX", target.getvalue())
    assert answer.status_code == 200
    sheet = load_workbook(io.BytesIO(answer.content)).worksheets[0]
    _, first, second = sheet.iter_rows(values_only=True)
    assert first[:6] == ("SHC", "XAD", 2.5, "transit", first[4], 5.25)
    assert "formula" in str(second[-1])


@pytest.mark.parametrize(
    ("name", "content", "status", "says"),
    [
        ("a.csv", b"from,to,chanel\nSHC,XAD,taobao\n", 400, "the nearest is channel"),
        ("a.csv", b"\xff\xfe", 400, "UTF-8"),
        ("a.xlsx", b"from,to\n", 400, "cannot be read"),
        ("a.csv", b"from\n" + b"SHC\n" * 50_001, 400, "50000"),
        ("a.csv", b"x" * (11 << 20), 413, "10 MB"),
    ],
)
def test_a_table_that_is_none_or_too_large(
    url: str, name: str, content: bytes, status: int, says: str
) -> None:
    answer = send(url, name, content, fee="transit")
    assert (answer.status_code, says in answer.text, "Traceback" in answer.text) == (status, True, False)


def test_a_form_without_a_table(url: str) -> None:
    assert post(f"{url}try/table", data={"book": ""}).status_code == 400
    assert get(f"{url}try/table").status_code == 405


LONG = "from,to,kg,fee,date\n" + "SHC,XAD,2.5,transit,2025-11-11\n" * 20_000 + "nowhere,XAD,1,transit,\n"


def uploaded(page: Page, content: str) -> None:
    """Choose a table and send it."""
    table = FilePayload(name="表.csv", mimeType="text/csv", buffer=content.encode())
    page.locator("input[type=file]").set_input_files(table)
    page.get_by_role("button", name="上传").click()


def test_a_long_table_tells_how_far_it_is(url: str, browser_page: Page) -> None:
    page, wrong = browser_page, list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{url}try")
    page.evaluate(
        "seen = []; new MutationObserver(() => seen.push(document.querySelector('[role=status]').textContent))"
        ".observe(document.getElementById('progress'), { subtree: true, childList: true })"
    )
    with page.expect_download(timeout=0) as downloaded:
        uploaded(page, LONG)
    answers = Path(downloaded.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert (downloaded.value.suggested_filename, len(answers)) == ("answers.csv", 20_002)
    assert "is no outlet" in answers[-1]
    done = (
        "已完成 20,001 行 rows done · 1 行有错误，见 error 列 with an error, see column error · answers.csv"
    )
    expect(page.get_by_role("status")).to_have_text(done)
    told = [text.split(" ")[0].replace(",", "") for text in page.evaluate("seen") if "/ 20,001 行" in text]
    rows = list(map(int, told))
    assert any(0 < one < 20_001 for one in rows)
    assert rows == sorted(rows)
    expect(page.get_by_role("progressbar")).to_be_hidden()
    assert not wrong


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("from,to,chanel\nSHC,XAD,taobao\n", "the nearest is channel"),
        ("from\n" + "SHC\n" * 50_001, "表格超过 50000 行"),
        ("x" * (11 << 20), "文件超过 10 MB"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_beside_it(
    url: str, browser_page: Page, content: str, says: str
) -> None:
    """The form stays as it was, and a mended table is taken."""
    page = browser_page
    page.goto(f"{url}try")
    page.get_by_placeholder("transit").last.fill("waybill")
    uploaded(page, content)
    expect(page.get_by_role("alert")).to_contain_text(says)
    expect(page.get_by_placeholder("transit").last).to_have_value("waybill")
    with page.expect_download():
        uploaded(page, "from,to,kg,date\nSHC,XAD,2.5,2025-11-11\n")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_page_whose_server_has_ended(books: Store, tmp_path: Path, browser_page: Page) -> None:
    with LivePage(tmp_path, books) as server:
        assert isinstance(server, LivePage)
        browser_page.goto(f"{server.url}try")
    uploaded(browser_page, "from,to\nSHC,XAD\n")
    expect(browser_page.get_by_role("alert")).to_contain_text("请重新上传")
    expect(browser_page.get_by_role("button", name="上传")).to_be_enabled()
