"""Kafka → planned blocks: one consumer for all inputs of a lane, whatever arrived becomes the next block.

A block is cut when at least `period()` seconds have passed, and holds at most `budget` records, ordered by input
and offset: control and ticks first, so that a block is processed under what was published before it. After a
restart the stored plans are followed exactly, then cutting goes on. A stored plan may be that of an empty block,
where a lane was closed.

Of topics that belong together one must not run ahead of another when there is a backlog: orders and scans
would be joined over hours instead of milliseconds. So while some input has more to give, the others are taken
only up to its newest record in Kafka's time (`_horizon`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from flows.engine import crash, metrics
from flows.engine.block import Block, Plan, Records
from flows.engine.log import log
from flows.engine.missing import PATIENCE, Missing
from flows.engine.topic_ids import refuse_others, topic_ids
from schemas.away import kafka_log

Message = Any
"""confluent_kafka.Message, whose parts are all optional for the type checker."""

WORK = "work"
"""Bytewax key of the blocks; the ring's keys are the numbers of its places."""
DOCUMENTS = "documents"
"""Bytewax key of state that changes seldom: touched, with itself as value, by blocks with such records."""

SAMPLED = 20
"""Of so many records one is measured by, whatever blocks they come in: small ones weigh no more than large ones."""

PLANNED = 20.0
"""Seconds without a record after which somebody is told that those of a stored plan do not come."""

CONSUMER = {
    "group.id": "waybook-unused",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "queued.max.messages.kbytes": 32_768,
    "queued.min.messages": 50_000,
    "fetch.queue.backoff.ms": 5,  # the default of 1000 caps a lane at an eighth of its speed
    "fetch.message.max.bytes": 1 << 20,
    "fetch.wait.max.ms": 50,
    "fetch.min.bytes": 131_072,
    "check.crcs": False,
    "enable.partition.eof": True,
}


class Input(msgspec.Struct, frozen=True):
    """A partition that a lane reads.

    `leads`: no other input may run ahead of it in Kafka's time. `first`: the lane begins when it has read
    enough of these (`Work.ready`). `documents`: its records are published documents, which the lane keeps.
    """

    topic: str
    partition: int
    leads: bool = False
    first: bool = False
    documents: bool = False

    @property
    def needed(self) -> bool:
        """Whether no block is cut without it."""
        return self.leads or self.first

    @property
    def name(self) -> str:
        """As the plan log writes it."""
        return f"{self.topic}:{self.partition}"


class Position(msgspec.Struct):
    """What the recovery store remembers of the source: running epoch, newest block, offsets after it, topics."""

    epoch: int
    n: int
    upto: dict[str, int]
    topics: dict[str, str] = {}
    """Ids of the topics that were read: see `flows.engine.topic_ids`."""


class Cutter(StatefulSourcePartition[Any, Any]):
    """The lane's only source partition. Emits the ring's key first in each epoch, then blocks."""

    def __init__(
        self,
        lane: int,
        inputs: Sequence[Input],
        options: dict[str, Any],
        position: Position,
        plans: dict[int, Plan],
        planned: Callable[[int, dict[str, int]], None],
        ready: Callable[[Sequence[bytes]], bool],
        stopping: Callable[[], bool],
        period: Callable[[], float],
        budget: int,
        ring_size: int,
        partitions: int,
    ) -> None:
        self.lane, self.inputs, self.position, self.plans = lane, list(inputs), position, plans
        self.planned, self.ready, self.stopping = planned, ready, stopping
        self.period, self.budget, self.ring_size = period, budget, ring_size
        self._held: dict[tuple[str, int], list[Message]] = {(i.topic, i.partition): [] for i in inputs}
        self._ticked = False
        self._ended = 0.0
        """When the epoch before ended; 0: there was none."""
        self._at_end: set[tuple[str, int]] = set()
        self._last = time.monotonic()
        self._watched = 0.0
        self._options, self._same = options, False
        """`_same`: the topics are those that were read before, and the ids of all are known."""
        self._consumer = Consumer({**CONSUMER, **options}, logger=kafka_log())
        self._missing = Missing(
            lane, self.inputs, self._topics, str(options["bootstrap.servers"]), partitions
        )
        self._begun = position.n > 0
        self._paused: set[tuple[str, int]] = set()
        self._assign([i for i in inputs if self._begun or i.first])

    def next_batch(self) -> list[tuple[str, Any]]:
        """The next block, or nothing yet."""
        n = self.position.n + 1
        plan = self.plans.get(n)
        if plan is None and self.stopping():
            raise StopIteration
        out: list[tuple[str, Any]] = []
        if not self._ticked:
            self._ticked = True
            out.append((str(self.position.epoch % self.ring_size), self.position.epoch))
            crash.point("committed")
            if self._ended:
                metrics.EPOCH_CLOSE.labels(str(self.lane)).observe(time.monotonic() - self._ended)
        if not self._same and not self._compare():
            return out
        taken = self._exactly(plan) if plan else self._arrived()
        if plan is None and not any(taken.values()):
            return out
        block = self._block(n, taken, plan)
        self.planned(n, self.position.upto)
        self.position.n = n
        self._watch()
        if any(taken[i.topic, i.partition] for i in self.inputs if i.documents):
            out.append((DOCUMENTS, DOCUMENTS))
        return [*out, (WORK, block)]

    def snapshot(self) -> Position:
        """The running epoch is closed here; what follows belongs to the next.

        One that the ring was not told of is none: the ring counts the same epochs, without a gap.
        """
        self.position.epoch += self._ticked
        self._ticked = False
        self._ended = time.monotonic()
        return msgspec.structs.replace(self.position, upto=dict(self.position.upto))

    def close(self) -> None:
        """Leave Kafka. Also called after a failure: nothing is committed here."""
        self._consumer.close()

    def _assign(self, inputs: Sequence[Input]) -> None:
        """Read these from where the lane stands."""
        self._consumer.incremental_assign(
            [
                TopicPartition(i.topic, i.partition, self.position.upto.get(i.name, 0) or OFFSET_BEGINNING)
                for i in inputs
            ]
        )

    def _begin(self) -> bool:
        """Before the first block only some inputs are read, until there are rules and a time to work by."""
        held = [m for i in self.inputs if i.first for m in self._held[i.topic, i.partition]]
        if self.ready([m.value() or b"" for m in held]):
            self._assign([i for i in self.inputs if not i.first])
            self._begun = True
        elif time.monotonic() > self._watched:
            self._watched = time.monotonic() + 5
            log("waiting to begin", lane=self.lane, topics=[i.topic for i in self.inputs if i.first])
        return self._begun

    def _compare(self) -> bool:
        """Whether Kafka answers what topics it has; raises RuntimeError when they are others than before."""
        try:
            now = topic_ids(self._consumer, self._options, {i.topic for i in self.inputs})
        except KafkaException as error:
            self._missing.look()
            if time.monotonic() > self._watched:
                self._watched = time.monotonic() + 5
                log("waiting to compare topics", lane=self.lane, error=str(error))
            time.sleep(self.period())
            return False
        refuse_others(self.lane, self.position.topics, now)
        self.position.topics = {**self.position.topics, **now}
        self._same = True
        return True

    def _topics(self) -> dict[str, int]:
        """Topics in Kafka with their numbers of partitions. Raises KafkaException when it does not answer."""
        known = self._consumer.list_topics(timeout=PATIENCE).topics
        return {name: len(topic.partitions) for name, topic in known.items()}

    def _read(self, most: int, seconds: float) -> int:
        """Take up to so many records, waiting at most so long for the last; returns how many came."""
        if self._missing.look():
            self._same = False  # the new topics' ids are to be known
        messages: list[Message] = self._consumer.consume(most, seconds)
        for message in messages:
            if (error := message.error()) is None:
                self._held[message.topic(), message.partition()].append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._at_end.add((message.topic(), message.partition()))
            elif error.fatal() or error.code() in (
                KafkaError._AUTO_OFFSET_RESET,
                KafkaError.OFFSET_OUT_OF_RANGE,
            ):
                raise RuntimeError(
                    f"lane {self.lane}: {error}: records that were never read are gone from Kafka"
                )
            else:
                log("kafka", lane=self.lane, error=str(error))
        self._at_end -= {key for key in self._at_end if self._held[key]}
        return len(messages)

    def _arrived(self) -> dict[tuple[str, int], list[Message]]:
        """Whatever arrived since the last block, after at least a period."""
        until, fresh = self._last + self.period(), 0
        while True:
            left = until - time.monotonic()
            fresh += self._read(max(1, self.budget - fresh), max(0.0, left))
            if left <= 0 or fresh >= self.budget or self.stopping():
                break
        self._last = time.monotonic()
        if not self._begun and not self._begin():
            return {}
        horizon = self._horizon()
        taken: dict[tuple[str, int], list[Message]] = {}
        for key, held in self._held.items():
            cut = len(held)
            if horizon is not None and held and held[-1].timestamp()[1] > horizon:
                cut = next(i for i, m in enumerate(held) if m.timestamp()[1] > horizon)
            taken[key], self._held[key] = held[:cut], held[cut:]
        self._hold_back()
        return taken

    def _hold_back(self) -> None:
        """Fetch no more of inputs that are far ahead of the leading ones, until those have caught up."""
        ahead = {key for key, held in self._held.items() if len(held) > self.budget}
        near = {key for key in self._paused if len(self._held[key]) < self.budget // 2}
        if stop := ahead - self._paused:
            self._consumer.pause([TopicPartition(*key) for key in stop])
        if near:
            self._consumer.resume([TopicPartition(*key) for key in near])
        self._paused = self._paused - near | stop

    def _horizon(self) -> int | None:
        """Kafka's time up to which leading inputs are known; None: they are at their ends."""
        moments = []
        for i in self.inputs:
            if not i.leads:
                continue
            held = self._held[i.topic, i.partition]
            known = held[-1].offset() + 1 if held else self.position.upto.get(i.name, 0)
            _, high = self._consumer.get_watermark_offsets(TopicPartition(i.topic, i.partition), cached=True)
            unknown = high < 0  # nothing has been fetched yet
            if (unknown or high > known) and (i.topic, i.partition) not in self._at_end:
                moments.append(held[-1].timestamp()[1] if held else 0)
        return min(moments, default=None)

    def _exactly(self, plan: Plan) -> dict[tuple[str, int], list[Message]]:
        """The ranges of a stored plan."""
        if not self._begun:
            self._assign([i for i in self.inputs if not i.first])
            self._begun = True
        if self._paused:
            self._consumer.resume([TopicPartition(*key) for key in self._paused])
            self._paused.clear()
        ends = dict(zip(plan.inputs, plan.upto, strict=True))
        last = time.monotonic()
        while True:
            taken, whole = {}, True
            for i in self.inputs:
                held, end = self._held[i.topic, i.partition], ends.get(i.name, 0)
                whole &= (held[-1].offset() + 1 if held else self.position.upto.get(i.name, 0)) >= end
                taken[i.topic, i.partition] = [m for m in held if m.offset() < end]
            if whole:
                break
            if self._read(20_000, 0.05):
                last = time.monotonic()
            elif time.monotonic() > last + PLANNED:
                self._miss(ends)
                last = time.monotonic()
        for key, messages in taken.items():
            self._held[key] = self._held[key][len(messages) :]
        return taken

    def _miss(self, ends: Mapping[str, int]) -> None:
        """Records of a stored plan do not come. Raises RuntimeError when Kafka does not have them."""
        for i in self.inputs:
            _, high = self._consumer.get_watermark_offsets(TopicPartition(i.topic, i.partition), cached=True)
            if 0 <= high < ends.get(i.name, 0):
                raise RuntimeError(
                    f"lane {self.lane}: {i.name} ends at {high}, and a stored plan goes to {ends[i.name]}: the topic "
                    "was made anew, or the store's blocks are of another Kafka"
                )
        log("waiting for the records of a stored plan", lane=self.lane)

    def _block(self, n: int, taken: dict[tuple[str, int], list[Message]], plan: Plan | None = None) -> Block:
        """A block of what was taken. An input that a stored plan does not know, as of a new channel, begins later."""
        inputs, stamps, newest = [], list[int](), 0
        for i in self.inputs:
            messages = taken[i.topic, i.partition]
            if plan is None or i.name in plan.inputs:
                self.position.upto.setdefault(i.name, 0)
            if messages:
                offsets = [m.offset() for m in messages]
                inputs.append(Records(i.topic, i.partition, [m.value() for m in messages], offsets))
                self.position.upto[i.name] = offsets[-1] + 1
                stamps += [m.timestamp()[1] for m in messages[-offsets[0] % SAMPLED :: SAMPLED]]
                newest = max(newest, messages[-1].timestamp()[1])
        count = sum(map(len, taken.values()))
        return Block(n, inputs, count, newest, stamps, time.time())

    def _watch(self) -> None:
        """Once a second: how far behind."""
        if time.monotonic() < self._watched:
            return
        self._watched = time.monotonic() + 1
        for topic in {i.topic for i in self.inputs}:
            lag = 0
            for i in self.inputs:
                if i.topic == topic:
                    where = TopicPartition(i.topic, i.partition)
                    lag += max(
                        0,
                        self._consumer.get_watermark_offsets(where, cached=True)[1]
                        - self.position.upto.get(i.name, 0),
                    )
            metrics.LAG.labels(str(self.lane), topic).set(lag)


class Blocks(FixedPartitionedSource[Any, Any]):
    """Bytewax' side of it: one partition, built from what the recovery store remembers."""

    def __init__(self, build: Callable[[Position], Cutter]) -> None:
        self.build = build

    def list_parts(self) -> list[str]:
        """The lane itself."""
        return ["lane"]

    def build_part(self, step_id: str, for_part: str, resume_state: Position | None) -> Cutter:  # noqa: ARG002
        """Go on where the recovery store was."""
        return self.build(resume_state or Position(0, 0, {}))
