"""The way to ClickHouse: one client, made from the settings, and what every writer and reader shares."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from schemas.settings import Settings
from sinks.ddl import NEWER, VIEWS, statements
from sinks.tables import TABLES


class StoreAwayError(RuntimeError):
    """ClickHouse cannot be reached, or answers that it is starting, stopping or out of memory."""


AWAY = (ClickHouseError, StoreAwayError, HTTPError, OSError)
"""What asking raises when the store is away; an answer that breaks off in the middle is urllib3's HTTPError."""

_PASSING = {159, 202, 209, 210, 241, 242, 252, 319, 999}
"""Codes of ClickHouse that pass by waiting: time-outs, too many queries or parts, memory, Keeper away."""


def is_away(error: Exception) -> bool:
    """Whether trying again later may help: no connection, or an answer that passes."""
    code = getattr(error, "code", None)
    return isinstance(error, OSError) or code is None or code in _PASSING


def unanswered(error: BaseException) -> str:
    """How a store that was asked fails to answer, in a few words: what the operating system says of the connection,
    or the first line of what came back."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, TimeoutError):
            return "does not answer in time"
        if isinstance(found, OSError):
            return f"does not answer: {found.strerror or found}"
        found = found.__cause__ or found.__context__
    return f"does not answer as it should: {str(error).strip().partition(chr(10))[0][:200]}"


CERTAIN: dict[str, object] = {
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "select_sequential_consistency": 1,
}
"""On a cluster a plan counts when most replicas have it, and whoever reads plans sees all that count."""
EVERYWHERE: dict[str, object] = {"distributed_product_mode": "global"}
"""Questions over all shards may ask within a question: what is within is asked once."""


def readers(settings: Settings) -> Settings:
    """The same settings for those who only read: of all shards, where there are several."""
    return msgspec.structs.replace(settings, database=settings.read_database or settings.database, cluster="")


def connect(settings: Settings, seconds: int = 30) -> Client:
    """A client of the store that the settings name. Raises StoreAwayError when it cannot be reached.

    `seconds`: how long an answer may take to begin, after which the store counts as away.
    """
    url = urlsplit(settings.clickhouse)
    more = CERTAIN if settings.cluster else EVERYWHERE if settings.read_database else {}
    try:
        return clickhouse_connect.get_client(
            host=url.hostname or "127.0.0.1",
            port=url.port or (8443 if url.scheme == "https" else 8123),
            secure=url.scheme == "https",
            username=settings.clickhouse_user,
            password=settings.clickhouse_password,
            database=settings.database,
            autogenerate_session_id=False,
            compress=False,
            query_retries=0,
            settings=dict(more),
            connect_timeout=min(10, seconds),
            send_receive_timeout=seconds,
        )
    except AWAY as error:
        if not is_away(error):
            raise
        raise StoreAwayError(f"{settings.clickhouse} {unanswered(error)}") from error


def patiently(connecting: Callable[[], Client], say: Callable[[str], object], most: float = 10.0) -> Client:
    """Wait for a store that is away, backing off up to `most` seconds between tries, saying so each time."""
    pause = 0.1
    while True:
        try:
            return connecting()
        except StoreAwayError as away:
            say(f"waiting for the store: {away}")
            time.sleep(pause)
            pause = min(pause * 2, most)


_THERE = "SELECT name FROM system.tables WHERE database = currentDatabase()"
_KNOWN = "SELECT name FROM system.merge_tree_settings WHERE name IN {names:Array(String)}"


def create_tables(client: Client) -> None:
    """Create on a server what is missing: one question where nothing is, since every lane asks that begins."""
    there = {row[0] for row in client.query(_THERE).result_rows}
    if there >= {table.name for table in TABLES} | VIEWS.keys():
        return
    known = {row[0] for row in client.query(_KNOWN, parameters={"names": list(NEWER)}).result_rows}
    for statement in statements(there=there, known=known):
        client.command(statement)
