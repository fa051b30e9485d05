"""Tables with rows of totals, mostly one at their end: known by a column and its value, and compared with the rows."""

from collections.abc import Callable

import msgspec
import pytest

from sources.bills.model import BillError, Totals
from tests.bills.material import read
from tests.bills.test_formats import ROWS, TABLE, as_csv, as_excel
from tests.rating.material import scenarios

CASES = scenarios("table_totals.csv")
WRITE: dict[str, Callable[[list[list[str]]], bytes]] = {"csv": as_csv, "excel": as_excel}
SUMMED = msgspec.structs.replace(TABLE, totals=Totals(column="流水号", value="合计*", count="摘要"))
MORE = [
    *ROWS,
    ["B4", "2025-11-11 10:30:00", "50.00", "", "1048.00", "", "", "转账", "2.00"],
    ["B5", "2025-11-11 11:00:00", "", "0.50", "1047.50", "", "", "期初", ""],
]


def row_of(text: str) -> list[str]:
    """`合计 1284.50 235.00 2.00 共5笔`: what stands in the columns of numbers, in, out, fee and text; `-`: nothing."""
    word, came, left, fee, count = ("" if one == "-" else one for one in text.split())
    cells = {"流水号": word, "贷方": came, "借方": left, "手续费": fee, "摘要": count}
    return [cells.get(name, "") for name in ROWS[0]]


@pytest.mark.parametrize(
    ("case", "form"),
    [
        pytest.param(case, form, id=f"{case['用例']}-{form}")
        for case in CASES
        for form in case["格式"].split()
    ],
)
def test_scenario(case: dict[str, str], form: str) -> None:
    """One row of the table; nothing of a bill is believed whose totals are others."""
    above, below = (list(map(row_of, filter(None, case[of].split("；")))) for of in ("首行", "末行"))
    rows = [MORE[0], *above, *MORE[1:], *below]
    asked = msgspec.structs.replace(SUMMED, format=form)
    if not case["结果"]:
        assert [one.number for one in read(WRITE[form](rows), asked)] == ["B1", "B2", "B3", "B4"]
        return
    with pytest.raises(BillError) as error:
        read(WRITE[form](rows), asked)
    assert error.value.reason == case["结果"]


@pytest.mark.parametrize("lost", range(1, len(MORE)))
def test_a_row_that_is_lost_shows(lost: int) -> None:
    """Also without a balance that would tell."""
    assert TABLE.columns is not None
    asked = msgspec.structs.replace(SUMMED, columns=msgspec.structs.replace(TABLE.columns, balance=""))
    rows = [*MORE, row_of("合计 1284.50 235.00 2.00 -")]
    assert len(read(as_csv(rows), asked)) == 4
    with pytest.raises(BillError, match="bill_total_wrong"):
        read(as_csv(rows[:lost] + rows[lost + 1 :]), asked)


def test_a_row_of_totals_may_be_shorter_than_the_others() -> None:
    """As some banks write it."""
    assert len(read(as_csv([*MORE, ["合计", "", "1284.50"]]), SUMMED)) == 4


def test_without_the_setting_rows_end_with_the_file() -> None:
    with pytest.raises(BillError, match="bill_unreadable"):
        read(as_csv([*MORE, row_of("合计 1284.50 235.00 2.00 5")]), TABLE)


def test_its_columns_must_be_there() -> None:
    asked = msgspec.structs.replace(TABLE, totals=Totals(column="序号", value="合计"))
    with pytest.raises(BillError, match="has not one column 序号"):
        read(as_csv(MORE), asked)
