"""Messages between flows: exactly once without transactions.

What a flow decides reaches the next through Kafka, a few columnar messages per block, numbered (lane, block,
part). The sender produces and flushes them before the next plan is stored, so a stored plan n + 1 proves that
block n's messages are out; a replay sends the same bytes under the same numbers. The receiver remembers the
newest number of every sender and passes over what it has had. Its memory is part of its own state, so it rolls
back and forward together with what the messages led to.

A number that comes again with other words is no repeat: the sender's plan log was put back to an older copy, its
lanes number other blocks as before, and what these say would be passed over. So the receiver remembers by a hash
what the newest numbers said, and stops.
"""

from collections.abc import Iterator

import msgspec
from xxhash import xxh3_64_digest

REMEMBERED = 16
"""Blocks of a sender of which is remembered what they said: enough to notice before a new number is taken, since what
numbers a plan log anew passes all of them."""


class Letter(msgspec.Struct, frozen=True):
    """Something that a block sends to Kafka: produced and flushed once the block's rows are in the store.

    `partition`: where it goes; None: where its key belongs. After a crash it may be sent again, the same bytes.
    """

    topic: str
    key: str
    value: bytes
    partition: int | None = None


class Message(msgspec.Struct, frozen=True, array_like=True):
    """Part `part` of `parts` of what block `block` of a sender's lane has to say. `body`: MessagePack of its own."""

    sender: str
    lane: int
    block: int
    part: int
    parts: int
    body: bytes


class OutOfOrderError(RuntimeError):
    """A message is missing before this one: Kafka lost it, or the receiver's memory is of another sender."""


class RenumberedError(RuntimeError):
    """A message's number was another message's: the sender's plan log is an older copy of what it was."""


def pack(message: Message) -> bytes:
    """A message as bytes for Kafka."""
    return msgspec.msgpack.encode(message)


def unpack(raw: bytes) -> Message:
    """A message from Kafka. Raises msgspec.DecodeError."""
    return msgspec.msgpack.decode(raw, type=Message)


class Heard(msgspec.Struct):
    """What a receiver has had of every sender: (sender, lane, partition) → newest block and part."""

    newest: dict[str, tuple[int, int]] = {}
    said: dict[str, dict[int, bytes]] = {}
    """By the same keys: of the last blocks the hash of what each said first."""

    def is_new(self, message: Message, partition: int) -> bool:
        """Whether to take a message; from then on it is had. Messages of one partition come in order.

        Raises OutOfOrderError when a part of a block is missing, RenumberedError when it was had with other words.
        """
        key = f"{message.sender}/{message.lane}/{partition}"
        block, part = self.newest.get(key, (0, 0))
        if (message.block, message.part) <= (block, part):
            self._compare(key, message)
            return False
        expected = part + 1 if message.block == block else 1
        if message.part != expected:
            raise OutOfOrderError(f"{key}: part {message.part} of block {message.block}, expected {expected}")
        self.newest[key] = message.block, message.part
        if message.part == 1:
            said = self.said.setdefault(key, {})
            said[message.block] = xxh3_64_digest(message.body)
            if len(said) > REMEMBERED:
                del said[next(iter(said))]
        return True

    def _compare(self, key: str, message: Message) -> None:
        now = xxh3_64_digest(message.body)
        if message.part == 1 and self.said.get(key, {}).get(message.block, now) != now:
            raise RenumberedError(
                f"{key}: block {message.block} says something else than before: its sender's table `block` was put "
                "back to an older copy while Kafka went on. Put back both of the same moment"
            )


def parts_of(
    sender: str, lane: int, block: int, bodies: dict[int, list[bytes]]
) -> Iterator[tuple[int, bytes]]:
    """(partition, packed message) of a block's bodies by partition, in order of partitions and parts."""
    for partition in sorted(bodies):
        parts = len(bodies[partition])
        for part, body in enumerate(bodies[partition], 1):
            yield partition, pack(Message(sender, lane, block, part, parts, body))
