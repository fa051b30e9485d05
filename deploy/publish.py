"""Publish a tariff book or a network directory: checked as a whole first, then one event for all lanes."""

import contextlib
import time
from pathlib import Path

import msgspec

from deploy.files import files_of
from flows.lifecycle.published import in_force, next_network
from flows.rating.book import read_book
from schemas import topics
from schemas.events import ControlEvent, NetworkPublished, TariffPublished
from schemas.identity import version_of
from schemas.problems import UNREADABLE
from schemas.settings import Settings
from sinks.kafka import Records
from sources.kafka import Follower


def publish_network(settings: Settings, directory: Path, by: str) -> str:
    """Publish a directory, checked against the directory and the books in force; its version.

    Raises DocumentError with every problem.
    """
    files = files_of(directory)
    version, now = version_of(files), int(time.time() * 1000)
    event = NetworkPublished(
        id=f"network-{version}-{now}", time=now, version=version, files=files, published_by=by
    )
    network, tariffs = in_force(published(settings))
    next_network(event, network, tariffs)
    _send(settings, msgspec.json.encode(event))
    return version


def publish_tariff(settings: Settings, directory: Path, by: str, comment: str = "") -> str:
    """Publish a tariff book, checked against the directory in force; its version.

    Raises DocumentError with every problem, LookupError when no directory has been published.
    """
    files = files_of(directory)
    network, _ = in_force(published(settings))
    if network is None:
        raise LookupError("no network directory has been published: waybook publish-network DIRECTORY")
    book = read_book(files, network)
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


def published(settings: Settings, seconds: float = 10) -> list[ControlEvent]:
    """All that was published, in order; what is no document of ours is left out, as the lanes do.

    Waits so long for Kafka, at most.
    """
    follower = Follower(settings.kafka, topics.CONTROL.name, settings.kafka_options)
    found: list[ControlEvent] = []
    until = time.monotonic() + seconds
    try:
        while not follower.at_end and time.monotonic() < until:
            for raw in follower.poll(1.0):
                with contextlib.suppress(*UNREADABLE):
                    found.append(msgspec.json.decode(raw, type=ControlEvent))
    finally:
        follower.close()
    return found


def send_control(settings: Settings, *events: ControlEvent) -> None:
    """Publish events; returns when Kafka has them."""
    for event in events:
        _send(settings, msgspec.json.encode(event))


def _send(settings: Settings, raw: bytes) -> None:
    records = Records(settings)
    records.produce(topics.CONTROL.name, "", raw, partition=0)
    records.flush()
