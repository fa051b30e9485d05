"""Topics that a lane reads and Kafka does not have, or with other partitions than the network's.

The client waits for what is missing without a word, so the lane says so. Partitions too many it would never hear of:
nobody would read what is in them, and once a topic gets more, a key's records lie in another one than before. So the
lane stops. It asks when it begins, while a topic is missing without which no block is cut, again after a second, two,
four…, and once a minute from then on.
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
"""Seconds until Kafka is asked again: the least while something is missing, and the most."""


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
        self._next = 0.0
        """When Kafka is asked next."""
        self._told = set[str]()
        """What was missing when it was said last."""

    def look(self) -> bool:
        """Ask if it is time to, and say what is missing; whether something has come that had been.

        Called again and again while the lane reads. Raises RuntimeError for a topic with more partitions than are read.
        """
        if monotonic() < self._next:
            return False
        try:
            there = self._ask()
        except KafkaException as error:
            log("waiting for Kafka", lane=self._lane, server=self._server, error=str(error))
            self._later()
            return False
        self._refuse_more(there)
        lacking = [i for i in self._inputs if i.partition >= there.get(i.topic, 0)]
        missing, waits = {i.topic for i in lacking}, len({i.topic for i in lacking if i.needed})
        metrics.TOPICS_MISSING.labels(str(self._lane)).set(waits)
        if waits or missing - self._told:
            self._tell(sorted(missing), there, waits=waits > 0)
        elif self._told and not missing:
            log("topics are there", lane=self._lane)
        came, self._told = bool(self._told - missing), missing
        if waits:
            self._later()
        else:
            self._next = monotonic() + SELDOM
        return came

    def _refuse_more(self, there: dict[str, int]) -> None:
        for name in sorted({i.topic for i in self._inputs} & there.keys()):
            if topics.is_ours(name) and there[name] > (wanted := self._wanted(name)):
                raise RuntimeError(
                    f"lane {self._lane}: {name} has {there[name]} partitions instead of {wanted}: nobody reads what is "
                    "in the others. Make the topic anew with as many, and send what was in it again"
                )

    def _wanted(self, name: str) -> int:
        """The partitions that a topic should have."""
        return self._partitions if topics.named(name).partitioned else 1

    def _tell(self, names: list[str], there: dict[str, int], *, waits: bool) -> None:
        wanted = {name: self._wanted(name) for name in names}
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
