"""Publish a tariff book or a network directory: checked as a whole first, then one event for all lanes."""

import time
from pathlib import Path

import msgspec

from deploy.files import files_of
from flows.governance.network import Network, read_network
from flows.rating.book import read_book
from schemas import topics
from schemas.events import NetworkPublished, TariffPublished
from schemas.identity import version_of
from schemas.problems import UNREADABLE, DocumentError
from schemas.settings import Settings
from sinks.kafka import Records
from sources.kafka import Follower


def publish_network(settings: Settings, directory: Path, by: str) -> str:
    """Publish a directory; its version. Raises DocumentError with every problem."""
    files = files_of(directory)
    read_network(files)
    version, now = version_of(files), int(time.time() * 1000)
    event = NetworkPublished(
        id=f"network-{version}-{now}", time=now, version=version, files=files, published_by=by
    )
    _send(settings, msgspec.json.encode(event))
    return version


def publish_tariff(settings: Settings, directory: Path, by: str, comment: str = "") -> str:
    """Publish a tariff book, checked against the newest directory in Kafka; its version.

    Raises DocumentError with every problem, LookupError when no directory has been published.
    """
    files = files_of(directory)
    book = read_book(files, _newest_network(settings))
    now = int(time.time() * 1000)
    event = TariffPublished(
        id=f"tariff-{book.version}-{now}",
        time=now,
        version=book.version,
        name=book.name,
        files=files,
        published_by=by,
        comment=comment,
    )
    _send(settings, msgspec.json.encode(event))
    return book.version


def _newest_network(settings: Settings) -> Network:
    """The newest directory that the flows have accepted: what they refuse is passed over here, too."""
    follower = Follower(settings.kafka, topics.CONTROL.name, settings.kafka_options)
    newest: Network | None = None
    until = time.monotonic() + 10
    try:
        while time.monotonic() < until:
            values = follower.poll(1.0)
            for raw in values:
                newest = _network(raw) or newest
            if newest is not None and not values:
                break
    finally:
        follower.close()
    if newest is None:
        raise LookupError("no network directory has been published: waybook publish-network DIRECTORY")
    return newest


def _network(raw: bytes) -> Network | None:
    """The directory that a record of the control topic publishes, if it does."""
    try:
        event = msgspec.json.decode(raw, type=TariffPublished | NetworkPublished)
        if not isinstance(event, NetworkPublished) or event.version != version_of(event.files):
            return None
        return read_network(event.files)
    except (*UNREADABLE, DocumentError):
        return None


def _send(settings: Settings, raw: bytes) -> None:
    records = Records(settings)
    records.produce(topics.CONTROL.name, "", raw, partition=0)
    records.flush()
