"""How much is drawn at random: `make test` tries a little of everything, `make soak` many times as much."""

import os
from typing import TypeVar

from hypothesis import settings

TIMES = int(os.environ.get("WAYBOOK_VOLUME", "1"))
T = TypeVar("T")


def seeds(few: int, *all_of_them: T) -> tuple[T, ...]:
    """Of what is drawn by a seed, or is one kind of several, the first few, or with more volume all of them."""
    return all_of_them[: few if TIMES == 1 else None]


def examples(few: int) -> settings:
    """Of what is drawn by Hypothesis, so many, or with more volume as many times more."""
    return settings(max_examples=few * TIMES)
