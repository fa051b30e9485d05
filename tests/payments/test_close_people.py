"""How people close days: what they are told, what they name, what a report says when it is opened again."""

import io
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from openpyxl import load_workbook
from pypdf import PdfReader

from dashboards.closes import items
from dashboards.live import app
from dashboards.payments import figures, to_text
from dashboards.records import record
from deploy import cashier
from deploy.commands import closes
from deploy.reconciliation import closing
from deploy.reconciliation.close_report import SUMMED_HEAD, Report, Section, report_of, to_excel
from deploy.reconciliation.closing import Account
from deploy.reconciliation.pdf import to_pdf
from schemas.payments import CloseAsked, Named, Period
from schemas.settings import Settings
from schemas.times import DAY
from tests.bills.lane import parts
from tests.channels.world import NOON, world
from tests.channels.world import told as told_by
from tests.dashboards.served import served
from tests.deploy.command import waybook
from tests.payments.closes import day
from tests.payments.world import GROUP, due, paid, refunded
from tests.payments.written import Written, written
from tests.servers.fixtures import Maker
from tests.servers.store import Store

SHOP = Account("other", "SHOP-7")
REASON = "=客户未确认 <b>&"
"""Neither a formula nor markup."""


@pytest.fixture(scope="module")
def store(lasting_store: Store) -> Written:
    """Books in a store: a day is closed with something open, and what came late is booked on the next one."""
    made = written(lasting_store)
    made.take(
        due("FR-1001", "100.00"),
        paid("A1", "100.00", "FR-1001", fee_e4=6_000),
        paid("A2", "7.00", "FR-7777"),
    ).until(NOON + DAY)
    return made


def asked(client: Client, on: str, by: str = "张三", period: Period = "day", *names: Named) -> CloseAsked:
    """A command as `waybook close` makes it."""
    return closing.closing(client, GROUP, SHOP, period, closing.span(period, on), names, by)


def told(store: Written, event: Any) -> tuple[bool, str]:
    """What people are told of a command."""
    store.take(event)
    done, lines = closing.became(store.client, event)
    return done, "\n".join(lines)


@pytest.fixture(scope="module")
def closed(store: Written) -> Written:
    """The day is closed, and the week: as people do it, step by step."""
    assert closing.accounts(store.client, GROUP) == [SHOP]
    done, said = told(store, asked(store.client, "2025-11-11"))
    assert not done
    number = store.exception("unknown_payment")
    assert f"未列明的差异 exception_open: {number}" in said
    assert "other/SHOP-7/payment/A2  7.00 CNY  未列明" in said
    done, said = told(store, asked(store.client, "2025-11-11", "张三", "day", Named(number, REASON)))
    assert done
    assert "已结 closed" in said
    store.take(due("FR-1002", "40.00"), paid("A3", "40.00", "FR-1002"))
    store.until(NOON + 6 * DAY)
    done, said = told(store, asked(store.client, "2025-11-16", "张三"))
    assert not done
    assert "earlier_open: 2025-11-12" in said
    for on in ("2025-11-12", "2025-11-16"):
        done, said = told(store, asked(store.client, on, "李四"))
        assert done, said
    done, said = told(store, asked(store.client, "2025-11-13", "李四", "week"))
    assert done, said
    return store


def test_closes_are_listed_and_shown(closed: Written) -> None:
    listed = list(closing.listing(closed.client))
    assert len(listed) == 5
    assert "日结  2025-11-11  2025-11-11  other         SHOP-7" in listed[1]
    assert f"  {GROUP}  " in listed[1].partition("张三")[2].replace("       ", "  ")
    rows = closing.standing(closed.client, GROUP, "week")
    assert len(rows) == 1
    shown = "\n".join(closing.showing(closed.client, rows[0]["close_id"]))
    assert "周结 2025-11-10 .. 2025-11-16  other/SHOP-7  north" in shown
    assert "147.00" in shown
    assert REASON in shown
    assert sum(1 for _ in closing.history(closed.client, GROUP)) == 6
    with pytest.raises(LookupError, match="no close"):
        list(closing.showing(closed.client, "close-1"))


def sheets(raw: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """A workbook, opened again."""
    return {sheet.title: list(sheet.values) for sheet in load_workbook(io.BytesIO(raw))}


@pytest.fixture
def report(closed: Written) -> Report:
    """Of the week."""
    return report_of(closed.client, [], GROUP, "week", "2025-11-10")


def test_closes_have_a_page_that_leads_to_each(
    closed: Written, lasting_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "Poller", lambda *_: None)
    (week,) = closing.standing(closed.client, GROUP, "week")
    everything, weeks = (served(lasting_store, tmp_path, f"/closes{asked}") for asked in ("", "?reason=week"))
    assert [page.count('<a href="/close/') for page in (everything, weeks)] == [4, 1]
    assert f'<a href="/close/{week["close_id"]}">周结 2025-11-10 – 2025-11-16</a>' in weeks
    assert "日结 2025-11-11</a>" in everything
    assert '<td class="n">107.00</td>' in everything


def test_a_workbook_tells_figures_days_what_is_open_and_what_came_late(
    report: Report, closed: Written
) -> None:
    found = sheets(raw := to_excel(report))
    head, line = found["结账 Closes"]
    row = dict(zip(head, line, strict=True))
    assert (row["渠道"], row["商户"], row["起"].date()) == ("其他", "SHOP-7", date(2025, 11, 10))
    assert (row["收款"], row["手续费"], row["收款已核销"]) == (147, pytest.approx(0.6), 140)
    assert (row["期末待核销"], row["未了事项"]) == (7, 7)
    days = [dict(zip(found["按日 By day"][0], line, strict=True)) for line in found["按日 By day"][1:]]
    assert [(one["日"].day, one["收款"]) for one in days] == [(11, 107), (12, 40), (16, 0)]
    head, line = found["未了 Open"]
    item = dict(zip(head, line, strict=True))
    assert item["差异号"] == closed.exception("unknown_payment")
    assert (item["种类"], item["金额"], item["原因"]) == ("来款无对应单据", 7, REASON)
    late = [tuple(line[2:]) for line in found["补记 Late"][1:]]
    assert [(one[0].day, one[1].day, *one[2:]) for one in late] == [
        (12, 11, "渠道收款", 1, 40),
        (12, 11, "应收核销", 1, 40),
    ]
    assert [line[4] for line in found["数字 Figures"][1:] if line[3] == "received"] == [3]
    assert found["说明 Remarks"] == [("渠道", "商户", "止", "说明")], (
        "nothing is said where no figure wants it"
    )
    assert raw == to_excel(report), "the same closes give the same bytes"


def test_columns_of_a_workbook_show_what_is_in_them(report: Report) -> None:
    """Excel shows a date as #### where it has no room, and its usual columns have room for eight digits."""
    book = load_workbook(io.BytesIO(to_excel(report)))
    for sheet in book:
        assert sheet.freeze_panes == "A2"
    days = book["按日 By day"]
    widths = {cell.value: days.column_dimensions[cell.column_letter].width for cell in days[1]}
    assert widths["日"] > len("2025-11-11")
    assert widths["结账号"] > len(report.sections[0].row["close_id"])
    assert widths["期末待核销"] > 2 * len("期末待核销")


def test_what_is_no_figure_is_text_in_a_workbook(report: Report) -> None:
    """Merchants' numbers consist of digits, and spreadsheets keep fifteen of them; people may be called by a number."""
    section = report.sections[0]
    row = section.row | {"merchant": "1900000109000000001", "closed_by": "1001", "of_group": "12"}
    row["items"] = row["items"].replace("CNY", "USD")
    row["suspense"] = -row["suspense"]
    late = [one | {"posting": "receivable_paid"} for one in section.late]
    made = to_excel(Report([Section(row, [one | {"merchant": "123"} for one in section.days], late)]))
    book = load_workbook(io.BytesIO(made))
    types: dict[str, set[str]] = {}
    for sheet in book:
        for column in sheet.iter_cols():
            types.setdefault(str(column[0].value), set()).update(
                cell.data_type for cell in column[1:] if cell.value not in (None, "")
            )
    dates, numbers = {"起", "止", "日", "入账日", "所属日"}, {*SUMMED_HEAD, "笔数", "金额"}
    assert {name for name, found in types.items() if found == {"d"}} == dates
    assert {name for name, found in types.items() if found == {"n"}} == numbers
    assert all(found == {"s"} for name, found in types.items() if name not in dates | numbers), types
    assert book["结账 Closes"]["C2"].value == "1900000109000000001"


def test_a_pdf_tells_the_same(report: Report) -> None:
    raw = to_pdf(report.title, report.said(), report.tables())
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(raw)).pages)
    plain = "".join(text.split())
    for rows in report.tables().values():
        for cell in (cell for row in rows for cell in row):
            assert "".join(cell.split()) in plain, cell
    pages = len(PdfReader(io.BytesIO(raw)).pages)
    assert plain.count("".join(report.title.split())) == 1 + pages, "each page says what it is of"
    assert raw == to_pdf(report.title, report.said(), report.tables())


@pytest.mark.parametrize("amount", ["1234567.89", "-123456789012.34"])
def test_no_number_is_cut_in_two_in_a_pdf(amount: str) -> None:
    """However large they are: texts make room, then the type is smaller."""
    head = [str(n) for n in range(18)]
    row = [
        "350600-CC",
        "微信支付",
        "2088350600000001",
        "2025-11-11",
        *[amount] * 9,
        *["夜班出纳"] * 4,
        "close-" + "8" * 32,
    ]
    raw = to_pdf("T", [], {"结账": [head, row]})
    lines = [line.strip() for line in PdfReader(io.BytesIO(raw)).pages[0].extract_text().splitlines()]
    assert lines.count(amount) == 9
    assert {"2088350600000001", "2025-11-11"} <= set(lines)


def test_reports_of_several_closes_add_up(closed: Written) -> None:
    made = report_of(closed.client, [], GROUP, "day", "")
    total = made.closed()[-1]
    assert total[0] == "合计"
    assert sum(Decimal(line[7]) for line in made.closed()[:-1]) == Decimal(total[7]) == 147
    numbers = [one.row["close_id"] for one in made.sections]
    assert report_of(closed.client, numbers[:1] * 2, "", "", "").said() == made.said()[:1]
    with pytest.raises(LookupError, match="no such close"):
        report_of(closed.client, [], "south", "", "")


def test_what_is_undone_has_no_report(closed: Written) -> None:
    week = closing.standing(closed.client, GROUP, "week")[0]["close_id"]
    done, said = told(closed, closing.reopening(closed.client, week, "李四", "更正"))
    assert not done
    assert "same_person: 李四" in said
    done, _ = told(closed, closing.reopening(closed.client, week, "王五", "更正"))
    assert done
    with pytest.raises(LookupError, match="does not stand"):
        report_of(closed.client, [week], "", "", "")
    assert "反结 reopen" in "\n".join(closing.showing(closed.client, week))
    again = closing.reopening(closed.client, week, "王五", "再更正")
    assert not told(closed, again)[0]
    (line,) = [line for line in closing.history(closed.client, GROUP) if again.id in line]
    assert "  反结账 reopen  被拒绝 refused  other/" in line, "of no day: what it was to undo does not stand"
    assert next(iter(closing.showing(closed.client, again.id))).startswith("other/")


@pytest.mark.parametrize(
    ("period", "text", "first", "last"),
    [
        ("day", "2025-11-11", "11", "11"),
        ("week", "2025-11-13", "10", "16"),
        ("month", "2025-11", "1", "30"),
        ("month", "2025-11-13", "1", "30"),
    ],
)
def test_periods(period: Period, text: str, first: str, last: str) -> None:
    assert closing.span(period, text) == (day(first), day(last))


def test_names_come_from_words_and_files(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("item,kind,reason\nex-2,x,等待账单\n", "utf-8-sig")
    assert closing.names_of(["ex-1=客户=未确认"], file) == (
        Named("ex-1", "客户=未确认"),
        Named("ex-2", "等待账单"),
    )
    for wrong in ("ex-1", "=x", "ex-1= "):
        with pytest.raises(ValueError, match="ITEM=REASON"):
            closing.names_of([wrong])


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "gbk"])
def test_names_are_read_as_spreadsheets_save_them(charset: str, tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_bytes("item,种类,reason\r\nex-2,来款,等待账单\r\n,,\r\n".encode(charset))
    assert closing.names_of([], file) == (Named("ex-2", "等待账单"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"item,why\nex-2,x\n", ["names.csv row 1: the header has item,reason"]),
        (
            f"item,reason\nex-1,\nex-2,x\n,{'y' * 257}\n".encode(),
            [
                "names.csv row 2 column reason: reason has 1 to 256 characters, and not 0",
                "names.csv row 4 column item: item has 1 to 64 characters, and not 0",
                "names.csv row 4 column reason: reason has 1 to 256 characters, and not 257",
            ],
        ),
        (b"item,reason\nex-1\n", ["names.csv row 2: has 1 cell, not 2"]),
        (b"\xff\xfei\0", ["names.csv row 1: is written in UTF-16"]),
        (b"item,reason\n\xff\xff\n", ["names.csv row 2: is no text in UTF-8"]),
    ],
)
def test_what_is_wrong_with_names_is_told_with_file_and_row(
    text: bytes, said: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "names.csv"
    file.write_bytes(text)
    with pytest.raises(ValueError, match=re.escape("names.csv row")) as caught:
        closing.names_of([], file)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True)), lines


def sent_to(books: Written) -> type:
    """In the place of Kafka: what is sent is taken by the books at once."""

    class Records:
        """As `sinks.kafka.Records`."""

        def __init__(self, _settings: Settings) -> None: ...

        def produce(self, topic: str, _key: str, value: bytes) -> None:
            """A record."""
            books.records([(topic, value)])

        def flush(self) -> None:
            """Nothing waits."""

    return Records


def test_the_command_line(closed: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closes, "sending", sent_to(closed))
    address: str = vars(closed.client)["url"]

    def run(*words: str) -> tuple[int, str]:
        ran = waybook(("close", *words), {"WAYBOOK_CLICKHOUSE": address})
        return ran.returncode, ran.stdout + ran.stderr

    closed.take(paid("A9", "9.00", "FR-7779", time=closed.work.ring.now)).until(NOON + 7 * DAY)
    asked = ("day", "2025-11-17", "--group", GROUP, "--by", "张三")
    code, said = run(*asked)
    assert (code, "未列明的差异 exception_open" in said) == (1, True), said
    number = next(word for word in said.split() if word.startswith("ex-"))
    code, said = run(*asked, "--preview")
    against = "未列明的差异 exception_open: ex-" in said
    assert (code, "试结 preview  不可结 it would be refused" in said, against) == (1, True, True), said
    code, said = run(*asked, "--preview", "--name", f"{number}=再查")
    assert (code, "日结 2025-11-17 .. 2025-11-17  other/SHOP-7  north" in said) == (0, True), said
    assert "试结 preview  可结 it would be closed  张三" in said
    assert re.search("收款 +received +1 +9.00", said), said
    assert re.search("期末待核销 +in suspense at the end +16.00", said), said
    assert "来款无对应单据 unknown_payment  other/SHOP-7/payment/A9  9.00 CNY  再查" in said
    assert "2025-11-17" not in run("list", "--group", GROUP)[1], "nothing was closed"
    unnamed = tmp_path / "unnamed.csv"
    assert run(*asked, "--unnamed", str(unnamed))[0] == 1
    text = unnamed.read_text("utf-8-sig")
    assert f"{number},来款无对应单据,other/SHOP-7/payment/A9,9.00,CNY,\n" in text
    unnamed.write_text(text.replace(",9.00,CNY,", ",9.00,CNY,再查"), "utf-8-sig")
    code, said = run(*asked, "--names", str(unnamed))
    assert (code, "已结 closed" in said) == (0, True), said
    close = said.split()[-1]
    assert close in run("list", "--group", GROUP)[1]
    assert "再查" in run("show", close)[1]
    assert run("report", close, "--pdf", str(tmp_path / "a.pdf"), "--xlsx", str(tmp_path / "a.xlsx"))[0] == 0
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    assert sheets((tmp_path / "a.xlsx").read_bytes())["结账 Closes"][1][-1] == close
    for nobody in (run(*asked[:-1], ""), run("reopen", close, "--by", " ", "--reason", "更正")):
        assert nobody == (1, "nobody closes or reopens: say --by NAME\n")
    code, said = run("reopen", close, "--by", "李四", "--reason", " ")
    assert (code, "not undone without a reason: say --reason TEXT" in said) == (1, True), said
    assert run("reopen", close, "--by", "张三", "--reason", "更正")[0] == 1
    assert run("reopen", close, "--by", "李四", "--reason", "更正")[0] == 0
    assert run("report", close)[0] == 1
    assert "no ITEM=REASON" in run(*asked, "--name", "x")[1]
    assert "no day such as" in run("day", "2025-13-01", "--group", GROUP)[1]
    nobody = (1, "there is no group south; there are: centre, north\n")
    assert run("day", "2025-11-17", "--group", "south") == nobody
    assert run("list", "--group", "south") == run("list", "--all", "--group", "south") == nobody
    assert run("report", "--group", "south", "--pdf", str(tmp_path / "b.pdf")) == nobody
    code, said = run("day", "2025-11-17", "--group", GROUP, "--channel", "wechat")
    assert (code, said) == (1, "group north has no business through wechat; there are: other/SHOP-7\n")
    assert run("list", "--group", "centre") == (0, "没有这样的结账 no such close stands\n")
    assert run("list", "--first", "2025-13-01")[0] == 2
    assert "there is no close close-1: waybook close list" in run("report", "close-1", "--pdf", "b.pdf")[1]
    assert "被拒绝 refused: unknown_merchant" in run(*asked, "--channel", "other", "--merchant", "X")[1]


def test_why_suspense_is_negative_is_told(new_server: Maker) -> None:
    """A refund whose payment has not come is money out of which nobody knows what it is for."""
    server = new_server(Store)
    assert isinstance(server, Store)
    made = written(server)
    made.take(refunded("R1", "7.00", "never-came")).until(NOON + 4 * DAY)
    assert told(
        made,
        asked(made.client, "2025-11-11", "张三", "day", Named(made.exception("refund_orphan"), "查")),
    )[0]
    (row,) = closing.standing(made.client)
    assert row["suspense"] == -7
    report = report_of(made.client, [row["close_id"]], "", "", "")
    for lines in (
        closing.listing(made.client),
        closing.showing(made.client, row["close_id"]),
        report.said(),
        record(made.client, "close", row["close_id"]).lines,
        to_text(figures(made.client)).splitlines(),
        [line[3] for line in sheets(to_excel(report))["说明 Remarks"]],
    ):
        assert sum("待核销为负：" in line for line in lines) == 1


def test_what_is_open_is_told_by_currency(new_server: Maker, tmp_path: Path) -> None:
    """Yuan and dollars are never one sum, wherever a close is read."""
    server = new_server(Store)
    assert isinstance(server, Store)
    made = written(server)
    for number, units, currency in (("A1", 300_000, "CNY"), ("A2", 70_000, "USD"), ("A3", 25_000, "USD")):
        payment = told_by("bank", number, amount_e4=units, currency=currency)
        made.take(world().signer.notification(payment, payment.time))
    made.until(NOON + 4 * DAY)
    (account,) = closing.accounts(made.client, "centre")

    def ask(on: str, *names: Named) -> CloseAsked:
        return closing.closing(made.client, "centre", account, "day", closing.span("day", on), names, "张三")

    done, said = told(made, event := ask("2025-11-11"))
    assert (done, "A2  7.00 USD  未列明" in said, "A1  30.00 CNY  未列明" in said) == (False, True, True)
    assert closing.write_unnamed(made.client, [event.id], tmp_path / "unnamed.csv") == 3
    assert "/payment/A2,7.00,USD,\n" in (tmp_path / "unnamed.csv").read_text("utf-8-sig")
    named = [Named(item.item, "查") for item in items(made.rows["close"][-1])]
    assert told(made, ask("2025-11-11", *named))[0]
    assert told(made, ask("2025-11-12"))[0]
    row, later = closing.standing(made.client)
    assert (row["open"], later["open"]) == (30, 30), "SQL: what is open in yuan"
    sums = [("未了事项", "open items", "1", "30.00"), ("未了事项 USD", "open items USD", "2", "9.50")]
    assert record(made.client, "close", row["close_id"]).figures[-2:] == sums
    shown = [" ".join(line.split()) for line in closing.showing(made.client, row["close_id"])]
    assert {" ".join(line) for line in sums} <= set(shown)
    report = report_of(made.client, [row["close_id"], later["close_id"]], "", "", "")
    head, *lines = report.tables()["结账 Closes"]
    at = head.index("未了事项")
    each = ("30.00", "USD 9.50")
    assert [tuple(line[at : at + 2]) for line in lines] == [each, each, ("60.00", "USD 19.00")]
    book = sheets(to_excel(report))
    assert [line[at : at + 2] for line in book["结账 Closes"][1:]] == [
        (30, "USD 9.50"),
        (30, "USD 9.50"),
        (60, "USD 19.00"),
    ]
    assert {line[5:7] for line in book["未了 Open"][1:]} == {(30, "CNY"), (7, "USD"), (2.5, "USD")}
    pages = PdfReader(io.BytesIO(to_pdf(report.title, report.said(), report.tables()))).pages
    plain = "".join("".join(page.extract_text().split()) for page in pages)
    assert all(word in plain for word in ("未了外币", "USD9.50", "USD19.00"))
    assert report.said() == [one for one in report.said() if "重复计入" not in one], "no money is in it twice"


def test_the_cashier_of_the_demo_closes_days_and_names_what_stays_open(
    closed: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cashier, "Records", sent_to(closed))
    till = {"channel": "till", "merchant": "till-1"}
    for on in ("14", "15"):
        told = told_by("till", f"B{on}", amount_e4=70_000, order="FR-404", time=NOON + (int(on) - 11) * DAY)
        closed.take(world().signer.notification(told, told.time))
    closed.take(*(msgspec.structs.replace(event, **till) for event in parts(day("15"))))
    works = cashier.Cashier(Settings(), closed.client)
    found = []
    for _ in range(6):
        works.step()
        found = [row for row in closed.rows["close"] if row["channel"] == "till"]
    assert [(row["status"], row["last"].day) for row in found] == [("refused", 15), ("closed", 15)]
    assert [item.kind for item in items(found[-1])].count("unknown_payment") == 2
    late = [
        told_by("till", f"C{number}", amount_e4=70_000, order="FR-404", time=NOON + 5 * DAY)
        for number in "12"
    ]
    closed.take(world().signer.notification(late[0], late[0].time))
    closed.take(*(msgspec.structs.replace(event, **till) for event in parts(day("16"))))
    works.step()
    closed.take(world().signer.notification(late[1], late[1].time))
    for _ in range(3):
        works.step()
    found = [row for row in closed.rows["close"] if row["channel"] == "till" and row["last"].day == 16]
    assert [row["status"] for row in found] == ["refused", "refused", "closed"]
    standing = closing.standing(closed.client, GROUP, "day")
    assert [row["last"].day for row in standing if row["channel"] == "till"] == [15, 16]
