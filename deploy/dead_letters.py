"""Dead letters out of the books, mended by people, and back to where they came from."""

import base64
import time
from typing import Any

import msgspec
import paho.mqtt.client as paho
from clickhouse_connect.driver.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from schemas import topics
from schemas.events import DeadLetterReplayed
from schemas.identity import content_id
from schemas.settings import Settings
from sinks.kafka import Records


class Letter(msgspec.Struct, kw_only=True):
    """A line of an export. Mend `raw` (text) or, for bytes that are no text, `raw_base64`."""

    id: str
    reason: str
    detail: str
    transport: str
    topic: str
    waybill: str
    raw: str = ""
    raw_base64: str = ""

    def content(self) -> bytes:
        """The bytes to send."""
        return base64.b64decode(self.raw_base64) if self.raw_base64 else self.raw.encode()


def export(client: Client, reason: str = "") -> str:
    """Open dead letters, oldest first, as JSON lines."""
    rows = client.query(
        "SELECT dead_letter_id, why, detail, transport, topic, waybill, base64Encode(raw) FROM open_dead_letter "
        "WHERE {reason:String} IN ('', why) ORDER BY received, dead_letter_id",
        parameters={"reason": reason},
    ).result_rows
    return "".join(msgspec.json.encode(_letter(*row)).decode() + "\n" for row in rows)


def _letter(id_: str, why: str, detail: str, transport: str, topic: str, waybill: str, packed: str) -> Letter:
    raw = base64.b64decode(packed)
    letter = Letter(id=id_, reason=why, detail=detail, transport=transport, topic=topic, waybill=waybill)
    try:
        letter.raw = raw.decode()
    except UnicodeDecodeError:
        letter.raw_base64 = packed
    return letter


def replay(settings: Settings, lines: str, by: str) -> int:
    """Send letters to the topics they came from, and note in the books that they were. Returns how many.

    Raises msgspec.ValidationError for a line that is no letter: then none is sent.
    """
    letters = [msgspec.json.decode(line, type=Letter) for line in lines.splitlines() if line.strip()]
    records = Records(settings)
    over_mqtt = [letter for letter in letters if letter.transport == "mqtt"]
    if over_mqtt:
        _publish(settings, over_mqtt)
    for letter in letters:
        if letter.transport == "kafka":
            records.produce(letter.topic, _key(letter.content()) or letter.waybill, letter.content())
    records.flush()
    now = int(time.time() * 1000)
    for letter in letters:
        note = DeadLetterReplayed(
            id=content_id("dl-replayed", letter.id, letter.content()),
            time=now,
            dead_letter=letter.id,
            replayed_by=by,
        )
        records.produce(topics.DEAD_LETTERS.name, letter.id, msgspec.json.encode(note))
    records.flush()
    return len(letters)


def _key(raw: bytes) -> str:
    """The waybill of a mended record, so that it reaches its lane."""
    try:
        found: Any = msgspec.json.decode(raw)
        return str(found.get("waybill", "")) if isinstance(found, dict) else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
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
    client.disconnect()
    client.loop_stop()
