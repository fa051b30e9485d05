"""What the trial calculator remarks beside a price: facts that nobody said and how it took them, unknown words."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from flows.governance.network import Network
from flows.rating.model import Book
from flows.rating.passes import Step
from flows.rating.trial_fields import ALWAYS, FIELDS, words_in
from flows.rating.words import known_words
from schemas.problems import nearest
from schemas.times import date_of

MOST_HINTED = 500
"""Words among which the nearest is looked for: a long table may ask for it in each row, and codes tell it badly."""

NOTHING = frozenset[str]()


class Remarks:
    """On trials by some books."""

    def __init__(self, books: Sequence[Book], network: Network) -> None:
        self._books, self._network = books, network

    def on(self, said: Mapping[str, str], looks_at: frozenset[str], today: int) -> list[Step]:
        """On facts of which these are said, for a price that looks at this (`flows.rating.dependence.looked_at`)."""
        return [*_assumed(said, looks_at, today), *self._unknown(said)]

    def _unknown(self, said: Mapping[str, str]) -> Iterator[Step]:
        """Words that neither the books nor the network have, where they have any: no row is for a misspelt one."""
        for field in FIELDS:
            known = self._known.get(field.counts[0], NOTHING) if field.counts else NOTHING
            for word in words_in(said.get(field.name, "")) if known else ():
                if word not in known:
                    near = nearest(word, sorted(known)) if len(known) <= MOST_HINTED else ""
                    yield Step(
                        "未知的词",
                        "Unknown word",
                        f"{field.zh} {word}：价格手册和网络目录都没有提到"
                        + (f"，最接近的是 {near}" if near else ""),
                        f"{field.name} {word}: neither the books nor the network name it"
                        + (f"; the nearest is {near}" if near else ""),
                    )

    @cached_property
    def _known(self) -> Mapping[str, frozenset[str]]:
        return known_words(self._books, self._network)


def _assumed(said: Mapping[str, str], looks_at: frozenset[str], today: int) -> Iterator[Step]:
    """What the price looks at and nobody said, with what it is taken as, in one step."""
    left = looks_at | ALWAYS
    for field in FIELDS:
        if field.name in said:
            left = left.difference(field.counts)
    zh, en = [], []
    for field in FIELDS:
        if not left.isdisjoint(field.counts):
            left = left.difference(field.counts)
            as_zh, as_en = (text.format(today=date_of(today)) for text in field.unsaid)
            zh.append(f"{field.zh} {as_zh}")
            en.append(f"{field.name} {as_en}")
    if zh:
        yield Step("未填写，按此计算", "Not said, taken as", "，".join(zh), ", ".join(en))
