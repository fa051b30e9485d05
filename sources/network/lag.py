"""How far the books are: the ends of Kafka's partitions, what the lanes have planned (table `block`), and the ids of
what they have booked.
"""

import threading
import time
import urllib.parse
import urllib.request
from collections import deque
from concurrent.futures import Future
from typing import Protocol

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ListOffsetsResultInfo,
    OffsetSpec,
)

from schemas import topics
from schemas.away import kafka_log
from schemas.settings import Settings
from sources.network.pace import Pace, Reading, Sent

READ = (topics.CONTROL, topics.TICKS, topics.ORDERS, topics.DEVICES, topics.DEAD_LETTERS)
"""What lanes of the parcel flow read."""
STORES = (topics.STAYS,)
"""What lanes of the storage flow read beside documents and ticks."""
MONEY = (topics.POSTINGS, topics.COMMANDS)
"""What those of the accounts flow read."""
PAYMENTS = (
    *(topics.PAYMENT_CONTROL, topics.RECEIVABLES, topics.BILLS, topics.DECISIONS, topics.DEDUCTIONS),
    *topics.NOTIFICATIONS,
)
"""What lanes of the payments flow read beside closes of the books, ticks and dead letters."""
NOTHING_THERE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._NOENT)
"""Kafka's answers for a topic that nobody has made yet, and when there is none at all."""
TICKS = f"{topics.TICKS.name}:0"
EVERY = 0.25
STALE = 3.0
"""Seconds after which a reading says nothing: someone is away."""
SETTLED = 3.0
"""Seconds for which everything must stay drained: a flow that is started again may have more to say."""

_SQL = "SELECT inputs, upto FROM block ORDER BY lane, n DESC LIMIT 1 BY lane FORMAT JSONCompactEachRow"
_NEWEST = "SELECT lane, max(n) FROM block GROUP BY lane FORMAT JSONCompactEachRow"
_BOOKED = """
SELECT event_id FROM event WHERE {blocks}
UNION ALL SELECT event_id FROM weight_decision WHERE {blocks}
UNION ALL SELECT event_id FROM stay_event WHERE {blocks}
UNION ALL SELECT event_id FROM haul WHERE {blocks}
UNION ALL SELECT dead_letter_id FROM dead_letter WHERE {blocks}
FORMAT JSONCompactEachRow"""


class Books(Protocol):
    """Whoever keeps up with the network, or does not."""

    trouble: str

    def behind(self, sent: Sent) -> bool:
        """Whether to wait before more is sent."""

    def heard(self) -> bool:
        """Whether someone listens to the devices."""

    def ticks(self) -> int | None:
        """Ticks that every lane has read, since the beginning; None: nobody counts."""

    def drained(self, sent: Sent) -> bool:
        """Whether everything that was sent is booked."""

    def booked(self) -> list[str] | None:
        """Ids of events and dead letters that were booked since this was asked last, some of them perhaps again;
        None: nobody books."""


class Nobody:
    """Nobody to wait for: for brokers that keep everything."""

    trouble = ""

    def behind(self, sent: Sent) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def heard(self) -> bool:
        """Always."""
        return True

    def ticks(self) -> int | None:
        """Unknown."""
        return None

    def drained(self, sent: Sent) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def booked(self) -> list[str] | None:
        """Nobody books."""
        return None


class Lag:
    """Looks four times a second, in a thread. What cannot be known counts as behind."""

    def __init__(
        self,
        settings: Settings,
        budget: int,
        *,
        accounts: bool = False,
        stores: bool = False,
        payments: bool = False,
    ) -> None:
        self._store, self._database = settings.clickhouse, settings.database
        self._headers = {
            "X-ClickHouse-User": settings.clickhouse_user,
            "X-ClickHouse-Key": settings.clickhouse_password,
        }
        self._kafka = AdminClient(
            {"bootstrap.servers": settings.kafka, **settings.kafka_options}, logger=kafka_log()
        )
        self._wanted = {
            TopicPartition(topic.name, number): OffsetSpec.latest()
            for topic in (
                *READ,
                *(MONEY if accounts else ()),
                *(STORES if stores else ()),
                *(PAYMENTS if payments else ()),
            )
            for number in range(settings.partitions if topic.partitioned else 1)
        }
        self._count, self._budget = settings.partitions, budget
        self._all_there = False
        """Whether all topics had been made when they were last asked for."""
        self._now: Reading | None = None
        self._pace: Pace | None = None
        self._looked = 0.0
        self._blocks: dict[int, int] = {}
        """By lane: the newest block whose ids were asked for. It is asked for again: its rows may have come since."""
        self._booked: deque[str] = deque()
        self._drained_at = 0.0
        self.trouble = ""
        """Why nothing is known at the moment."""
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="lag", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def behind(self, sent: Sent) -> bool:
        """Whether more than the budget is on its way to a partition, or nobody knows."""
        now, pace = self._fresh()
        return now is None or pace is None or pace.behind(now, sent)

    def heard(self) -> bool:
        """Whether the device flow has written something."""
        now, pace = self._fresh()
        return now is not None and pace is not None and pace.heard(now)

    def ticks(self) -> int | None:
        """Ticks that every lane has read."""
        now, pace = self._fresh()
        return 0 if now is None or pace is None else now.upto.get(TICKS, 0) - pace.first.ends[TICKS]

    def drained(self, sent: Sent) -> bool:
        """Whether everything is in a block, and has been for a while."""
        now, pace = self._fresh()
        if now is None or pace is None or not pace.drained(now, sent):
            self._drained_at = 0.0
            return False
        self._drained_at = self._drained_at or time.monotonic()
        return time.monotonic() > self._drained_at + SETTLED

    def booked(self) -> list[str] | None:
        """Ids that were booked since this was asked last."""
        return [self._booked.popleft() for _ in range(len(self._booked))]

    def _look_at_ids(self) -> None:
        """One question for all lanes: a small one costs the store as much as a block does."""
        newest = dict(_NUMBERS.decode_lines(self._ask(_NEWEST)))
        if not newest:
            return
        blocks = " OR ".join(
            f"seq BETWEEN {lane << 32 | self._blocks.get(lane, 1)} AND {lane << 32 | last}"
            for lane, last in newest.items()
        )
        self._booked.extend(name for (name,) in _IDS.decode_lines(self._ask(_BOOKED.format(blocks=blocks))))
        self._blocks = newest

    def _fresh(self) -> tuple[Reading | None, Pace | None]:
        stale = time.monotonic() > self._looked + STALE
        return (None if stale else self._now), self._pace

    def _watch(self) -> None:
        while not self._closed.wait(EVERY):
            try:
                reading = Reading(self._ends(), self._upto())
                if self._pace is None:
                    self._pace = Pace(reading, self._budget, self._count)
                self._look_at_ids()
                self._now, self._looked = reading, time.monotonic()
                self.trouble = ""
            except (OSError, KafkaException, msgspec.DecodeError) as error:
                self.trouble = repr(error)[:300]  # and the last reading grows stale

    def _ends(self) -> dict[str, int]:
        """Asked before the blocks, so that nothing seems processed that is not."""
        if not self._all_there:
            self._kafka.list_topics(timeout=2.0)  # otherwise the client goes on believing that they are not
        asked = self._kafka.list_offsets(self._wanted, request_timeout=2.0)
        ends = {f"{where.topic}:{where.partition}": _end(answer) for where, answer in asked.items()}
        self._all_there = None not in ends.values()
        return {name: end or 0 for name, end in ends.items()}

    def _upto(self) -> dict[str, int]:
        """What every lane has planned; an input that several read counts as far as the slowest has."""
        return merged(self._ask(_SQL))

    def _ask(self, sql: str) -> bytes:
        """ClickHouse's answer."""
        query = {"database": self._database, "query": sql, "output_format_json_quote_64bit_integers": 0}
        url = f"{self._store}/?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, headers=self._headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310
            raw: bytes = answer.read()
        return raw


def merged(answer: bytes) -> dict[str, int]:
    """The newest plans of all lanes, one JSON line `[inputs, upto]` each, as one."""
    upto: dict[str, int] = {}
    for inputs, ends in _PLANS.decode_lines(answer):
        for name, end in zip(inputs, ends, strict=True):
            upto[name] = min(end, upto.get(name, end))
    return upto


def _end(answer: "Future[ListOffsetsResultInfo]") -> int | None:
    """Where a partition ends; None: it does not exist yet."""
    try:
        return int(answer.result().offset)
    except KafkaException as error:
        if error.args[0].code() in NOTHING_THERE:
            return None
        raise


_PLANS = msgspec.json.Decoder(tuple[list[str], list[int]])
_NUMBERS = msgspec.json.Decoder(tuple[int, int])
_IDS = msgspec.json.Decoder(tuple[str])
