"""Books of quite different kinds, each entered by the documented format alone, and their tables of cases."""

import csv
import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from flows.rating.book import read_book
from flows.rating.explain import of_quote
from flows.rating.model import FEES
from flows.rating.passes import BOUNDS as BOUND_WORDS
from flows.rating.passes import OF as OF_WORDS
from flows.rating.passes import TERMS as TERM_WORDS
from flows.rating.tariffs import Tariffs
from schemas.money import parse_yuan
from tests.rating.cases import FACTS, STAY, TERMS, Case, day_of_case, facts_of
from tests.rating.material import NETWORK, files_in

HERE = Path(__file__).parent
BOOKS = sorted(path.name for path in HERE.iterdir() if (path / "book").is_dir())
OTHER = {"用例", "费用", "日期", "金额", "算法", "价格行"}
MORE_FEES = {
    "storage_month": "仓储月保底",
    "linehaul": "干线运费",
    "pickup": "提货费",
    "city_delivery": "同城配送费",
    "return": "退件费",
    "cod_fee": "代收手续费",
}
"""Fees that these books price beside those of the express network."""


@cache
def tariffs(name: str) -> Tariffs:
    """The prices of a book."""
    fees = {**FEES, **MORE_FEES}
    return Tariffs([read_book(files_in(HERE / name / "book"), NETWORK, fees)], NETWORK)


LEFT_IN_ENGLISH = ("less_specific", "lower_", "earlier_", "shortfall", " each")
"""Words of the steps that have Chinese ones."""


def cases() -> list[object]:
    """All cases of all books."""
    found: list[object] = []
    for name in BOOKS:
        with (HERE / name / "cases.csv").open(encoding="utf-8", newline="") as file:
            found += [pytest.param(name, case, id=f"{name}: {case['用例']}") for case in csv.DictReader(file)]
    return found


@pytest.mark.parametrize(("name", "case"), cases())
def test_cases(name: str, case: Case) -> None:
    """The amount of a case; the working beside it comes to the same, and so do the steps that the charge keeps."""
    assert set(case) <= {*FACTS, *TERMS, *STAY, *OTHER}
    quote = tariffs(name).rate(case["费用"], day_of_case(case), facts_of(case))
    if not case["金额"]:
        assert quote is None
        return
    assert quote is not None
    assert quote.amount == parse_yuan(case["金额"]), quote.steps
    steps = json.loads(quote.steps or "[]")
    assert {term[0] for step in steps for term in step.get("terms", ())} <= {*TERM_WORDS, *BOUND_WORDS}
    assert {step["of"] for step in steps if step.get("of")} <= set(OF_WORDS)
    told = of_quote(quote, facts_of(case), "v")
    assert all(word not in step.text_zh for step in told for word in LEFT_IN_ENGLISH), told
    if case.get("价格行"):
        assert quote.row.where == case["价格行"]
    if quote.steps:
        *steps, last = json.loads(quote.steps)
        total = sum(
            -Decimal(step["amount"]) if step["kind"] == "discount" else Decimal(step["amount"])
            for step in steps
            if step["kind"] != "factors"
        )
        assert total == Decimal(last["total"])


@pytest.mark.parametrize(
    ("parcels", "lost"),
    [
        ("1200", "落选价格: volume.csv:2（金额较低：0.2625 元）"),
        ("6000", "落选价格: agreement.csv:3（金额较低：0.525 元）"),
    ],
)
def test_a_discount_that_gives_way_to_a_larger_one_is_told(parcels: str, lost: str) -> None:
    """客户 C-B 的协议折扣 10%，月票数折扣 5% 或 15%：同组只取最大的，落选的及其金额也列出。"""
    case = {"目的": "XAB", "客户": "C-B", "重量kg": "2.5", "当月票数": parcels}
    quote = tariffs("express").rate("transit", day_of_case(case), facts_of(case))
    assert quote is not None
    told = of_quote(quote, facts_of(case), "v")
    assert lost in [f"{step.label_zh}: {step.text_zh}" for step in told], told


def test_every_table_is_tried() -> None:
    """No book has a table that none of its cases needs."""
    for name in BOOKS:
        used: set[str] = set()
        with (HERE / name / "cases.csv").open(encoding="utf-8", newline="") as file:
            for case in csv.DictReader(file):
                quote = tariffs(name).rate(case["费用"], day_of_case(case), facts_of(case))
                if quote is not None:
                    used.add(quote.row.file)
                    used |= {
                        step["where"].split(":")[0]
                        for step in json.loads(quote.steps or "[]")
                        if "where" in step
                    }
        maps = {table.file for table in tariffs(name).books[0].tables if table.kind == "zones"}
        assert {table.file for table in tariffs(name).books[0].tables} - maps == used, name
