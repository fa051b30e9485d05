"""Answers that are remembered by the key of what was asked, up to a bound."""

from typing import TypeVar

MOST = 200_000
"""Answers that one memory keeps before all are forgotten and found again."""
MOST_TEXTS = 20_000
"""The same of numbers' texts."""

K = TypeVar("K")
V = TypeVar("V")


def remember(known: dict[K, V], key: K, answer: V, most: int = MOST) -> V:
    """The answer, kept for whoever asks again."""
    if len(known) >= most:
        known.clear()
    known[key] = answer
    return answer
