"""A charge's row explains itself, in numbers that end in its amount."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from flows.rating.book import read_book
from flows.rating.conditions import NAMES as CONDITION_NAMES
from flows.rating.explain import explain
from flows.rating.factors import BY_NAME
from flows.rating.model import Row
from flows.rating.names import NAMES
from flows.rating.passes import Step
from flows.rating.settings import FILE
from flows.rating.tariffs import Tariffs
from flows.rating.trial import Calculator
from schemas.money import yuan
from schemas.times import day_of
from tests.rating.material import NETWORK, book_of, book_toml, parcel
from tests.rating.test_properties import book, everywhere, rows, volumes, weights

TRANSIT: dict[str, object] = {
    "fee": "transit",
    "payer": "SHA",
    "payee": "HQ",
    "amount": Decimal("5.25"),
    "book_version": "0123456789abcdef",
    "price_table": "transit.csv",
    "price_row": 42,
    "price_column": "",
    "matched": "province",
    "weight_class": "hub_dws",
    "weight_event": "w-7",
    "actual_g": 2_500,
    "volumetric_g": 1_200,
    "chargeable_g": 2_500,
    "first_g": 1_000,
    "first_price": Decimal("3.00"),
    "continued_g": 1_500,
    "continued_price": Decimal("1.50"),
    "unit_g": 1,
    "rounding": "half_up_fen",
}
NOT_WEIGHED = dict.fromkeys(
    ("actual_g", "volumetric_g", "chargeable_g", "first_g", "continued_g", "continued_price"), 0
)


def test_the_example_in_chinese_and_english() -> None:
    """3.00 for the first kilogram and 1.5 × 1.50 beyond it."""
    assert explain(TRANSIT) == [
        Step(
            "采信重量", "Adopted weight", "2.5 公斤，分拨中心 DWS（事件 w-7）", "2.5 kg, hub DWS (event w-7)"
        ),
        Step(
            "计费重量",
            "Chargeable weight",
            "实际 2.5 公斤，体积重 1.2 公斤，计 2.5 公斤",
            "actual 2.5 kg, volumetric 1.2 kg, charged as 2.5 kg",
        ),
        Step(
            "匹配价格",
            "Matched price",
            "省→省：transit.csv 第 42 行（价格手册 0123456789abcdef）",
            "province to province: transit.csv row 42 (tariff book 0123456789abcdef)",
        ),
        Step("首重", "First weight", "1 公斤以内 3.00 元", "3.00 yuan up to 1 kg"),
        Step(
            "续重",
            "Continued weight",
            "1.5 公斤 × 1.50 元/公斤 = 2.25 元",
            "1.5 kg × 1.50 yuan/kg = 2.25 yuan",
        ),
        Step(
            "舍入",
            "Rounding",
            "3.00 + 2.25 = 5.25 元，四舍五入到分：5.25 元",
            "3.00 + 2.25 = 5.25 yuan, rounded to the fen, halves up: 5.25 yuan",
        ),
        Step("金额", "Amount", "5.25 元，SHA 付给 HQ", "5.25 yuan, from SHA to HQ"),
    ]


def test_a_unit_of_one_kilogram_is_told() -> None:
    """Why 2.5 kg cost as much as 3 kg."""
    charge = {**TRANSIT, "chargeable_g": 3_000, "continued_g": 2_000, "unit_g": 1_000, "amount": "6.0000"}
    texts = [step.text_zh for step in explain(charge)]
    assert "实际 2.5 公斤，体积重 1.2 公斤，续重以 1 公斤为单位，计 3 公斤" in texts
    assert "2 公斤 × 1.50 元/公斤 = 3.00 元" in texts


def test_nothing_is_lost_before_the_rounding() -> None:
    """Seven decimals where it takes seven."""
    charge = {**TRANSIT, "continued_price": "0.0495", "continued_g": 101, "amount": "3.00"}
    texts = [step.text_en for step in explain(charge)]
    assert "0.101 kg × 0.0495 yuan/kg = 0.0049995 yuan" in texts
    assert "3.00 + 0.0049995 = 3.0049995 yuan, rounded to the fen, halves up: 3.00 yuan" in texts


def test_a_flat_price_says_nothing_of_weights() -> None:
    """A waybill costs the same whatever it weighs."""
    charge = {**TRANSIT, **NOT_WEIGHED, "fee": "waybill", "first_price": "1.00", "amount": "1.00"}
    assert [step.label_en for step in explain(charge)] == [
        "Matched price",
        "Price per parcel",
        "Rounding",
        "Amount",
    ]


FACTORS_STEP = {
    "kind": "factors",
    "factors": {
        "volume_cm3": "36000",
        "weight_g": "2700",
        "customer_level": "VIP",
        "origin_province": "440000",
        "hubs": "['SH-HUB', 'XA-HUB']",
    },
}


def test_factors_have_chinese_names_and_units() -> None:
    charge = {**TRANSIT, "steps": msgspec.json.encode([FACTORS_STEP]).decode()}
    (step,) = (step for step in explain(charge) if step.label_en == "Factors")
    assert (
        step.text_zh
        == "体积 36000 立方厘米，实际重量 2700 克，客户等级 VIP，始发省 440000，经过分拨 SH-HUB XA-HUB"
    )
    assert (
        step.text_en
        == "volume_cm3 36000 cm³, weight_g 2700 g, customer_level VIP, origin_province 440000, hubs SH-HUB XA-HUB"
    )


def test_the_event_is_told_that_said_the_facts() -> None:
    first, *others = explain({**TRANSIT, "order_event": "order-7"})
    assert first == Step(
        "计费事实",
        "Facts",
        "网点、产品、客户与约定取自事件 order-7",
        "outlets, product, customer and terms are those of event order-7",
    )
    assert others == explain(TRANSIT)


@pytest.mark.parametrize("columns", ["insured,cod", "condition", "insured,condition"])
def test_money_is_told_in_yuan_whoever_looks_at_it(columns: str) -> None:
    """A column of the table, a condition, in which it is 0.0001 yuan, or both."""
    cells = {"insured": "1000..", "cod": "80..", "condition": "insured > 10000000 && cod > 0"}
    row = ",".join(cells[name] for name in columns.split(","))
    made = book_of(f"{columns},price\n{row},5\n", shape='"flat"', continued_unit_kg="", weight="")
    asked = {"from": "SHA", "to": "XAD", "kg": "1", "insured": "1234.5", "cod": "88"}
    (answer,) = Calculator([made], NETWORK).ask(asked, day_of(date(2025, 11, 11)))
    (step,) = (step for step in answer.steps if step.label_en == "Factors")
    assert sorted(step.text_zh.split("，")) == ["代收货款 88.00 元", "保价金额 1234.50 元"]
    assert sorted(step.text_en.split(", ")) == ["cod 88.00 yuan", "insured 1234.50 yuan"]


@pytest.mark.parametrize(
    ("column", "cell", "zh", "en"),
    [
        (
            "weekday",
            "2|3",
            "因业务日期 2025-11-11，星期二；",
            "for business date 2025-11-11, weekday 2 (Tuesday); ",
        ),
        ("date", "2025-11-01..2025-11-11", "因业务日期 2025-11-11；", "for business date 2025-11-11; "),
        (
            "holiday",
            "*",
            "因业务日期 2025-11-11，节假日 双十一；",
            "for business date 2025-11-11, holiday 双十一; ",
        ),
        (
            "condition",
            "weekday < 6 && holiday != ''",
            "因业务日期 2025-11-11，星期二，节假日 双十一；",
            "for business date 2025-11-11, weekday 2 (Tuesday), holiday 双十一; ",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["surcharge", "discount"])
def test_what_counts_on_some_days_says_which_day_it_was(
    kind: str, column: str, cell: str, zh: str, en: str
) -> None:
    flat = {"fee": '"waybill"', "file": '"base.csv"', "shape": '"flat"', "effective_from": "2025-01-01"}
    more = {**flat, "file": '"more.csv"', "kind": f'"{kind}"', "name": '"大促"'}
    files = {
        FILE: 'holidays = "days.csv"\n' + book_toml(flat, more),
        "days.csv": "date,name\n2025-11-11,双十一\n",
        "base.csv": "price\n5\n",
        "more.csv": f"{column},price\n{cell},1\n",
    }
    asked = {"from": "SHA", "to": "XAD", "kg": "1", "date": "2025-11-11"}
    (answer,) = Calculator([read_book(files, NETWORK)], NETWORK).ask(asked, 0)
    (step,) = (step for step in answer.steps if step.label_en == kind.capitalize())
    assert step.text_zh.startswith(f"大促 （more.csv:2）：{zh}每票 1.00 元；计 ")
    assert step.text_en.startswith(f"大促 (more.csv:2): {en}per parcel 1.00 yuan; ")
    (base,) = (step for step in answer.steps if step.label_en == "Base price")
    assert "业务日期" not in base.text_zh, "it is for any day"


def test_whatever_a_row_may_name_has_a_chinese_name() -> None:
    told = {*CONDITION_NAMES, *BY_NAME, "month_count", "shared", "payment", "related"}
    assert set(NAMES) == told


def test_what_costs_nothing_is_told_with_its_price() -> None:
    """Of steps that keep no price where it is nothing."""
    tier = {
        "kind": "base",
        "where": "a.csv:2",
        "terms": [["tier", "1", "days", "", "0.00"]],
        "amount": "0.00",
        "total": "0.00",
    }
    (step,) = (
        step
        for step in explain({**TRANSIT, "steps": msgspec.json.encode([tier]).decode()})
        if step.label_en == "Base price"
    )
    assert "阶梯 1 天 × 0.00 元 = 0.00 元" in step.text_zh
    assert "tier 1 day × 0.00 yuan = 0.00 yuan" in step.text_en


def test_units_are_told_in_the_number_that_they_have() -> None:
    settings = {"shape": '"per_unit"', "measure": '"pieces"', "weight": "", "continued_unit_kg": ""}
    told = []
    for pieces in ("1", "3"):
        (answer,) = Calculator([book_of("price\n1.20\n", **settings)], NETWORK).ask(
            {"from": "SHA", "to": "XAD", "kg": "1.2", "pieces": pieces}, 20_100
        )
        told += [step.text_en for step in answer.steps if step.label_en == "Base price"]
    assert told == [
        "(prices.csv:2): each 1 piece × 1.20 yuan = 1.20 yuan; 1.20 yuan",
        "(prices.csv:2): each 3 pieces × 1.20 yuan = 3.60 yuan; 3.60 yuan",
    ]


def test_slabs_are_told_as_slabs() -> None:
    """A first slab is no first weight; without a price of its own none is further than another."""
    settings = {"shape": '"slabs"', "slab": "0.5", "continued_unit_kg": ""}
    told = []
    for first in ("5", ""):
        made = book_of(f"price,first_price\n1.20,{first}\n", **settings)
        (answer,) = Calculator([made], NETWORK).ask({"from": "SHA", "to": "XAD", "kg": "1.2"}, 20_100)
        (step,) = (step for step in answer.steps if step.label_en == "Base price")
        told.append(step.text_zh)
        assert " slabs × 1.20 yuan" in step.text_en
    assert told == [
        "（prices.csv:2）：首段 5.00 元；续段 2 段 × 1.20 元 = 2.40 元；计 7.40 元",
        "（prices.csv:2）：按段 3 段 × 1.20 元 = 3.60 元；计 3.60 元",
    ]


@pytest.mark.parametrize(
    ("more", "header", "row", "zh", "en"),
    [
        ("surcharge", "price,minimum", "1,8", "补到最低 8.00 元：+5.00 元；计 8.00 元", "to the minimum of 8.00"),
        ("surcharge", "price,maximum", "9,8", "减到最高 8.00 元：−19.00 元；计 8.00 元", "to the maximum of 8.00"),
        ("bounds", "floor", "12", "补到最低 12.00 元：+2.00 元；计 2.00 元", "to the minimum of 12.00"),
        ("bounds", "cap", "8", "减到最高 8.00 元：−2.00 元；计 −2.00 元", "−2.00 yuan; −2.00 yuan, so far 8.00"),
        ("bounds", "cap", "0", "减到最高 0.00 元：−10.00 元；计 −10.00 元", "to the maximum of 0.00"),
        ("discount", "price", "5", "= 15.00 元；超出现有金额的部分不减；计 −10.00 元", "than there is; −10.00"),
        ("discount", "price,maximum", "5,10", "减到最高 10.00 元：−5.00 元；计 −10.00 元", "−5.00 yuan; −10.00"),
    ],
)  # fmt: skip
def test_a_bound_is_told_with_what_it_makes_of_a_price(
    more: str, header: str, row: str, zh: str, en: str
) -> None:
    """Of three pieces, beside a price of 10.00: the bound, and what it adds or takes."""
    flat = {"fee": '"waybill"', "file": '"base.csv"', "shape": '"flat"', "effective_from": "2025-01-01"}
    kind = {**flat, "file": '"more.csv"', "kind": f'"{more}"', "shape": '"bounds"'}
    if more != "bounds":
        kind |= {"shape": '"per_unit"', "measure": '"pieces"', "name": '"多件"'}
    files = {FILE: book_toml(flat, kind), "base.csv": "price\n10\n", "more.csv": f"{header}\n{row}\n"}
    (answer,) = Calculator([read_book(files, NETWORK)], NETWORK).ask(
        {"from": "SHA", "to": "XAD", "kg": "1", "pieces": "3"}, 20_100
    )
    (step,) = (one for one in answer.steps if "more.csv" in one.text_zh)
    assert zh in step.text_zh
    assert en in step.text_en


def test_a_row_that_lost_says_which_book_it_stands_in() -> None:
    """The same row of the same file, in another book."""
    lost = "transit.csv:42@fedcba9876543210 less_specific, transit.csv:7 earlier_table"
    told = {step.label_en: (step.text_zh, step.text_en) for step in explain({**TRANSIT, "passed_over": lost})}
    assert told["Passed over"] == (
        "transit.csv:42（价格手册 fedcba9876543210，不如中选行具体）；transit.csv:7（生效日期较早）",
        "transit.csv:42 (tariff book fedcba9876543210, less specific); transit.csv:7 (in force from an earlier day)",
    )


def test_a_step_says_which_book_its_row_stands_in_where_that_is_another() -> None:
    steps = [
        {"kind": kind, "where": where, "shape": "flat", "terms": [], "amount": "1", "total": "1"}
        for kind, where in (("base", "waybill.csv:2"), ("surcharge", "fuel.csv:3@fedcba9876543210"))
    ]
    told = {
        step.label_en: (step.text_zh, step.text_en)
        for step in explain({**TRANSIT, "steps": msgspec.json.encode(steps).decode()})
    }
    assert all("waybill.csv:2" in text and "@" not in text for text in told["Base price"])
    assert told["Surcharge"][0].startswith("（fuel.csv:3，价格手册 fedcba9876543210）")
    assert told["Surcharge"][1].startswith("(fuel.csv:3, tariff book fedcba9876543210)")


def test_a_price_in_a_matrix_says_its_column() -> None:
    (step,) = (s for s in explain({**TRANSIT, "price_column": "陕西"}) if s.label_en == "Matched price")
    assert "transit.csv 第 42 行「陕西」列" in step.text_zh
    assert "transit.csv row 42 column 陕西" in step.text_en


def test_a_reversal_is_told_as_one() -> None:
    """With its negative amount, and no complaint about it."""
    last = explain({**TRANSIT, "amount": Decimal("-5.25")})[-1]
    assert last.text_zh == "红字冲销 -5.25 元，SHA 付给 HQ"


def test_freight_is_what_the_order_says() -> None:
    """It has no tariff."""
    charge = {**TRANSIT, **NOT_WEIGHED, "fee": "freight", "payer": "CUSTOMER", "payee": "SHA", "amount": 12}
    (step,) = explain(charge)
    assert step.text_zh == "订单上客户支付 12.00 元，归始发网点 SHA"


@given(row=rows().map(everywhere), weight_g=weights, volume_cm3=volumes, wrong=st.booleans())
def test_the_steps_end_in_the_amount(row: Row, weight_g: int, volume_cm3: int, wrong: bool) -> None:
    """Of any charge that is rated; a row whose amount was changed does not agree with its own steps."""
    quote = Tariffs([book([row])], NETWORK).rate(
        "transit", 3, parcel("SHA", "XAB", "standard", weight_g, volume_cm3)
    )
    assert quote is not None
    amount, volumetric_g, chargeable_g, continued_g = astuple(quote)[:4]
    first_g, first_price, continued_price = row.values
    charge = {
        **TRANSIT,
        "amount": yuan(amount + 100 * wrong),
        "actual_g": weight_g,
        "volumetric_g": volumetric_g,
        "chargeable_g": chargeable_g,
        "first_g": first_g,
        "first_price": yuan(first_price),
        "continued_g": continued_g,
        "continued_price": yuan(continued_price),
        "unit_g": row.table.unit_g,
        "rounding": row.rounding,
    }
    assert ("Does not agree" in [step.label_en for step in explain(charge)]) == wrong
