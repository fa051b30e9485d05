"""Numbers in what payers write: exact tokens, whatever their width, case and separators."""

import pytest

from flows.reconciliation.model import Due, Paid
from flows.reconciliation.quoted import (
    MOST_NUMBERS,
    in_text,
    normal,
    numbers_of_due,
    numbers_of_payment,
)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", ()),
        ("付FR-1007、FR-1008运费", ("FR1007", "FR1008")),
        ("ＦＲ－1007", ("FR1007",)),
        ("fr–1007", ("FR1007",)),
        ("fr 1007", ("FR1007",)),
        ("FR-1007-2", ("FR10072",)),
        ("FR-1007/2", ("FR1007", "FR10072")),
        ("合同号2025/0031尾款", ("20250031",)),
        ("FR1007，100.00元", ("FR1007", "10000")),
        ("运费 12 件", ()),
        ("货款", ()),
    ],
)
def test_numbers_are_exact_tokens(text: str, numbers: tuple[str, ...]) -> None:
    assert in_text(text) == numbers


def test_a_number_is_not_found_within_another() -> None:
    assert "FR1007" not in in_text("FR10071 XFR1007 FR-1007-1")


def test_what_is_looked_up_is_bounded() -> None:
    assert len(in_text(" ".join(f"FR{n:05d}" for n in range(1000)))) == MOST_NUMBERS


def test_the_order_comes_first_and_nothing_twice() -> None:
    assert numbers_of_payment(Paid("k", "payment", 1, 0, order="A-10001", text="a10001 B20002")) == (
        "A10001",
        "A10001B20002",
        "B20002",
    )
    assert numbers_of_due(Due("FR-1", "order", "p", 1, 0, references=("C-1", "fr1"))) == ("FR1", "C1")
    assert normal("ｆｒ－１") == "FR1"
