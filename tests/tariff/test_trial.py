"""The trial calculator: facts as people write them, the price of the code that rates, and tables of trials."""

from datetime import date

import pytest
from msgspec.structs import astuple

from flows.rating.book import read_book
from flows.rating.conditions import NAMES
from flows.rating.excel import Cell, Refused
from flows.rating.factors import BY_NAME
from flows.rating.measures import MEASURES
from flows.rating.settings import FILE
from flows.rating.tariffs import Tariffs
from flows.rating.trial import Calculator, RefusedError
from flows.rating.trial_fields import FIELDS
from flows.rating.trial_table import ANSWERS, answered
from schemas.times import day_of
from tests.rating.material import FILES, NETWORK, book_toml, parcel

DAY = day_of(date(2025, 6, 18))
BOOK = read_book(FILES, NETWORK)
CALCULATOR = Calculator([BOOK], NETWORK)
ASKED = {"fee": "transit", "from": "SHA", "to": "西安D网点", "product": "标快", "kg": "2.5"}


def test_the_answer_is_that_of_rating_itself() -> None:
    (answer,) = CALCULATOR.ask(ASKED, DAY)
    quote = Tariffs([BOOK], NETWORK).rate("transit", DAY, parcel("SHA", "XAD", "standard", 2_500))
    assert answer.quote is not None
    assert quote is not None
    assert astuple(answer.quote)[:4] == astuple(quote)[:4]
    said = " ".join(step.text_zh + step.text_en for step in answer.steps)
    assert BOOK.version in said
    assert quote.row.where.replace(":", " row ") in said
    assert quote.passed_over.split(" ")[0] in said


def test_without_a_fee_every_fee_answers() -> None:
    answers = CALCULATOR.ask({**ASKED, "fee": ""}, DAY)
    assert [answer.fee for answer in answers] == ["waybill", "transit", "delivery"], "as they fall due"
    no_weight = CALCULATOR.ask({**ASKED, "kg": ""}, DAY)
    assert "say kg" in no_weight[0].error_en
    no_price = CALCULATOR.ask({**ASKED, "date": "2020-01-01"}, DAY)
    assert no_price[0].quote is None
    (early,) = CALCULATOR.ask({**ASKED, "date": "2020-01-01"} | {"fee": "transit"}, DAY)
    assert "before 20" in early.error_en
    assert "起才有" in early.error_zh


def test_a_fee_may_be_called_what_people_call_it() -> None:
    """As outlets and products may."""
    assert CALCULATOR.ask({**ASKED, "fee": "中转费"}, DAY) == CALCULATOR.ask(ASKED, DAY)
    with pytest.raises(RefusedError, match="'保价费' is none of waybill, transit, delivery"):
        CALCULATOR.ask({**ASKED, "fee": "保价费"}, DAY)


def test_a_weight_that_comes_to_nothing_is_told() -> None:
    """0.00 by 3 kg of 1,000 cm³: the volume, the rounding and what is left of it."""
    table = {
        "fee": '"transit"',
        "file": '"transit.csv"',
        "shape": '"per_unit"',
        "weight": '"volumetric"',
        "divisor": "5000",
        "weight_unit_kg": '"0.5"',
        "weight_rounding": '"down"',
        "effective_from": "2025-01-01",
    }
    book = read_book({FILE: book_toml(table), "transit.csv": "price\n2.00\n"}, NETWORK)
    (answer,) = Calculator([book], NETWORK).ask({**ASKED, "kg": "3", "cm": "10x10x10"}, DAY)
    (weight,) = (step for step in answer.steps if step.label_en == "Chargeable weight")
    assert weight.text_en == "actual 3 kg, volumetric 0.2 kg, rounded as the table says, charged as 0 kg"


@pytest.mark.parametrize(
    ("said", "owed"),
    [
        ({}, ""),
        ({"insured": "1000"}, "insurance"),
        ({"cod": "200"}, "cod_fee"),
        ({"direction": "return"}, "return"),
        ({"hubs": "SH-HUB"}, "handling"),
        ({"days": "3", "kg": ""}, "storage"),
    ],
)
def test_without_a_fee_it_is_judged_what_is_owed(said: dict[str, str], owed: str) -> None:
    """What every parcel owes no goods in a store do; a penalty nobody; what may be free, whoever has a price."""
    fees = ("waybill", "insurance", "cod_fee", "return", "handling", "late", "storage")
    tables = [
        {"fee": f'"{fee}"', "file": f'"{fee}.csv"', "shape": '"flat"', "effective_from": "2025-01-01"}
        for fee in fees
    ]
    files = {f"{fee}.csv": "price\n1.00\n" for fee in fees}
    files["handling.csv"] = "destination_city,price\n610100,1.00\n"
    calculator = Calculator([read_book({FILE: book_toml(*tables), **files}, NETWORK)], NETWORK)
    asked = {"from": "SHA", "to": "XAD", **said}
    answers = calculator.ask(asked, DAY)
    assert [answer.fee for answer in answers if answer.owed] == (
        [owed] if owed == "storage" else [fee for fee in ("waybill", owed) if fee]
    )
    assert all(answer.quote is not None for answer in answers), "what is not owed has its price all the same"
    free = calculator.ask({**asked, "to": "SHC", "days": "", "hubs": "SH-HUB"}, DAY)
    assert "handling" not in {answer.fee for answer in free if answer.owed}, "no row has a price"
    (late,) = calculator.ask({**asked, "fee": "late"}, DAY)
    assert late.owed, "somebody asks for it"


def test_every_fact_reaches_the_price() -> None:
    """A book whose only row names every fact has a price for exactly that parcel."""
    columns = {
        "customer": "C1", "channel": "douyin", "billing": "weight", "direction": "return", "hub": "SH-HUB",
        "weight_kg": "2..3", "volume_m3": "0.005..0.007", "pieces": "2", "longest_cm": "29..30",
        "insured": "999..1000",
        "cod": "199..200", "promised_h": "48", "product": "特快", "service": "upstairs", "month_parcels": "1200..",
        "temperature": "frozen", "area": "A1", "vehicle": "4.2m",
        "condition": "pallets == 4 && days == 3 && hours == 60",
    }  # fmt: skip
    table = {
        "fee": '"transit"',
        "file": '"p.csv"',
        "shape": '"percent"',
        "of": '"payment"',
        "effective_from": "2025-01-01",
    }
    text = f"{','.join(columns)},percent\n{','.join(columns.values())},50\n"
    calculator = Calculator([read_book({FILE: book_toml(table), "p.csv": text}, NETWORK)], NETWORK)
    asked = {
        "from": "SHA", "to": "XAD", "product": "express", "kg": "2.5", "cm": "30x20×10", "pieces": "2",
        "customer": "C1",
        "channel": "douyin", "billing": "weight", "direction": "return", "insured": "1000", "cod": "200",
        "payment": "12", "hubs": "XA-HUB|SH-HUB", "promised": "48", "services": "upstairs|redirect",
        "month": "1200", "pallets": "4", "days": "3", "hours": "60", "temperature": "frozen", "area": "A1",
        "vehicle": "4.2m",
    }  # fmt: skip
    (answer,) = calculator.ask(asked, DAY)
    assert answer.quote is not None
    assert answer.quote.amount == 60_000
    counts = ("pieces", "insured", "cod", "promised", "kg", "month", "pallets", "hours")
    words = ("customer", "channel", "billing", "hubs", "services", "temperature", "area", "vehicle")
    changed = dict.fromkeys(counts, "3") | dict.fromkeys(words, "other") | {"days": "4"}
    for name, other in {
        **changed,
        "kg": "3.1",
        "direction": "forward",
        "product": "STANDARD".lower(),
        "cm": "31x20x10",
    }.items():
        (answer,) = calculator.ask({**asked, name: other}, DAY)
        assert answer.quote is None, name
    assert {*asked, "fee", "date", "m3", "billed", "shared"} == {field.name for field in FIELDS}


def test_what_the_month_came_to_reaches_a_minimum() -> None:
    table = {
        "fee": '"transit"',
        "file": '"p.csv"',
        "shape": '"shortfall"',
        "of": '"month"',
        "effective_from": "2025-01-01",
    }
    book = read_book({FILE: book_toml(table), "p.csv": "minimum\n100.00\n"}, NETWORK)
    (answer,) = Calculator([book], NETWORK).ask({"from": "SHA", "to": "XAD", "billed": "98.5"}, DAY)
    assert answer.quote is not None
    assert answer.quote.amount == 15_000
    assert any("扣除已有 -98.50 元" in step.text_zh for step in answer.steps)


def test_a_share_is_of_what_the_other_fee_comes_to_or_of_what_is_said() -> None:
    table = {
        "fee": '"province_share"',
        "file": '"share.csv"',
        "shape": '"percent"',
        "of": '"shared"',
        "effective_from": "2025-01-01",
    }
    share = read_book(
        {FILE: book_toml(table).replace("测试价格手册", "分成"), "share.csv": "percent\n10\n"}, NETWORK
    )
    calculator, asked = Calculator([BOOK, share], NETWORK), {**ASKED, "fee": "province_share"}
    (transit,) = CALCULATOR.ask(ASKED, DAY)
    (answer,) = calculator.ask(asked, DAY)
    assert transit.quote is not None
    assert answer.quote is not None
    assert answer.quote.amount == (transit.quote.amount + 500) // 1_000 * 100
    (said,) = calculator.ask({**asked, "shared": "7"}, DAY)
    assert said.quote is not None
    assert said.quote.amount == 7_000
    assert any("所分费用 7.00 元" in step.text_zh for step in said.steps)
    (unweighed,) = calculator.ask({**asked, "kg": ""}, DAY)
    assert (unweighed.fee, unweighed.error_en) == (
        "province_share",
        "transit fee: the price depends on the weight: say kg",
    )
    (alone,) = Calculator([share], NETWORK).ask(asked, DAY)
    assert "中转费：没有适用的价格" in alone.error_zh
    with pytest.raises(RefusedError):
        calculator.ask({**asked, "shared": "-1"}, DAY)


STORAGE = {
    "fee": '"storage"',
    "file": '"kilograms.csv"',
    "shape": '"per_unit"',
    "measure": '"kg_days"',
    "effective_from": "2025-01-01",
}


def test_goods_in_a_store_weigh_more_than_a_parcel_and_go_nowhere() -> None:
    files = {FILE: book_toml(STORAGE), "kilograms.csv": "origin_province,price\n上海,0.01\n"}
    calculator = Calculator([read_book(files, NETWORK)], NETWORK)
    said = {"from": "SHA", "kg": "24000", "days": "3"}
    (answer,) = calculator.ask({**said, "fee": "storage"}, DAY)
    assert answer.quote is not None
    assert answer.quote.amount == 24_000 * 3 * 100
    for asked, says in (
        ({**said, "fee": "storage", "kg": "1000001"}, "kg: '1000001' is not between 0 and 1000000"),
        (said, "to: is missing"),
        ({"from": "SHA", "to": "XAD", "kg": "24000"}, "kg: '24000' is not between 0 and 1000"),
    ):
        with pytest.raises(RefusedError, match=says):
            calculator.ask(asked, DAY)


PACKAGE = {
    "fee": '"package"',
    "file": '"package.csv"',
    "shape": '"allowance"',
    "measure": '"month_parcels"',
    "effective_from": "2025-01-01",
}
PRICES = "channel,price,included,overage_price\ntaobao,600.00,300,2.50\n,700.00,300,2.50\n"
WORDS = '[words]\nchannel = "taobao|douyin"\n[[table]]'


def remarks(asked: dict[str, str]) -> list[tuple[str, str, str]]:
    """What is remarked on a package by the month, by Chinese label."""
    files = {FILE: book_toml(PACKAGE).replace("[[table]]", WORDS, 1), "package.csv": PRICES}
    calculator = Calculator([read_book(files, NETWORK)], NETWORK)
    (answer,) = calculator.ask({"fee": "package", "from": "SHA", "to": "SHA", **asked}, DAY)
    assert answer.quote is not None
    return [(step.label_zh, step.text_zh, step.text_en) for step in answer.remarks]


def test_what_nobody_said_and_the_price_looks_at_is_remarked() -> None:
    """A package without the month's parcels is not priced as if there were none without a word."""
    (assumed,) = remarks({})
    assert assumed == (
        "未填写，按此计算",
        "日期 2025-06-18（今天），渠道 无，当月累计票数 0",
        "date 2025-06-18 (today), channel none, month 0",
    )
    assert remarks({"month": "312", "date": "2025-06-18", "channel": "taobao"}) == []


def test_words_that_nothing_knows_are_remarked() -> None:
    said = {"month": "312", "date": "2025-06-18"}
    (unknown,) = remarks({**said, "channel": "duoyin"})
    assert unknown[0] == "未知的词"
    assert "最接近的是 douyin" in unknown[1]
    assert "channel duoyin: neither the books nor the network name it; the nearest is douyin" in unknown[2]
    (hub,) = remarks({**said, "channel": "douyin", "hubs": "SH-HUB|SH-HBU"})
    assert hub[2].startswith("hubs SH-HBU: ")
    assert remarks({**said, "channel": "douyin", "services": "upstairs"}) == [], "no price, no list, no word"


@pytest.mark.parametrize(
    ("condition", "needs"),
    [
        ("weekday > 5", False),
        ("channel == 'douyin' && pieces > 1", False),
        ("weight_g > 1000", True),
        ("volume_cm3 > 1000", True),
        ("longest_mm > 600 || weekday > 5", True),
    ],
)
def test_a_condition_needs_the_weight_where_it_names_what_comes_with_it(condition: str, needs: bool) -> None:
    """As with columns: the waybill fee is not to wait for a scale because of a surcharge at weekends."""
    flat = {"fee": '"waybill"', "file": '"base.csv"', "shape": '"flat"', "effective_from": "2025-01-01"}
    more = {**flat, "file": '"more.csv"', "kind": '"surcharge"', "name": '"加收"'}
    files = {
        FILE: book_toml(flat, more),
        "base.csv": "price\n5\n",
        "more.csv": f"condition,price\n{condition},1\n",
    }
    (answer,) = Calculator([read_book(files, NETWORK)], NETWORK).ask({"from": "SHA", "to": "XAD"}, DAY)
    assert ("say kg" in answer.error_en, answer.quote is None) == (needs, needs)


def test_a_share_looks_at_what_it_is_a_share_of() -> None:
    table = {**PACKAGE, "fee": '"province_share"', "shape": '"percent"', "of": '"shared"'}
    del table["measure"]
    share = {FILE: book_toml(table).replace("测试价格手册", "分成"), "package.csv": "percent\n10\n"}
    calculator = Calculator([BOOK, read_book(share, NETWORK)], NETWORK)
    (answer,) = calculator.ask(
        {"fee": "province_share", "from": "SHA", "to": "XAD", "date": "2025-06-18"}, DAY
    )
    assert any("kg 0" in step.text_en for step in answer.remarks), "transit depends on the weight"
    (said,) = calculator.ask(
        {"fee": "province_share", "from": "SHA", "to": "XAD", "date": "2025-06-18", "shared": "5"}, DAY
    )
    assert said.remarks == []


@pytest.mark.parametrize("name", sorted({*BY_NAME, *NAMES, *MEASURES}))
def test_of_whatever_prices_look_at_it_is_known_which_fact_says_it(name: str) -> None:
    told = {one for field in FIELDS for one in field.counts} | {
        "condition",
        "weekday",
        "holiday",
        "zone",
        "line",
    }
    ends = ("origin", "destination")
    assert name in told or name.startswith(ends)


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"from": "SHAX"}, "from", "the nearest is SHA"),
        ({"from": ""}, "from", "missing"),
        ({"product": "标块"}, "product", "标快"),
        ({"fee": "transti"}, "fee", "the nearest is transit"),
        ({"date": "18.6.2025"}, "date", "2025-11-11"),
        ({"date": "20250618"}, "date", "'20250618' is no date as 2025-11-11"),
        ({"kg": "2,5"}, "kg", "kilograms"),
        ({"kg": "0.0001"}, "kg", "decimals"),
        ({"kg": "1001"}, "kg", "not between 0 and 1000; write kilograms"),
        ({"kg": "-1"}, "kg", "not between 0 and 1000; write kilograms"),
        ({"cm": "30x20"}, "cm", "30x20x10"),
        ({"cm": "0x1x1"}, "cm", "30x20x10"),
        ({"cm": "1x1x1", "m3": "1"}, "m3", "either"),
        ({"insured": "-1"}, "insured", "negative"),
        ({"cod": "x"}, "cod", "yuan"),
        ({"direction": "back"}, "direction", "forward, return"),
        ({"customer": "x" * 65}, "customer", "64"),
    ],
)
def test_what_cannot_be_understood(changed: dict[str, str], field: str, says: str) -> None:
    with pytest.raises(RefusedError) as refused:
        CALCULATOR.ask({**ASKED, **changed}, DAY)
    assert list(refused.value.problems) == [field]
    assert says in refused.value.problems[field]


def test_all_that_cannot_be_understood_is_said_at_once() -> None:
    with pytest.raises(RefusedError) as refused:
        CALCULATOR.ask({"from": "SHA", "to": "nowhere", "kg": "2,5", "date": "x", "fee": "transti"}, DAY)
    assert sorted(refused.value.problems) == ["date", "fee", "kg", "to"]
    assert all(f"{field}: " in str(refused.value) for field in refused.value.problems)


def test_a_table_comes_back_with_its_answers_and_nothing_stops_it() -> None:
    rows: list[list[Cell | Refused]] = [
        [Cell(name) for name in ("始发网点", "to", "备注", "kg", "amount")],
        [Cell("SHA"), Cell("XAD"), Cell("a"), Cell("2.5"), Cell("old")],
        [Cell("nowhere"), Cell("XAD"), Cell("b"), Cell("1")],
        [],
        [Cell("SHA"), Cell("XAD"), Cell("c"), Refused("formula", "is a formula")],
        [Cell("SHA"), Cell("XAD"), Refused("formula", "is a formula"), Cell("1")],
    ]
    header, *found = answered(rows, CALCULATOR, DAY, {"fee": "transit"})
    assert header == ["始发网点", "to", "备注", "kg", *ANSWERS]
    assert [len(row) for row in found] == [len(header)] * 4
    assert found[0][4] == "5.00"
    assert "transit-2025.csv" in found[0][5]
    assert [row[-1].partition(":")[0] for row in found] == ["", "from", "kg", ""]
    assert "日期 2025-06-18（今天）" in found[0][header.index("提示")]
    assert "date 2025-06-18 (today)" in found[0][header.index("remarks")]
    (_, (*_, error)) = answered(rows[:2], CALCULATOR, DAY, {})
    assert error.startswith("fee: say which")
    assert list(answered([], CALCULATOR, DAY, {})) == [list(ANSWERS)]


def test_a_table_whose_columns_semicolons_separate() -> None:
    with pytest.raises(RefusedError, match="separated by ';'"):
        answered([[Cell("from;to;kg")]], CALCULATOR, DAY, {})


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("chanel", "the nearest is channel"),
        ("Date", "the nearest is date"),
        ("insurd", "the nearest is insured"),
        ("始发网站", "the nearest is 始发网点"),
        ("from", "stands twice"),
    ],
)
def test_a_column_that_would_be_misunderstood_refuses_the_table(column: str, says: str) -> None:
    """Before a row is priced without it."""
    header = [Cell(name) for name in ("from", "to", "备注", "waybill", "price", column)]
    with pytest.raises(RefusedError, match=f"{column}: .*{says}"):
        answered([header], CALCULATOR, DAY, {})
