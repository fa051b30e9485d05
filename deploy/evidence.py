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
from sources.channels.keys import read_evidence
from sources.channels.model import Own
from sources.channels.read import FILE, read_channels

RULES = "SELECT content FROM payment_rules WHERE file = {file:String} ORDER BY seq DESC, line DESC LIMIT 1"
SEALED = """
SELECT sealed AS raw FROM notification WHERE notification_id = {id:String} LIMIT 1
UNION ALL SELECT raw FROM dead_letter WHERE dead_letter_id = {id:String} AND status = 'open' LIMIT 1"""
"""A notification has a row for each payment that it tells of."""


def unsealing(client: Client, keys: Path) -> Callable[[str, bytes], bytes]:
    """Opens what is sealed under an id. Raises OSError or ValueError where the keys are not there."""
    found = rows(client, RULES, file=FILE)
    own = read_channels({FILE: found[0]["content"]}).own if found else Own()
    evidence = read_evidence(own, keys)
    return lambda identity, sealed: evidence.unseal(identity, sealed) if sealed else b""


def shown(client: Client, keys: Path, number: str) -> bytes:
    """The record of a notification or of a dead letter. Raises LookupError, OSError or ValueError."""
    raw = client.raw_query(SEALED, parameters={"id": number}, fmt="RawBLOB")
    if not raw:
        raise LookupError(f"there is neither a notification nor a dead letter {number}")
    return unsealing(client, keys)(number, raw)


def legible(record: bytes) -> str:
    """A record as people read it: of a notification its headers, and below them its body as text."""
    try:
        told = msgspec.json.decode(record, type=Notification)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _printed(record)
    heads = (f"{name}: {value}" for name, value in told.headers.items())
    about = (
        f"{told.id}  {told.channel}/{told.group}  {shanghai(datetime.fromtimestamp(told.time / 1000, UTC))}"
    )
    return "\n".join([about, *(_printed(head.encode()) for head in heads), "", _printed(told.body)])


def _printed(raw: bytes) -> str:
    """Text whose control characters do nothing to a terminal."""
    text = raw.decode("utf-8", "replace")
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)
