"""Ask for something on a party's virtual accounts: a command to Kafka, and its answer back."""

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from msgspec import inspect

from dashboards.queries import rows
from dashboards.words import SHANGHAI
from schemas import topics
from schemas.away import kafka_log
from schemas.commands import BODIES
from schemas.events import Answer, Command
from schemas.identity import content_id
from schemas.money import FEN, parse_yuan, yuan
from schemas.partition import partition_of
from schemas.problems import hint
from schemas.reasons import DEAD_LETTER
from schemas.settings import Settings
from sinks.clickhouse import AWAY
from sinks.kafka import DeliveryError, Records, require

MONEY = "_e4"
"""The end of the names of amounts, which people leave out: they write yuan."""
LOOK = 1
"""Seconds between two looks at what lanes have kept aside."""

KEPT_ASIDE = "SELECT reason, detail FROM open_dead_letter WHERE dead_letter_id = {id:String}"

ASKED_AT = """
SELECT command_time AS at FROM answer WHERE party = {party:String} AND command_id = {id:String}
    AND command_time != fromUnixTimestamp64Milli({at:Int64}, 'UTC')"""


class Field(msgspec.Struct, frozen=True):
    """A field of a command as people know it. `stored`: its name in the body; `form`: what stands for a value."""

    name: str
    stored: str
    type: Any
    form: str
    wants: str
    needed: bool

    def read(self, text: str) -> object:
        """The value that people mean. Raises ValueError saying what would be right."""
        try:
            value = parse_yuan(text) if self.stored.endswith(MONEY) else text
            return msgspec.convert(value, self.type, strict=False)
        except ValueError:
            raise ValueError(f"{self.name}={text} is not {self.wants}") from None

    def __str__(self) -> str:
        said = f"{self.name}={self.form}"
        return said if self.needed else f"[{said}]"


def fields(name: str) -> dict[str, Field]:
    """What a command may be told, by the names that people write."""
    made = (
        Field(one.name.removesuffix(MONEY), one.name, one.type, *_form(one), one.required)
        for one in msgspec.structs.fields(BODIES[name])
    )
    return {one.name: one for one in made}


def _form(field: msgspec.structs.FieldInfo) -> tuple[str, str]:
    """What stands for a field's value, and which values it takes, in words."""
    kind = inspect.type_info(field.type)
    if isinstance(kind, inspect.UnionType):  # a value, or none
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    if isinstance(kind, inspect.LiteralType):
        return "|".join(map(str, kind.values)), f"one of {', '.join(map(str, kind.values))}"
    if isinstance(kind, inspect.IntType):
        step, most = kind.multiple_of or 1, kind.le or 0
        least = (kind.ge or 0) if kind.gt is None else kind.gt + step
        if field.name.endswith(MONEY):
            whole = ", in whole fen" if step == FEN else ""
            return "YUAN", f"an amount from {yuan(least)} to {yuan(most)} yuan{whole}"
        return "NUMBER", f"a whole number from {least} to {most}"
    if not isinstance(kind, inspect.StrType):
        raise TypeError(f"a field of another kind: {kind}")
    return "TEXT", f"a text of {kind.min_length or 0} to {kind.max_length} characters"


def usage(name: str) -> str:
    """A command with all its fields: those in brackets may be left out."""
    return " ".join([name, *map(str, fields(name).values())])


def body_of(name: str, words: Sequence[str]) -> bytes:
    """A command's body from words like `amount=100.00`: amounts in yuan, everything else as it is.

    Raises ValueError with all that is wrong, and how the command is written.
    """
    if name not in BODIES:
        raise ValueError(f"{name!r} is no command{hint(name, list(BODIES))}; there are {', '.join(BODIES)}")
    known, given, wrong = fields(name), dict[str, object](), list[str]()
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            wrong.append(f"{word!r} is not key=value")
        elif key not in known:
            wrong.append(f"{name} has no field {key!r}{hint(key, list(known))}")
        elif known[key].stored in given:
            wrong.append(f"{key} is said twice: which of the two is meant?")
        else:
            try:
                given[known[key].stored] = known[key].read(text)
            except ValueError as error:
                given[known[key].stored] = None
                wrong.append(str(error))
    if given.get("kind") == "prepaid" and given.get("credit_limit_e4"):
        wrong.append("who is prepaid has no credit_limit: kind=credit has one")
    wrong += [f"{one.name} is missing" for one in known.values() if one.needed and one.stored not in given]
    if wrong:
        raise ValueError("\n".join([*wrong, f"write: {usage(name)}"]))
    return msgspec.json.encode(msgspec.convert(given, BODIES[name]))


def command_of(party: str, name: str, body: bytes, actor: str, at: int, number: str = "") -> Command:
    """The command as it is sent. `at`: UTC ms. `number`: its id; empty: a new one."""
    return Command(
        id=number or str(uuid.uuid4()), time=at, name=name, subject=party, actor=actor, body=msgspec.Raw(body)
    )


def ask(settings: Settings, command: Command, seconds: float, aside: Callable[[], str]) -> Answer | str:
    """Send a command and wait for its answer, or for why it was kept aside; empty: neither came in time.

    `aside`: asks the store whether it was kept aside, and why. Raises DeliveryError: Kafka is away.
    """
    require(settings)
    before = _seen(aside)  # a repeat of what was kept aside may be taken this time
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka, "group.id": "waybook-unused", **settings.kafka_options},
        logger=kafka_log(),
    )
    try:
        where = TopicPartition(topics.ANSWERS.name, partition_of(command.id, settings.partitions))
        where.offset = _end(settings.kafka, consumer, where)
        consumer.assign([where])
        records = Records(settings)
        records.produce(topics.COMMANDS.name, command.subject, msgspec.json.encode(command))
        records.flush()
        now = time.monotonic()
        until, look = now + seconds, now + LOOK
        while (now := time.monotonic()) < until:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                answer = msgspec.json.decode(message.value() or b"", type=Answer)
                if answer.id == command.id and answer.subject == command.subject:
                    return answer
            if now > look and not before:
                if why := _seen(aside):
                    return why
                look = time.monotonic() + LOOK
    finally:
        consumer.close()
    return aside()


def _seen(aside: Callable[[], str]) -> str:
    """What is known; nothing while the store is away: the answer may come all the same."""
    with suppress(*AWAY):
        return aside()
    return ""


def _end(kafka: str, consumer: Consumer, where: TopicPartition) -> int:
    """Where the answers that are there end; before the first one there is no topic yet. Raises DeliveryError."""
    try:
        _, end = consumer.get_watermark_offsets(where, timeout=10)
    except KafkaException as error:
        if error.args[0].code() in (KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART):
            return int(OFFSET_BEGINNING)
        raise DeliveryError(f"{kafka} has no answers: {error.args[0].str()}") from error
    return int(end) if end >= 0 else int(OFFSET_END)


def kept_aside(client: Client, command: Command) -> str:
    """Why the lane did not take a command, if it has kept it aside as a dead letter; empty: it has not."""
    letter = content_id("dl", topics.COMMANDS.name, msgspec.json.encode(command))
    for row in rows(client, KEPT_ASIDE, id=letter):
        return f"{row['reason']} {DEAD_LETTER[row['reason']]}: {row['detail']} (dead letter {letter})"
    return ""


def asked_at(client: Client, command: Command) -> str:
    """When a command of its number was asked at another time, as `--time` takes it; empty: never."""
    for row in rows(client, ASKED_AT, party=command.subject, id=command.id, at=command.time):
        at: datetime = row["at"] + SHANGHAI
        return at.isoformat(" ", "milliseconds")
    return ""
