"""Objects as the columns of their table, made in runs while the objects are still in the processor's cache.

A run's objects are let go of as soon as their columns are made: what stays of them are numbers, words' codes and
the bytes of texts. A block has tens of thousands of them, and to come back to each of them for each of its columns
would mean to fetch it from memory each time.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flows.governance.network import Network
from schemas.parties import CUSTOMER, HQ
from sinks import columns
from sinks.columns import Ints, Made, Texts, Vocabulary

TEXT, NUMBER = "text", "number"
"""How a field is kept; a word by the name of its vocabulary in `Words`."""


class Words:
    """The words of a lane's rows, as numbers that stay the same from block to block; 0 is the empty word."""

    def __init__(self) -> None:
        self.outlets, self.places, self.products = Vocabulary(("",)), Vocabulary(("",)), Vocabulary(("",))
        self.operations, self.sources, self.sites = Vocabulary(("",)), Vocabulary(("",)), Vocabulary(("",))
        self.couriers, self.classes = Vocabulary(("",)), Vocabulary(("",))
        self.parties = Vocabulary(("", HQ, CUSTOMER))
        self.topics = Vocabulary()
        self._located: tuple[Network | None, int, dict[str, tuple[Ints, Vocabulary]]] = (None, 0, {})

    def of(self, sort: str) -> Vocabulary:
        """The vocabulary of this name."""
        return getattr(self, sort)  # type: ignore[no-any-return]

    def located(self, network: Network) -> dict[str, tuple[Ints, Vocabulary]]:
        """Outlet, city and province of every site met so far, by the site's number."""
        known, count, found = self._located
        if known is not network or count != len(self.sites):
            places = [network.sites.get(name) for name in self.sites]
            found = {}
            for field in ("outlet", "city", "province"):
                words = Vocabulary()
                found[field] = (
                    words.codes([getattr(place, field) if place else "" for place in places]),
                    words,
                )
            self._located = network, len(self.sites), found
        return found


class Kept:
    """The columns of objects of one kind, by name, run after run. A row is a tuple of their fields.

    `fields`: their names in order; `kept`: by field the column and how it is kept.
    """

    def __init__(self, fields: Sequence[str], kept: Mapping[str, tuple[str, str]], words: Words) -> None:
        self.rows = 0
        self.texts: dict[str, Texts] = defaultdict(Texts)
        self.numbers: dict[str, list[Ints]] = defaultdict(list)
        self._kept = [
            (fields.index(field), column, sort, words.of(sort) if sort not in (TEXT, NUMBER) else None)
            for field, (column, sort) in kept.items()
        ]

    def take(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Make a run into columns; returns the values field by field."""
        fields = list(zip(*rows, strict=True))
        for place, column, sort, words in self._kept:
            values = fields[place]
            if words is not None:
                self.numbers[column].append(words.codes(values))
            elif sort == TEXT:
                self.texts[column].add(values)
            else:
                self.numbers[column].append(columns.ints(values))
        self.rows += len(rows)
        return fields

    def number(self, column: str) -> Ints:
        """A column of numbers or of words' codes, all runs of it."""
        return np.concatenate(self.numbers[column])

    def text(self, column: str) -> Made:
        """A column of texts, all runs of it."""
        return Texts.joined([self.texts[column]])
