"""Parties and areas of a directory: what is refused and where, levels and memberships by day."""

from datetime import date

import pytest

from flows.governance.advice import advice
from flows.governance.network import read_network
from flows.governance.parties import masked
from flows.rating.book import read_book
from schemas.problems import DocumentError
from schemas.times import day_of
from tests.dashboards.data import CHAINS
from tests.lifecycle.test_transfers import FILES
from tests.lifecycle.world import BOOK
from tests.rating.material import scenarios

CASES = scenarios("parties.csv")


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_a_wrong_row_is_refused_with_its_place_and_rule(case: dict[str, str]) -> None:
    files = {**FILES, case["文件"]: f"{FILES[case['文件']]}{case['改动']}\n"}
    with pytest.raises(DocumentError) as refused:
        read_network(files)
    found = [(one.file, str(one.row), one.column, one.rule) for one in refused.value.problems]
    assert (case["文件"], case["行"], case["列"], case["规则"]) in found


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("X,outlet,甲,没有,,,,,", "没有 is no party of this file from the beginning"),
        ("X,outlet,甲,旧公司,,,,2025-01-01,", "旧公司 is no party of this file on 2025-11-01"),
        ("X,contractor,甲,HQ,,,,,", "HQ is headquarters; a contractor belongs to an outlet"),
        ("X,headquarters,甲,无锡,,,,,", "is headquarters for HQ, and only there"),
        ("X,courier,甲,,,,,,", "a courier belongs to an outlet or a contractor or a station"),
        (
            "X,courier,甲,C1,,,,2025-01-01,",
            "C1 is a customer; a courier belongs to an outlet or a contractor",
        ),
        ("X,hub,甲,无锡,,,,2025-01-01,", "无锡 is an outlet; a hub belongs to headquarters or a province"),
        ("HQ,headquarters,总部,,,,,,", "HQ is already described from the beginning in row 2"),
        ("X,outlet,甲,HQ,,,,2025/1/1,", "written as 2025-11-11, or empty, not '2025/1/1'"),
        ("C1,customer,大客户,,,,A,2025-06-01,2025-07-01", "C1 is already described on 2025-06-01 in row 6"),
    ],
)
def test_what_is_wrong_is_said_in_words(row: str, says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        read_network({**FILES, "parties.csv": f"{FILES['parties.csv']}{row}\n"})


def test_what_a_directory_no_longer_says_is_remarkable() -> None:
    """As one from a workbook without the sheet of scan chains: nobody would notice that nothing is watched."""
    before = read_network({**FILES, "chains.toml": CHAINS})
    files = {**FILES, "areas.csv": "outlet,county\n"}
    remarks = list(advice(files, read_network(files), [], before))
    assert [(one.file, one.rule) for one in remarks] == [
        ("areas.csv", "left_out"),
        ("chains.toml", "left_out"),
    ]
    assert "the directory before had it: nothing of it is in force any more" in str(remarks[1])
    assert list(advice(FILES, before, [], read_network(FILES))) == []


def test_an_outlet_of_another_province_is_remarkable() -> None:
    files = {**FILES, "areas.csv": FILES["areas.csv"] + "SHC,610103\n"}
    assert list(advice(FILES, read_network(FILES), [])) == []
    (remark,) = advice(files, read_network(files), [])
    assert str(remark).startswith("areas.csv row 7 column outlet")
    assert "SHC lies in 上海市, and 610103 碑林区 in 陕西省" in str(remark)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ("price\n1\n", []),
        ("customer_level,price\nA|B,1\n", []),
        ("customer_level,price\nA|VIP,1\n,2\n", [7]),
        ("condition,price\ncustomer_level == 'B',1\n,2\n", [6]),
    ],
)
def test_a_level_that_no_price_names_is_remarkable(cells: str, found: list[int]) -> None:
    """Where prices go by levels; of a condition, too."""
    network = read_network(FILES)
    book = read_book({**BOOK, "waybill.csv": cells}, network)
    remarks = list(advice(FILES, network, [book]))
    assert [(one.file, one.row, one.column) for one in remarks] == [
        ("parties.csv", row, "customer_level") for row in found
    ]
    assert list(advice(FILES, network, [book, read_book(BOOK, network)])) == [], (
        "another book has taken its place"
    )


def test_a_circle_of_outlets_is_refused() -> None:
    circle = (
        "甲,outlet,甲,丙,,,,,\n乙,outlet,乙,甲,,,,2025-06-01,\n"
        "丙,outlet,丙,HQ,,,,,2025-12-31\n丙,outlet,丙,乙,,,,2026-01-01,\n"
    )
    with pytest.raises(DocumentError, match="cycle"):
        read_network({**FILES, "parties.csv": FILES["parties.csv"] + circle})
    apart = circle.replace("2025-06-01,\n", "2025-06-01,2025-12-31\n").replace(
        "丙,乙,,,,2026", "丙,HQ,,,,2026"
    )
    assert "丙" in read_network({**FILES, "parties.csv": FILES["parties.csv"] + apart}).parties


def test_customers_have_a_level_by_day() -> None:
    network = read_network(FILES)
    levels = [network.customer_level("C1", day_of(date(year, 6, 1))) for year in (2024, 2025, 2026)]
    assert levels == ["", "A", "B"]
    assert network.customer_level("C2", 0) == ""
    assert network.party("旧公司", day_of(date(2025, 11, 1))) is None


def test_a_directory_of_three_files_has_no_parties() -> None:
    network = read_network({name: FILES[name] for name in ("places.csv", "sites.csv", "products.csv")})
    assert (network.parties, network.areas) == ({}, {})


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ("6222021234567890123", "****0123"),
        ("****0123", "****0123"),
        ("12345678", "****"),
        ("****", "****"),
        ("", ""),
    ],
)
def test_accounts_are_masked(account: str, shown: str) -> None:
    assert masked(account) == shown
