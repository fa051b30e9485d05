"""Customers owe and pay as time passes: affairs begin at a steady pace, each a story drawn by its share."""

import heapq
import itertools
import random
from collections.abc import Iterator

import msgspec

from schemas import topics
from schemas.payments import PaymentDecided
from schemas.times import HOUR
from sources.network.paying.case import Case, Chances, Said, Told
from sources.network.paying.ledger import Ledger
from sources.network.paying.merchants import CENTRE, HEADQUARTERS
from sources.network.paying.mornings import Mornings
from sources.network.paying.stories import STORIES
from sources.network.paying.told import Voices

GROUPS = {CENTRE: 0.6, HEADQUARTERS: 0.4}


class Record(msgspec.Struct, frozen=True):
    """For Kafka."""

    topic: str
    key: str
    value: bytes


class Customers:
    """`per_hour` affairs begin in an hour of simulated time."""

    def __init__(
        self,
        seed: int,
        per_hour: float,
        start: int,
        voices: Voices,
        ledger: Ledger,
        matching: str,
        mornings: Mornings | None = None,
    ) -> None:
        self._seed, self._voices, self.ledger, self._mornings = seed, voices, ledger, mornings
        self._chances = Chances(billed=mornings is not None)
        self.rules = voices.rules(matching, start)
        """What is published before anyone pays. `matching`: the text of `matching.toml`."""
        self._r = random.Random(f"{seed}/customers")
        self._gap = max(1, round(HOUR / per_hour))
        self._next = start + self._gap
        self._cues: list[tuple[int, int, Said | Told]] = []
        self._order = itertools.count()
        self.affairs = 0

    @property
    def due(self) -> int | None:
        """When something is said next (UTC ms); None: nothing is left to say."""
        said = self._cues[0][0] if self._cues else None
        billed = self._mornings.next if self._mornings is not None else None
        return min((at for at in (said, billed) if at is not None), default=None)

    def begin(self, now: int) -> None:
        """Affairs that begin up to `now` (UTC ms)."""
        while self._next <= now:
            self._begin(self._next)
            self._next += self._gap

    def until(self, now: int) -> Iterator[Record]:
        """What is said up to `now`; bills are written."""
        if self._mornings is not None:
            self._mornings.until(now)
        while self._cues and self._cues[0][0] <= now:
            _, _, cue = heapq.heappop(self._cues)
            if isinstance(cue, Told):
                event = self._voices.notification(cue)
                topic = topics.notifications(event.channel)
                yield Record(topic.name, event.group, msgspec.json.encode(event))
            else:
                topic = topics.DECISIONS if isinstance(cue.event, PaymentDecided) else topics.RECEIVABLES
                yield Record(topic.name, cue.event.group, msgspec.json.encode(cue.event))

    def close(self) -> None:
        """The truth is in its file."""
        self.ledger.close()

    def _begin(self, at: int) -> None:
        self.affairs += 1
        name = self._r.choices(list(STORIES), [story.share for story in STORIES.values()])[0]
        if self.affairs <= len(STORIES):  # each once, however short a simulation is
            name = list(STORIES)[self.affairs - 1]
        group = self._r.choices(list(GROUPS), list(GROUPS.values()))[0]
        case = Case(name, self.affairs, group, at, self._seed, self._chances)
        STORIES[name].tell(case)
        affair = case.affair()
        self.ledger.expect(affair)
        if self._mornings is not None:
            self._mornings.happened(affair.movements)
        cues: list[Said | Told] = [*affair.said, *affair.told]
        for cue in cues:
            heapq.heappush(self._cues, (cue.at, next(self._order), cue))
