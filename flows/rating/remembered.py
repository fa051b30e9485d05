"""Answers that are remembered by the key of what was asked, up to a bound."""

from typing import TypeVar

MOST = 200_000
"""Answers that one memory keeps before all are forgotten and found again."""
MOST_TEXTS = 20_000
"""The same of numbers' texts."""

K = TypeVar("K")
V = TypeVar("V")


def remember(known: dict[K, V], key: K, answer: V, most: int | None = None) -> V:
    """The answer, kept for whoever asks again. `most`: how many answers at most, `MOST` where it is not said."""
    if len(known) >= (MOST if most is None else most):
        known.clear()
    known[key] = answer
    return answer
