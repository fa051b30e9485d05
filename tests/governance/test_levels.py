"""Service levels: reading levels.csv, and which step a month reaches."""

from datetime import date

import pytest

from flows.governance.chains import read_chains
from flows.governance.levels import CHARGED, Step, is_reward, reached, read_levels
from schemas.problems import Problem

CHAINS = """
[[rule]]
name = "signed"
label = "未签收"
when = "30"
then = ["50"]
hours = 24
"""
HEADER = "level,rule,from_percent,due,amount,per,from,to\n"


def read(rows: str) -> tuple[tuple[Step, ...], list[Problem]]:
    """The steps in these rows, and what is wrong."""
    problems: list[Problem] = []
    chains = read_chains({"chains.toml": CHAINS}, problems)
    return read_levels({"levels.csv": HEADER + rows}, chains, problems), problems


STEPS = """签收,signed,98.5,service_level,0.05,parcel,,
签收,signed,95,,,month,,
签收,signed,90,late,0.2,late,,
"""


@pytest.mark.parametrize(
    ("parcels", "late", "due", "units"),
    [
        (200, 0, "service_level", 100_000),
        (200, 3, "service_level", 100_000),
        (200, 4, "", 0),
        (200, 10, "", 0),
        (200, 11, "late", 22_000),
        (200, 20, "late", 40_000),
        (200, 21, None, 0),
        (1, 1, None, 0),
    ],
)
def test_the_highest_step_that_is_reached(parcels: int, late: int, due: str | None, units: int) -> None:
    steps, problems = read(STEPS)
    assert problems == []
    step = reached(steps, parcels, late)
    assert (step.due if step is not None else None) == due
    assert (step.units(parcels, late) if step is not None else 0) == units


def test_a_step_holds_for_months_that_begin_within() -> None:
    (first, second), problems = read(
        "签收,signed,0,late,1,month,,2025-12-31\n签收,signed,0,late,2,month,2026-01-01,\n"
    )
    assert problems == []
    assert [first.holds(date(2025, 12, 1)), first.holds(date(2026, 1, 1))] == [True, False]
    assert [second.holds(date(2025, 12, 1)), second.holds(date(2026, 1, 1))] == [False, True]


def test_a_rule_that_nobody_knows_is_named() -> None:
    _, (problem,) = read("签收,sigend,98,late,1,month,,\n")
    assert (
        str(problem) == "levels.csv row 2 column rule: rule 'sigend' is no rule of chains.toml [wrong_value]"
    )


@pytest.mark.parametrize(("cells", "column"), [("2025/11/1,", "from"), (",2025/11/1", "to")])
def test_a_day_as_spreadsheets_save_it_is_told_how_it_is_written(cells: str, column: str) -> None:
    _, (problem,) = read(f"签收,signed,98,late,1,month,{cells}\n")
    assert str(problem).startswith(
        f"levels.csv row 2 column {column}: {column} is a date written as 2025-11-11"
    )
    assert "not '2025/11/1'" in problem.message


def test_who_gets_and_who_pays() -> None:
    assert is_reward("service_level")
    assert not is_reward("late")
    assert {"service_level", "late"} <= set(CHARGED)
    assert "damaged" not in CHARGED


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",signed,0,,,month,,", "level"),
        ("签收,other,0,,,month,,", "rule"),
        ("签收,signed,101,,,month,,", "from_percent"),
        ("签收,signed,1.234,,,month,,", "from_percent"),
        ("签收,signed,x,,,month,,", "from_percent"),
        ("签收,signed,NaN,,,month,,", "from_percent"),
        ("签收,signed,0,transit,1,month,,", "due"),
        ("签收,signed,0,late,-1,month,,", "amount"),
        ("签收,signed,0,late,1,year,,", "per"),
        ("签收,signed,0,late,1,month,x,", "from"),
        ("签收,signed,0,late,1,month,,x", "to"),
        ("签收,signed,0,late,1,month,20260101,", "from"),
        ("签收,signed,0,late,1,month,,2026-W01-4", "to"),
        ("签收,signed,0,,,month,,\n签收,signed,0,late,1,month,,", "from_percent"),
    ],
)
def test_refused(row: str, column: str) -> None:
    _, problems = read(row + "\n")
    assert column in {problem.column for problem in problems}


def test_a_directory_without_levels_has_none() -> None:
    assert read_levels({}, (), []) == ()
