"""Warnings about books that break no rule: scenarios that a pricing clerk can read, and tables that beat others."""

from datetime import date

import msgspec
import pytest

from flows.governance.network import read_network
from flows.rating.advice import advice
from flows.rating.book import Book, read_book
from flows.rating.settings import FILE
from schemas.problems import Problem
from schemas.times import day_of
from tests.rating.material import HERE, NETWORK, book_toml, files_in, scenarios

DAY = day_of(date(2025, 6, 18))
FLAT = {"fee": '"transit"', "file": '"prices.csv"', "shape": '"flat"', "effective_from": "2025-01-01"}
PARTIES = """party,kind,name,parent,legal_entity,settlement_account,customer_level,from,to
C1000,customer,客户一,,,,,,
C2000,customer,客户二,,,,,,
"""


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
        assert rows == {int(row) for row in case["行"].split("|")}


def test_a_name_of_several_places_has_all_their_codes() -> None:
    """上海市 is a province and a city, where the condition does not say which; else the one that is meant."""
    for text, code in (
        ("origin_province.startsWith('上海市')", "310000 or 310100"),
        ("destination_city == '上海市'", "310100"),
    ):
        prices = f"condition,price\n{text},1\n,9\n"
        found = remarks(read_book({FILE: book_toml(FLAT), "prices.csv": prices}, NETWORK))
        (message,) = [one.message for one in found if one.rule == "never_given"]
        assert message.endswith(f"上海市 is {code}")


def test_a_misspelt_word_is_told_with_the_nearest() -> None:
    """Of a closed set from all that is known, of an open one from what other rows name, by the place of the word."""
    prices = "customer,channel,condition,price\n,taobao,,1\n,taobao,product == 'standard',2\n"
    prices += ",taobo,,3\nC10000,,,4\n,,origin_province == '浙江者',5\n"
    files = {**files_in(HERE / "network"), "parties.csv": PARTIES}
    book = read_book({FILE: book_toml(FLAT), "prices.csv": prices}, NETWORK)
    found = {(one.row, one.column): one.message for one in advice(book, read_network(files), DAY)}
    assert "the nearest is C1000" in found.pop((5, "customer"))
    assert "the nearest is 浙江省 (330000)" in found.pop((6, "condition"))
    assert "nothing else names the channel taobo; the nearest is taobao" in found.pop((4, "channel"))
    assert not found
    (other,) = (one for one in remarks(book) if one.column == "customer")
    assert other.rule == "named_once"
    beside = msgspec.structs.replace(book, name="另一本")
    assert "named_once" not in {one.rule for one in advice(book, NETWORK, DAY, [beside])}


def test_a_hub_by_its_name_is_told_its_code() -> None:
    """Rows and conditions compare hubs by their codes, which no name is near to."""
    parties = "HQ,headquarters,总部,,,,,,\nSH-HUB,hub,上海分拨中心,HQ,,,,,\n"
    files = {**files_in(HERE / "network"), "parties.csv": PARTIES + parties}
    prices = "hub,condition,price\n上海分拨中心,,1\n,'上海分拨中心' in hubs,2\n,,9\n"
    book = read_book({FILE: book_toml(FLAT), "prices.csv": prices}, NETWORK)
    found = [one.message for one in advice(book, read_network(files), DAY)]
    assert found == ["hubs are compared by their codes: 上海分拨中心 is SH-HUB"] * 2


def test_words_that_a_book_lists_need_no_other_row() -> None:
    """And those that it does not list are refused (`tests/rating/test_refusals.py`)."""
    toml = '[words]\nchannel = "taobao | douyin"\n' + book_toml(FLAT).partition("\n")[2]
    book = read_book({FILE: f'name = "x"\n{toml}', "prices.csv": "channel,price\ntaobao,1\n,9\n"}, NETWORK)
    assert remarks(book) == []


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
