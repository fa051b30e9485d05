"""Topics that a lane reads and Kafka does not have: the client waits for them without a word, so the lane says so.

It asks when it begins, and while a topic is missing without which no block is cut, again after a second, two, four…
"""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Protocol

from confluent_kafka import KafkaException

from flows.engine import metrics
from flows.engine.log import log
from schemas import topics

PATIENCE = 2.0
"""Seconds that Kafka has to answer."""
SOON, SELDOM = 1.0, 60.0
"""Seconds until Kafka is asked again: the least, and the most."""


class Read(Protocol):
    """What there is to know of an input: see `flows.engine.source.Input`."""

    @property
    def topic(self) -> str:
        """Its topic."""

    @property
    def partition(self) -> int:
        """Its partition."""

    @property
    def needed(self) -> bool:
        """Whether the lane cuts no block without it."""


class Missing:
    """Tells what a lane waits for. `ask`: topics in Kafka, by name with their numbers of partitions."""

    def __init__(
        self,
        lane: int,
        inputs: Sequence[Read],
        ask: Callable[[], dict[str, int]],
        server: str,
        partitions: int,
    ) -> None:
        self._lane, self._inputs, self._ask = lane, inputs, ask
        self._server, self._partitions = server, partitions
        self._pause = SOON
        self._next: float | None = 0.0
        """When Kafka is asked next; None: all that is needed is there."""
        self._told = False

    def look(self) -> None:
        """Ask if it is time to, and say what is missing. Called again and again while the lane reads."""
        if self._next is None or monotonic() < self._next:
            return
        try:
            there = self._ask()
        except KafkaException as error:
            log("waiting for Kafka", lane=self._lane, server=self._server, error=str(error))
            self._later()
            return
        missing = [i for i in self._inputs if i.partition >= there.get(i.topic, 0)]
        waits = len({i.topic for i in missing if i.needed})
        metrics.TOPICS_MISSING.labels(str(self._lane)).set(waits)
        if missing:
            self._told = True
            self._tell(sorted({i.topic for i in missing}), there, waits=waits > 0)
        elif self._told:
            log("topics are there", lane=self._lane)
        if waits:
            self._later()
        else:
            self._next = None

    def _tell(self, names: list[str], there: dict[str, int], *, waits: bool) -> None:
        wanted = {name: self._partitions if topics.named(name).partitioned else 1 for name in names}
        create = [
            f"kafka-topics.sh --bootstrap-server {self._server} --create --topic {name} --partitions {number}"
            for name, number in wanted.items()
            if name not in there
        ]
        few = {name: f"{there[name]} of {wanted[name]} partitions" for name in names if name in there}
        log("topics missing", lane=self._lane, topics=names, create=create, few=few, waits=waits)

    def _later(self) -> None:
        self._next = monotonic() + self._pause
        self._pause = min(2 * self._pause, SELDOM)
