"""Dead letters out of the books, mended by people, and back to where they came from.

A letter is noted as replayed first, and sent when the books show that note: so a lane that refuses it once
more knows that this is no repeat of the old record, and opens it again.
"""

import base64
import binascii
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
import paho.mqtt.client as paho
from clickhouse_connect.driver.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from schemas import topics
from schemas.counted import counted
from schemas.events import DeadLetterReplayed
from schemas.identity import content_id
from schemas.keys import key_in
from schemas.problems import UNREADABLE
from schemas.settings import Settings
from sinks.kafka import Records, sending

MOST_SENT = 256 * 1024
"""Bytes of what is sent again that its note keeps."""
PATIENCE = 60.0
"""Seconds in which the lanes must have noted a replay."""


class ReplayError(ValueError):
    """Letters that are not sent, and why: for the person who mends them."""


class Letter(msgspec.Struct, kw_only=True):
    """A line of an export. Mend `raw` (text) or, for bytes that are no text, `raw_base64`."""

    id: str
    reason: str
    detail: str
    transport: str
    topic: str
    partition: int = -1
    waybill: str
    raw: str = ""
    raw_base64: str = ""

    def content(self) -> bytes:
        """The bytes to send. Raises ValueError when they are no Base64."""
        return base64.b64decode(self.raw_base64, validate=True) if self.raw_base64 else self.raw.encode()


Unseal = Callable[[str, bytes], bytes]
"""By its id, what a sealed letter holds."""


def export(client: Client, reason: str = "", unseal: Unseal | None = None) -> str:
    """Open dead letters, oldest first, as JSON lines; sealed ones only for who can unseal them."""
    rows = client.query(
        "SELECT dead_letter_id, reason, detail, transport, topic, partition, waybill, base64Encode(raw) "
        "FROM open_dead_letter WHERE {reason:String} IN ('', reason) ORDER BY received, dead_letter_id",
        parameters={"reason": reason},
    ).result_rows
    letters = [_letter(unseal, *row) for row in rows if unseal is not None or not topics.of_payments(row[4])]
    return "".join(msgspec.json.encode(letter).decode() + "\n" for letter in letters)


def _letter(
    unseal: Unseal | None,
    id_: str,
    why: str,
    detail: str,
    transport: str,
    topic: str,
    partition: int,
    waybill: str,
    packed: str,
) -> Letter:
    raw = base64.b64decode(packed)
    if unseal is not None and topics.of_payments(topic):
        raw = unseal(id_, raw)
    letter = Letter(
        id=id_,
        reason=why,
        detail=detail,
        transport=transport,
        topic=topic,
        partition=partition,
        waybill=waybill,
    )
    try:
        letter.raw = raw.decode()
    except UnicodeDecodeError:
        letter.raw_base64 = base64.b64encode(raw).decode()
    return letter


def read(lines: str) -> list[Letter]:
    """Letters from JSON lines. Raises ReplayError naming the first line that is none."""
    letters = []
    for number, line in enumerate(lines.split("\n"), 1):
        if not line.strip():
            continue
        try:
            letter = msgspec.json.decode(line, type=Letter)
            letter.content()
        except (*UNREADABLE, binascii.Error) as error:
            raise ReplayError(f"line {number} is no dead letter: {error}; nothing is sent") from error
        letters.append(letter)
    return letters


def unchanged(client: Client, letters: Sequence[Letter], unseal: Unseal | None = None) -> list[str]:
    """Ids of letters whose bytes are still those that were refused."""
    found = client.query(
        "SELECT dead_letter_id, topic, base64Encode(raw) FROM dead_letter "
        "WHERE status = 'open' AND dead_letter_id IN {ids:Array(String)}",
        parameters={"ids": [letter.id for letter in letters]},
    ).result_rows
    refused = set[tuple[str, bytes]]()
    for number, topic, packed in found:
        raw = base64.b64decode(packed)
        refused.add(
            (number, unseal(number, raw) if unseal is not None and topics.of_payments(topic) else raw)
        )
    return [letter.id for letter in letters if (letter.id, letter.content()) in refused]


def replay(settings: Settings, client: Client, letters: Sequence[Letter], by: str) -> int:
    """Note letters as replayed, then send them to the topics they came from. Returns how many.

    Raises ReplayError when no lane notes it in time: then none is sent.
    """
    records = sending(settings)
    now = int(time.time() * 1000)
    for letter in letters:
        _note(settings, records, letter, now, by)
    records.flush()
    _wait(client, {letter.id for letter in letters})
    over_mqtt = [letter for letter in letters if letter.transport == "mqtt"]
    if over_mqtt:
        _publish(settings, over_mqtt)
    for letter in letters:
        if letter.transport == "kafka":
            _send(records, letter)
    records.flush()
    return len(letters)


def kept(letter: Letter) -> bytes:
    """What the note keeps of what is sent again: nothing that is sealed, nor much."""
    content = letter.content()
    return content if len(content) <= MOST_SENT and not topics.of_payments(letter.topic) else b""


def _note(settings: Settings, records: Records, letter: Letter, now: int, by: str) -> None:
    """Tell the lane that refused a letter; all of them, where all have read it."""
    note = DeadLetterReplayed(
        id=content_id("dl-replayed", letter.id, str(now)),
        time=now,
        dead_letter=letter.id,
        replayed_by=by,
        sent=kept(letter),
    )
    partitions: list[int | None] = [None]
    if letter.transport == "kafka" and letter.partition >= 0:
        lanes = settings.payment_lanes if topics.of_payments(letter.topic) else settings.lanes
        partitioned = topics.named(letter.topic).partitioned
        partitions = [letter.partition] if partitioned else list(range(lanes))
    for partition in partitions:
        records.produce(topics.DEAD_LETTERS.name, letter.id, msgspec.json.encode(note), partition=partition)


def _wait(client: Client, ids: Collection[str]) -> None:
    """Until none of these is open."""
    until = time.monotonic() + PATIENCE
    while left := client.query(
        "SELECT count() FROM open_dead_letter WHERE dead_letter_id IN {ids:Array(String)}",
        parameters={"ids": sorted(ids)},
    ).result_rows[0][0]:
        if time.monotonic() > until:
            raise ReplayError(
                f"{left} of {counted(len(ids), 'letter is', 'letters are')} not noted as replayed: "
                "does the parcel flow run? Nothing is sent; run this again when it does"
            )
        time.sleep(0.1)


def _send(records: Records, letter: Letter) -> None:
    """To the lane of its waybill; without one back to its partition."""
    content = letter.content()
    key = _key(letter.topic, content) or letter.waybill
    partition = letter.partition if not key or not topics.named(letter.topic).partitioned else -1
    records.produce(letter.topic, key, content, partition=partition if partition >= 0 else None)


def _key(topic: str, raw: bytes) -> str:
    """The waybill, stay, party or group of a mended record, so that it reaches its lane."""
    try:
        found: Any = msgspec.json.decode(raw)
        return key_in(topics.named(topic), found) if isinstance(found, dict) else ""
    except UNREADABLE:
        return ""


def _publish(settings: Settings, letters: list[Letter]) -> None:
    """Send letters to MQTT and wait until it has them."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "waybook-replay", protocol=paho.MQTTv5)
    if settings.mqtt_user:
        client.username_pw_set(settings.mqtt_user, settings.mqtt_password)
    host, _, port = settings.mqtt.rpartition(":")
    client.connect(host, int(port))
    client.loop_start()
    for sent in [client.publish(letter.topic, letter.content(), qos=1) for letter in letters]:
        sent.wait_for_publish(30)
        if not sent.is_published():
            raise ReplayError("MQTT has not taken all letters: those are noted as replayed; run this again")
    client.disconnect()
    client.loop_stop()
