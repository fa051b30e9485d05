"""How much is drawn at random: `make test` tries a little of everything, `make soak` many times as much."""

import os

from hypothesis import settings

TIMES = int(os.environ.get("WAYBOOK_VOLUME", "1"))


def seeds(few: int, *all_of_them: int) -> tuple[int, ...]:
    """Of what is drawn by a seed, the first few, or with more volume all of them."""
    return all_of_them[: few if TIMES == 1 else None]


def examples(few: int) -> settings:
    """Of what is drawn by Hypothesis, so many, or with more volume as many times more."""
    return settings(max_examples=few * TIMES)
