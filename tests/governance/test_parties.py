"""Parties and areas of a directory: what is refused and where, levels and memberships by day."""

from datetime import date

import pytest

from flows.governance.network import read_network
from flows.governance.parties import masked
from schemas.problems import DocumentError
from schemas.times import day_of
from tests.lifecycle.test_transfers import FILES
from tests.rating.material import scenarios

CASES = scenarios("parties.csv")


@pytest.mark.parametrize("case", CASES, ids=[case["用例"] for case in CASES])
def test_a_wrong_row_is_refused_with_its_place_and_rule(case: dict[str, str]) -> None:
    files = {**FILES, case["文件"]: f"{FILES[case['文件']]}{case['改动']}\n"}
    with pytest.raises(DocumentError) as refused:
        read_network(files)
    found = [(one.file, str(one.row), one.column, one.rule) for one in refused.value.problems]
    assert (case["文件"], case["行"], case["列"], case["规则"]) in found


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
    ("account", "shown"), [("6222021234567890123", "****0123"), ("12345678", "****"), ("", "")]
)
def test_accounts_are_masked(account: str, shown: str) -> None:
    assert masked(account) == shown
