"""The weight policy of a book."""

import pytest

from flows.rating.book import read_book
from flows.rating.policy import NOTHING_ADOPTED
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
