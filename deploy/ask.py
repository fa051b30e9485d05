"""Ask for something on a party's virtual accounts: a command to Kafka, and its answer back."""

import time
import uuid

import msgspec
from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from schemas import topics
from schemas.commands import BODIES
from schemas.events import Answer, Command
from schemas.money import parse_yuan
from schemas.partition import partition_of
from schemas.settings import Settings
from sinks.kafka import Records


def body_of(name: str, words: list[str]) -> bytes:
    """A command's body from words like `amount=100.00`: amounts in yuan, everything else as it is.

    Raises ValueError or msgspec.ValidationError, which name what is wrong.
    """
    if name not in BODIES:
        raise ValueError(f"{name!r} is no command: {', '.join(BODIES)}")
    given: dict[str, object] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not key=value")
        amount = f"{key}_e4" in BODIES[name].__struct_fields__
        given[f"{key}_e4" if amount else key] = parse_yuan(value) if amount else value
    return msgspec.json.encode(msgspec.convert(given, BODIES[name], strict=False))


def ask(
    settings: Settings,
    party: str,
    name: str,
    body: bytes,
    actor: str,
    at: int,
    number: str = "",
    seconds: float = 30,
) -> Answer | None:
    """Send a command and wait for its answer; None: there was none in time. `at`: UTC ms. `number`: its id."""
    command = Command(
        id=number or str(uuid.uuid4()), time=at, name=name, subject=party, actor=actor, body=msgspec.Raw(body)
    )
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka, "group.id": "waybook-unused", **settings.kafka_options}
    )
    try:
        where = TopicPartition(topics.ANSWERS.name, partition_of(command.id, settings.partitions))
        _, end = consumer.get_watermark_offsets(where, timeout=10)
        where.offset = end if end >= 0 else OFFSET_END
        consumer.assign([where])
        records = Records(settings)
        records.produce(topics.COMMANDS.name, party, msgspec.json.encode(command))
        records.flush()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                answer = msgspec.json.decode(message.value() or b"", type=Answer)
                if answer.id == command.id and answer.subject == party:
                    return answer
    finally:
        consumer.close()
    return None
