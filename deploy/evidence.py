"""`waybook evidence`: what a channel really sent, for who has the key.

Sealed are the records of Kafka that tell of payments: accepted notifications (table `notification`), and all that
the payments flow refuses (table `dead_letter`).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from clickhouse_connect.driver.client import Client

from dashboards.queries import rows
from dashboards.words import shanghai
from schemas.payments import Notification
from sources.channels.bodies import json_of
from sources.channels.formats import decrypted
from sources.channels.keys import read_ciphers, read_evidence
from sources.channels.model import Channels, Own
from sources.channels.read import FILE, read_channels
from sources.channels.refused import RefusedError

RULES = "SELECT content FROM payment_rules WHERE file = {file:String} ORDER BY seq DESC, line DESC LIMIT 1"
SEALED = """
SELECT sealed AS raw FROM notification WHERE notification_id = {id:String} LIMIT 1
UNION ALL SELECT raw FROM dead_letter WHERE dead_letter_id = {id:String} AND status = 'open' LIMIT 1"""
"""A notification has a row for each payment that it tells of."""


def unsealing(client: Client, keys: Path) -> Callable[[str, bytes], bytes]:
    """Opens what is sealed under an id. Raises OSError or ValueError where the keys are not there."""
    channels = _channels(client)
    evidence = read_evidence(channels.own if channels is not None else Own(), keys)
    return lambda identity, sealed: evidence.unseal(identity, sealed) if sealed else b""


def _channels(client: Client) -> Channels | None:
    """Those in force; None: nothing is published."""
    found = rows(client, RULES, file=FILE)
    return read_channels({FILE: found[0]["content"]}) if found else None


def shown(client: Client, keys: Path, number: str) -> bytes:
    """The record of a notification or of a dead letter. Raises LookupError, OSError or ValueError."""
    raw = client.raw_query(SEALED, parameters={"id": number}, fmt="RawBLOB")
    if not raw:
        raise LookupError(f"there is neither a notification nor a dead letter {number}")
    return unsealing(client, keys)(number, raw)


def legible(record: bytes, inside: Callable[[Notification], bytes] = lambda _: b"") -> str:
    """A record as people read it: of a notification its headers, below them its body as text, and what is encrypted in
    that."""
    try:
        told = msgspec.json.decode(record, type=Notification)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _printed(record)
    heads = (f"{name}: {value}" for name, value in told.headers.items())
    about = (
        f"{told.id}  {told.channel}/{told.group}  {shanghai(datetime.fromtimestamp(told.time / 1000, UTC))}"
    )
    lines = [about, *(_printed(head.encode()) for head in heads), "", _printed(told.body)]
    if plain := inside(told):
        lines += ["", "resource 解密 decrypted:", _printed(plain)]
    return "\n".join(lines)


def decrypting(client: Client, keys: Path) -> Callable[[Notification], bytes]:
    """What a notification has encrypted, as WeChat Pay's do; nothing where none of the keys that are there opens it."""
    channels = _channels(client)

    def inside(told: Notification) -> bytes:
        channel = channels.channels.get(told.channel) if channels is not None else None
        if channel is None or channel.format != "wechat":
            return b""
        try:
            found = decrypted(json_of(told.body), read_ciphers(channel, keys))
        except RefusedError:
            return b""
        return found[1] if found is not None else b""

    return inside


def _printed(raw: bytes) -> str:
    """Text whose control characters do nothing to a terminal."""
    text = raw.decode("utf-8", "replace")
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)
