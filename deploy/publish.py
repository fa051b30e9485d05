"""Publish a tariff book or a network directory: checked as a whole first, then one event for all lanes."""

import time
from pathlib import Path

import msgspec

from deploy.tariff.opening import text_files
from flows.governance.network import Network, read_network
from flows.rating.book import Book
from schemas import topics
from schemas.events import ControlEvent, NetworkPublished, TariffPublished, TariffWithdrawn
from schemas.identity import version_of
from schemas.limits import MOST_IDENTIFIER
from schemas.settings import Settings
from sinks.kafka import Records
from sources.kafka import Follower


def publish_network(settings: Settings, directory: Path, by: str) -> str:
    """Publish a directory; its version. Raises DocumentError with every problem."""
    files = text_files(directory)
    read_network(files)
    version, now = version_of(files), int(time.time() * 1000)
    event = NetworkPublished(
        id=f"network-{version}-{now}", time=now, version=version, files=files, published_by=by
    )
    _send(settings, msgspec.json.encode(event))
    return version


def publish_tariff(settings: Settings, book: Book, files: dict[str, str], by: str, comment: str = "") -> None:
    """Publish a tariff book that was read from these files, by the newest directory in Kafka."""
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


def withdraw_tariff(settings: Settings, version: str, name: str, by: str, comment: str = "") -> None:
    """Take a version, or every book of a name, out of force."""
    now = int(time.time() * 1000)
    event = TariffWithdrawn(
        id=f"withdrawn-{version or name}-{now}"[:MOST_IDENTIFIER],
        time=now,
        version=version,
        name=name,
        withdrawn_by=by,
        comment=comment,
    )
    _send(settings, msgspec.json.encode(event))


def newest_network(settings: Settings) -> Network:
    """The newest directory in Kafka. Raises LookupError when none has been published."""
    return read_network(_newest_network(settings).files)


def _newest_network(settings: Settings) -> NetworkPublished:
    follower = Follower(settings.kafka, topics.CONTROL.name, settings.kafka_options)
    newest: NetworkPublished | None = None
    until = time.monotonic() + 10
    try:
        while time.monotonic() < until:
            found = [
                event
                for raw in follower.poll(1.0)
                if isinstance(event := msgspec.json.decode(raw, type=ControlEvent), NetworkPublished)
            ]
            newest = found[-1] if found else newest
            if newest is not None and not found:
                break
    finally:
        follower.close()
    if newest is None:
        raise LookupError("no network directory has been published: waybook publish-network DIRECTORY")
    return newest


def _send(settings: Settings, raw: bytes) -> None:
    records = Records(settings)
    records.produce(topics.CONTROL.name, "", raw, partition=0)
    records.flush()
