"""How fast the network may go: never further ahead of the books than the brokers keep and the lanes tolerate.

An in-memory broker drops what nobody has read, so what is on its way to a partition must stay small. And a lane
refuses facts from the future of the newest tick that it has read, so simulated time must not outrun the ticks; nor
may it pass far beyond a message that nobody has booked yet, or its fact would be too old when it comes.
Pure: what is known goes in, a decision comes out.
"""

from collections.abc import Iterable, Mapping

import msgspec

from schemas import topics

RECORD_BYTES = 512
"""A generous record: orders and device events have 300 to 450 bytes, rare dead letters twice as many."""

FROM_DEVICES = (topics.DEVICES.name, topics.STAYS.name, topics.DEAD_LETTERS.name)
"""Where the device flow writes: each message of a device that tells becomes one record in one of them, or more after a
crash."""


class Sent(msgspec.Struct):
    """Messages that the network has published."""

    orders: int = 0
    devices: int = 0
    """What comes to where the device flow writes: devices' messages, and the words of a business system about hauls."""

    @property
    def all(self) -> int:
        """Orders to Kafka and devices' messages to MQTT."""
        return self.orders + self.devices


class Reading(msgspec.Struct, frozen=True):
    """What is known at a moment, by `topic:partition`: records that Kafka has, and records in planned blocks."""

    ends: Mapping[str, int]
    upto: Mapping[str, int]

    def count(self, *names: str) -> int:
        """Records that Kafka has of these topics."""
        return sum(end for name, end in self.ends.items() if name.rpartition(":")[0] in names)

    def unread(self) -> dict[str, int]:
        """Records of each partition that are in no block yet."""
        return {name: max(0, end - self.upto.get(name, 0)) for name, end in self.ends.items()}


class Underway:
    """Messages that were sent and are not booked, by id: whoever was killed may have them, for however long.

    Counting does not tell: what is written again after a kill counts twice.
    """

    def __init__(self) -> None:
        self._sent: dict[str, int] = {}
        """By event's or dead letter's id, in order of sending: the simulated time for which it was meant."""

    def __len__(self) -> int:
        return len(self._sent)

    def sent(self, name: str, at: int) -> None:
        """A message that will be booked under this id; "": nobody can foresee under which."""
        if name:
            self._sent.setdefault(name, at)

    def booked(self, names: Iterable[str]) -> None:
        """These ids are in the books."""
        for name in names:
            self._sent.pop(name, None)

    def latest(self, slack: int) -> int | None:
        """Up to where time may pass; None: as far as it likes."""
        oldest = next(iter(self._sent.values()), None)
        return None if oldest is None else oldest + slack


class Pace(msgspec.Struct, frozen=True):
    """Decides. `first` is the reading before anything was sent; `budget` is in bytes for each partition."""

    first: Reading
    budget: int
    partitions: int

    def most(self, now: Reading, sent: Sent) -> int:
        """Records that are on their way to the fullest partition: unread there, and a share of those outside."""
        unread = max(now.unread().values(), default=0)
        outside = max(0, sent.orders - self._grown(now, topics.ORDERS.name)) + self._in_mqtt(now, sent)
        return unread + -(-outside // self.partitions)

    def behind(self, now: Reading, sent: Sent) -> bool:
        """Whether to wait before more is sent."""
        return self.most(now, sent) * RECORD_BYTES > self.budget

    def heard(self, now: Reading) -> bool:
        """Whether anything has come of what devices said."""
        return self._grown(now, *FROM_DEVICES) > 0

    def drained(self, now: Reading, sent: Sent) -> bool:
        """Whether everything that was sent is in a block."""
        return (
            self._grown(now, topics.ORDERS.name) >= sent.orders
            and self._in_mqtt(now, sent) == 0
            and not any(now.unread().values())
        )

    def _in_mqtt(self, now: Reading, sent: Sent) -> int:
        return max(0, sent.devices - self._grown(now, *FROM_DEVICES))

    def _grown(self, now: Reading, *names: str) -> int:
        return now.count(*names) - self.first.count(*names)
