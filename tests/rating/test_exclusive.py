"""Conditions that exclude each other: what is told of them is what trying every value finds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.rating.book import read_book
from flows.rating.conditions import NUMBER, TEXTS, TYPES, Condition
from flows.rating.exclusive import exclusive
from flows.rating.settings import FILE
from tests.rating.material import NETWORK, book_toml
from tests.rating.test_refusals import places, problems_of

PLAIN: dict[str, Any] = {
    name: 0 if kind == NUMBER else [] if kind == TEXTS else "" for name, kind in TYPES.items()
}
OPERATORS = ("==", "!=", "<", "<=", ">", ">=")


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("pieces > 3", "pieces <= 3", True),
        ("(pieces > 3)", "( pieces<=3 ) && channel == 'a'", True),
        ("(pieces > 3) && pieces < 9", "(pieces <= 3", False),
        ("pieces > 3", "pieces < 5", False),
        ("pieces > 3", "4 > pieces", True),
        ("channel == 'a'", 'channel == "b"', True),
        ("channel == 'a'", "channel != 'a' && pieces > 1", True),
        ("channel == 'a && pieces > 3'", "channel == 'b'", True),
        ("channel != 'a'", "channel != 'b'", False),
        ("pieces >= 2 && pieces <= 3 && pieces != 2", "pieces != 3", True),
        ("pieces > 3", "cod <= 3", False),
        ("weight_g > 3000 && channel == 'a'", "weight_g > 3000 && channel == 'b'", True),
        ("pieces > 3 || channel == 'a'", "pieces <= 3 && channel == 'b'", False),
        ("!(pieces > 3)", "pieces > 3", False),
        ("channel < 'a'", "channel == 'b'", False),
        (r"channel == '\x61'", "channel == 'b'", False),
        ("pieces + 1 > 3", "pieces <= 2", False),
        ("'a' in services", "services == []", False),
    ],
)
def test_what_is_plain(one: str, other: str, told: bool) -> None:
    """Of all others nothing is said, though some of them exclude each other, too."""
    assert exclusive(one, other) is exclusive(other, one) is told


def conditions() -> st.SearchStrategy[str]:
    """Comparisons of two facts with small numbers and short texts."""
    number = st.tuples(st.sampled_from(OPERATORS), st.integers(0, 4), st.booleans()).map(
        lambda said: f"{said[1]} {said[0]} pieces" if said[2] else f"pieces {said[0]} {said[1]}"
    )
    text = st.tuples(st.sampled_from(OPERATORS[:2]), st.sampled_from("ab")).map(
        lambda said: f"channel {said[0]} '{said[1]}'"
    )
    return st.lists(number | text, min_size=1, max_size=3).map(" && ".join)


@given(conditions(), conditions())
def test_exactly_those_exclude_each_other_that_no_value_fulfils(one: str, other: str) -> None:
    both = Condition(one), Condition(other)
    fulfilled = any(
        all(condition.holds(PLAIN | {"pieces": pieces, "channel": channel}) for condition in both)
        for pieces in range(-2, 8)
        for channel in ("", "a", "b")
    )
    assert exclusive(one, other) is not fulfilled


@pytest.mark.parametrize(("other", "refused"), [("pieces <= 3", []), ("pieces <= 4", [3])])
def test_rows_whose_conditions_exclude_each_other_are_no_tie(other: str, refused: list[int]) -> None:
    flat = {"fee": '"transit"', "file": '"p.csv"', "shape": '"flat"', "effective_from": "2025-01-01"}
    files = {FILE: book_toml(flat), "p.csv": f"condition,price\npieces > 3,1\n{other},2\n"}
    if refused:
        problems = problems_of(lambda: read_book(files, NETWORK))
        assert [(row, rule) for _, row, _, rule in places(problems)] == [
            (row, "overlapping_rows") for row in refused
        ]
        assert all("pieces > 3 and pieces <= 3" in one.message for one in problems)
    else:
        assert len(read_book(files, NETWORK).rows) == 2
