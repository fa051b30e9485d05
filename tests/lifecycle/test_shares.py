"""Shares of a charge: priced by the book, each a charge of its own that follows what it is a share of."""

from decimal import Decimal

import msgspec
import pytest

from flows.fees.current import FEES, TEXTS
from flows.fees.model import Fees
from flows.fees.read import read_fees
from flows.lifecycle import process
from flows.rating.passes import steps_in_words
from schemas import topics
from schemas.events import PartyTransferred, TariffPublished
from schemas.times import DAY, HOUR, business_day, date_of
from tests.lifecycle.fees import SHARE, network, story_of
from tests.lifecycle.test_backdated import recalls
from tests.lifecycle.test_recall import back as brought_back
from tests.lifecycle.test_recall import forgotten
from tests.lifecycle.world import BOOK, START, WAYBILL, Book, order, scan, tariff, text, weight
from tests.rating.material import scenarios

CASES = scenarios("shares.csv")
SHAPES = {"比例": SHARE, "每票": SHARE.replace('"percent"\nof = "shared"', '"flat"')}
STORY = "订单 揽收 分拨DWS2.5"


def sharing(prices: str, shape: str = "比例", later: str = "", since: str = "") -> TariffPublished:
    """The tests' book with prices of the province's share, and others from a day on; none where there are no prices."""
    files = dict(BOOK)
    for file, rows, first in (("share.csv", prices, "2025-01-01"), ("later.csv", later, since)):
        if rows:
            files[file] = rows
            table = SHAPES[shape].replace("share.csv", file).replace("2025-01-01", first)
            files["book.toml"] += table
    return tariff(files)


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_scenario(case: dict[str, str]) -> None:
    """The amount, who gets it, and the row that the newest share is explained by."""
    prices, later, since = case["分成价格"], case["后来的分成价格"], case["后来自"]
    book = Book((sharing(prices, case["计价方式"]),)).take(*story_of(case["经过"]))
    transit = book.net("transit")
    if since in ("撤销", "2025-01-01"):
        book.block((topics.CONTROL.name, sharing(later, case["计价方式"])))
    elif since:
        book.block((topics.CONTROL.name, sharing(prices, case["计价方式"], later, since)))
    assert book.refused() == []
    made = [row for row in book.rows["charge"] if text(row["fee"]) == "province_share" and row["amount"] > 0]
    assert book.net("province_share") == Decimal(case["分成"])
    assert {text(row["payee"]) for row in made} == {case["收款方"]} - {""}
    where = [f"{text(row['price_table'])}:{row['price_row']}" for row in made]
    assert (where[-1] if where else "") == case["价格行"]
    assert book.net("transit") == transit


def test_it_is_explained_by_what_is_shared() -> None:
    published = sharing("origin_province,percent\n,5\n上海,10\n")
    book = Book((published,)).take(*story_of(STORY))
    (share,) = [row for row in book.rows["charge"] if text(row["fee"]) == "province_share"]
    assert text(share["book_version"]) == published.version
    said = [step.text_zh for step in steps_in_words(text(share["steps"]))]
    assert said[0] == "所分费用 5.25 元"
    assert "所分费用的 10% = 0.525 元" in said[1]
    assert said[-1] == "0.525 元，四舍五入到分"
    assert text(share["passed_over"]) == "share.csv:2 less_specific"


def test_a_backdated_share_names_its_publication_and_leaves_what_is_shared_alone() -> None:
    more = sharing("percent\n10\n")
    book = Book((sharing("percent\n5\n"),)).take(*story_of(STORY))
    before = len(book.rows["charge"])
    book.block((topics.CONTROL.name, more))
    reversal, anew = book.rows["charge"][before:]
    assert [text(row["fee"]) for row in (reversal, anew)] == ["province_share"] * 2
    assert text(reversal["cause"]) == more.id
    assert recalls(book) == [(more.id, "assessed", 1, 1)]
    book.block((topics.CONTROL.name, more))
    assert recalls(book) == [(more.id, "assessed", 1, 1)]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [("percent\n5\n", "percent\n10\n", (1, 1)), ("", "percent\n10\n", (0, 1)), ("percent\n5\n", "", (1, 0))],
    ids=["more", "begun", "ended"],
)
def test_a_parcel_that_had_left_comes_back_to_other_shares(
    before: str, after: str, told: tuple[int, int]
) -> None:
    whole = story_of(f"{STORY} 到件 签收")
    published = sharing(after)
    book = forgotten(Book((sharing(before),)).take(*whole))
    book.block((topics.CONTROL.name, published)).block(brought_back(book, published.id))
    assert recalls(book) == [(published.id, "rebuilt", *told)]
    assert book.standing() == Book((published,)).take(*whole).standing()


def test_what_was_shared_goes_back_with_its_charge_when_no_book_prices_it_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before the parcel's turn to be assessed by the books that are left: its weight changes, its outlet is sold."""
    monkeypatch.setattr(process, "MOST_AGAIN", 1)
    other = "YT7500000000002"
    shares = sharing("percent\n5\n")
    shares.files["piece.csv"] = "price\n0.80\n"
    shares.files["book.toml"] += (
        '\n[[table]]\nfee = "pickup_piece"\nfile = "piece.csv"\nshape = "flat"\neffective_from = 2025-01-01\n'
    )
    shares = msgspec.structs.replace(tariff(shares.files), id="shares")
    book = Book((tariff(), shares), directory=network())
    for waybill in (WAYBILL, other):
        book.take(
            order(START, id=f"o-{waybill}", waybill=waybill),
            scan("揽收", START, id=f"s-{waybill}", waybill=waybill, courier="张三"),
            weight("分拨DWS", 2500, START + HOUR, id=f"w-{waybill}", waybill=waybill),
        )
    sold = PartyTransferred(
        id="sold", time=START, outlet="SHC", party="YLE", from_day=date_of(business_day(START))
    )
    plain = tariff({**BOOK, "waybill.csv": "price\n1.00\n"})
    book.block((topics.CONTROL.name, plain))
    late = weight("分拨DWS", 4000, START, id="late", waybill=other)
    book.block((topics.CONTROL.name, sold), (topics.DEVICES.name, late))
    assert book.net("province_share") == book.net("pickup_piece") == 0
    back = {
        (text(row["fee"]), text(row["cause"]))
        for row in book.rows["charge"]
        if text(row["waybill"]) == other and row["amount"] < 0
    }
    assert back >= {("province_share", "sold"), ("pickup_piece", "sold"), ("transit", "sold")}
    assert book.refused() == []


def test_a_share_may_depend_on_what_something_else_does_not() -> None:
    """A share of what is due at the pick-up waits for the weight that its price depends on."""
    dues = TEXTS[0].replace('share_of = "transit"', 'share_of = "waybill"')
    fees: Fees = read_fees(dues, *TEXTS[1:])
    heavy = sharing("weight_kg,percent\n..3,10\n3..,50\n")
    book = Book((heavy,), fees=fees).take(*story_of("订单 揽收"))
    assert book.waiting() == {"province_share": "no_weight"}
    book.take(weight("分拨DWS", 2500, START + HOUR, id="light"))
    assert (book.waiting(), book.net("province_share")) == ({}, Decimal("0.1000"))
    book.take(weight("分拨DWS", 3500, START, id="heavy"))
    assert book.net("province_share") == Decimal("0.5000")


def test_without_prices_nothing_is_shared_and_nothing_waits() -> None:
    book = Book().take(*story_of(f"{STORY} 到件 签收")).tick(START + 3 * DAY)
    assert not [row for row in book.rows["charge"] if text(row["fee"]) == "province_share"]
    assert book.waiting() == {}
    (live,) = [one for one in book.lifecycle.rules.dues.plain if one.due.name == "transit"]
    assert live.paid == ()
    assert [one.due.name for one in live.shares] == [due.name for due in FEES.dues if due.share_of]
