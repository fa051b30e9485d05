"""Warnings about books that break no rule: scenarios that a pricing clerk can read, and tables that beat others."""

from datetime import date

import msgspec
import pytest

from flows.rating.advice import advice
from flows.rating.book import Book, read_book
from flows.rating.settings import FILE
from schemas.problems import Problem
from schemas.times import day_of
from tests.rating.material import NETWORK, book_toml, scenarios

DAY = day_of(date(2025, 6, 18))
FLAT = {"fee": '"transit"', "file": '"prices.csv"', "shape": '"flat"', "effective_from": "2025-01-01"}


def remarks(book: Book, day: int = DAY) -> list[Problem]:
    """All warnings."""
    return list(advice(book, NETWORK, day))


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case["用例"]) for case in scenarios("tariff_advice.csv")]
)
def test_scenario(case: dict[str, str]) -> None:
    """What should be said is said, at its row; a book without a fault is not remarked on."""
    settings = dict(pair.split("=") for pair in case["设置"].split() if pair)
    prices = "\n".join(line.strip() for line in case["文件内容（每行以 / 分隔）"].split("/")) + "\n"
    found = remarks(read_book({FILE: book_toml({**FLAT, **settings}), "prices.csv": prices}, NETWORK))
    if not case["应提示"]:
        assert not found
        return
    rows = {one.row for one in found if one.rule == case["应提示"]}
    assert rows, found
    if case["行"]:
        assert rows == {int(case["行"])}


def test_a_name_of_several_places_has_all_their_codes() -> None:
    """上海市 is a province and a city."""
    prices = "condition,price\norigin_province == '上海市',1\n,9\n"
    found = remarks(read_book({FILE: book_toml(FLAT), "prices.csv": prices}, NETWORK))
    (message,) = [one.message for one in found if one.rule == "never_given"]
    assert message.endswith("上海市 is 310000 or 310100")


def test_a_discount_of_all_is_none_of_more_than_all() -> None:
    """Free is allowed."""
    toml = book_toml({**FLAT, "kind": '"discount"', "name": '"free"', "shape": '"percent"'})
    found = remarks(read_book({FILE: toml, "prices.csv": "percent\n100\n"}, NETWORK))
    assert "more_than_all" not in {one.rule for one in found}


def test_a_table_that_another_one_always_beats() -> None:
    """By priority on all its days; by a later beginning only from then on."""
    prices = {"prices.csv": "price\n1.00\n", "other.csv": "price\n2.00\n"}

    def rules(**settings: str) -> list[tuple[str, str]]:
        toml = book_toml(FLAT, {**FLAT, "file": '"other.csv"', **settings})
        return [(one.file, one.rule) for one in remarks(read_book({FILE: toml, **prices}, NETWORK))]

    assert rules(priority="5") == [("prices.csv", "always_beaten")]
    assert rules(priority="5", effective_to="2025-12-31") == []
    assert rules(effective_from="2025-03-01") == []


def test_two_tables_together_beat_a_third() -> None:
    """Each on some of its days, without a day between them."""
    files = {f"{name}.csv": "price\n1.00\n" for name in ("prices", "spring", "summer")}
    toml = book_toml(
        {**FLAT, "effective_to": "2025-06-30"},
        {**FLAT, "file": '"spring.csv"', "priority": "1", "effective_to": "2025-03-31"},
        {**FLAT, "file": '"summer.csv"', "priority": "1", "effective_from": "2025-04-01"},
    )
    book = read_book({FILE: toml, **files}, NETWORK)
    assert [(one.file, one.rule) for one in remarks(book)] == [
        ("spring.csv", "table_ended"),
        ("prices.csv", "always_beaten"),
    ]
    later = toml.replace("2025-04-01", "2025-04-02")
    book = read_book({FILE: later, **files}, NETWORK)
    assert [one.rule for one in remarks(book)] == ["table_ended"]


def test_lines_that_a_book_beside_it_prices() -> None:
    """Need no price in this one, unless it takes the other's place."""
    small = read_book({FILE: book_toml(FLAT), "prices.csv": "origin_province,price\n上海,1.00\n"}, NETWORK)
    whole = read_book({FILE: book_toml(FLAT), "prices.csv": "price\n1.00\n"}, NETWORK)
    beside = msgspec.structs.replace(whole, name="另一本")

    def rules(*standing: Book) -> set[str]:
        return {one.rule for one in advice(small, NETWORK, DAY, standing)}

    assert rules() == rules(whole) == {"line_without_price"}
    assert rules(beside) == set()
