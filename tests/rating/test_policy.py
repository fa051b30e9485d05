"""The weight policy of a book."""

import pytest

from flows.rating.book import read_book
from flows.rating.policy import NOTHING_ADOPTED, WeightPolicy
from schemas.problems import DocumentError
from schemas.times import HOUR
from tests.rating.material import FILES, NETWORK

POLICY = read_book(FILES, NETWORK).policy or NOTHING_ADOPTED


def test_classes_are_in_the_books_order() -> None:
    """Best first, each with the moment from which it may be adopted."""
    assert POLICY.rank == {"hub_dws": 0, "outlet_scale": 1, "declared": 2}
    assert POLICY.adopt == ("at_once", "when_signed", "after_signed")
    assert POLICY.after_ms == (0, 0, 36 * HOUR)


@pytest.mark.parametrize(
    ("a_g", "b_g", "differs"),
    [
        (1_000, 1_500, False),  # 500 g is not more than 500 g
        (1_000, 1_501, True),
        (5_009, 4_508, True),  # 501 g are just over 10 % of 5.009 kg
        (5_010, 4_509, False),
        (20_000, 21_500, False),  # 1.5 kg, but only 7 %
        (20_000, 22_223, True),
        (2_000, 2_000, False),
    ],
)
def test_weights_differ_beyond_both_thresholds(a_g: int, b_g: int, differs: bool) -> None:
    """By more than 500 g and by more than 10 % of the heavier, in either order."""
    assert POLICY.differs(a_g, b_g) is differs
    assert POLICY.differs(b_g, a_g) is differs


def _policy(more: str) -> WeightPolicy:
    files = {**FILES, "book.toml": FILES["book.toml"].replace("[[table]]", more + "\n[[table]]", 1)}
    policy = read_book(files, NETWORK).policy
    assert policy is not None
    return policy


LINES = """
[[weight.policy]]
product = "standard"
difference_g = 1

[[weight.policy]]
origin_province = "上海"
destination_province = "陕西"
difference_g = 2

[[weight.policy]]
product = "standard"
origin_province = "310000"
difference_g = 3
"""


@pytest.mark.parametrize(
    ("line", "difference_g"),
    [
        (("standard", "450000", "450000"), 1),
        (("express", "310000", "610000"), 2),
        (("standard", "310000", "450000"), 3),
        (("express", "450000", "610000"), 500),
        (("express", "310000", "450000"), 500),
    ],
)
def test_the_most_specific_line_wins(line: tuple[str, str, str], difference_g: int) -> None:
    whole = LINES + LINES[LINES.rindex("[[") :].replace("difference_g = 3", 'destination_province = "陕西"\n')
    assert _policy(whole).of(*line).difference_g == difference_g


def test_a_line_inherits_what_it_leaves_out() -> None:
    line = _policy(LINES.partition("[[weight.policy]]\norigin")[0]).of("standard", "", "")
    assert (line.rank, line.difference_percent, line.on_difference) == (POLICY.rank, 10, "charge")


REFUSED = [
    ("[[weight.policy]]\ndifference_g = 1", "policy_of_nothing"),
    ('[[weight.policy]]\nproduct = "standart"', "unknown_product"),
    ('[[weight.policy]]\norigin_province = "西安"', "unknown_province"),
    ('[[weight.policy]]\nproduct = "standard"\n[[weight.policy]]\nproduct = "standard"', "ambiguous_policy"),
    (
        '[[weight.policy]]\nproduct = "standard"\n[[weight.policy]]\norigin_province = "上海"',
        "ambiguous_policy",
    ),
    ('[[weight.policy]]\nproduct = "standard"\non_difference = "ask"', "wrong_setting"),
    ('[[weight.policy]]\nproduct = "standard"\ncity = "x"', "unknown_setting"),
    (
        '[[weight.policy]]\nproduct = "standard"\n[[weight.policy.precedence]]\nclass = "hub_dws"\n'
        'adopt = "at_once"\nleast_g = 9\nmost_g = 8',
        "limits_reversed",
    ),
    (
        '[[weight.policy]]\nproduct = "standard"\n[[weight.policy.precedence]]\nclass = "hub_dws"\n'
        'adopt = "at_once"\nchoose = "best"',
        "wrong_setting",
    ),
]


@pytest.mark.parametrize(("more", "rule"), REFUSED, ids=[f"{n}-{r}" for n, (_, r) in enumerate(REFUSED)])
def test_a_policy_that_says_nothing_clear_is_refused(more: str, rule: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        _policy(more)
    problems = refusal.value.problems
    assert {problem.rule for problem in problems} == {rule}
    assert all(problem.row > 0 and problem.file == "book.toml" for problem in problems)
