"""Publish a tariff book, a network directory or the rules of payments: checked as a whole first, then one event."""

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from dashboards.library import NO_DIRECTORY
from deploy.files import files_of, texts_of
from flows.governance.advice import advice
from flows.governance.network import NO_NETWORK, Network
from flows.lifecycle.published import in_force, next_network
from flows.rating.book import Book
from flows.reconciliation.rules import FILE as MATCHING
from flows.reconciliation.rules import read_matching
from schemas import topics
from schemas.events import ControlEvent, NetworkPublished, TariffPublished, TariffWithdrawn
from schemas.identity import version_of
from schemas.limits import MOST_IDENTIFIER
from schemas.parts import messages_of
from schemas.payments import PaymentRulesPublished
from schemas.problems import UNREADABLE, DocumentError, Problem
from schemas.settings import Settings
from sinks.kafka import DeliveryError, require, sending
from sources.channels.keys import read_keys
from sources.channels.read import FILE as CHANNELS
from sources.channels.read import PAYERS, read_channels, read_payers
from sources.kafka import Follower

PAYMENT_FILES = (CHANNELS, MATCHING, PAYERS)
MOST_RULES_BYTES = 6_000_000
"""A publication is one message of at most 8 MB, in which some characters take two bytes."""


def publish_network(settings: Settings, directory: Path, by: str) -> tuple[str, list[Problem]]:
    """Publish a directory, checked against the directory and the books in force; its version, and what is remarkable.

    Raises DocumentError with every problem.
    """
    texts = texts_of(directory)
    files = texts.files
    version, now = version_of(files), int(time.time() * 1000)
    event = NetworkPublished(
        id=f"network-{version}-{now}", time=now, version=version, files=files, published_by=by
    )
    before, tariffs = in_force(published(settings))
    network, books = texts.read(lambda _: next_network(event, before, tariffs))
    remarks = [texts.located(remark) for remark in advice(files, network, books, before or NO_NETWORK)]
    send_control(settings, event)
    return version, remarks


def publish_tariff(settings: Settings, book: Book, files: dict[str, str], by: str, comment: str = "") -> str:
    """Publish a tariff book that was read from these files, by the directory in force; the event's id."""
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
    send_control(settings, event)
    return event.id


def publish_payment_rules(settings: Settings, directory: Path, by: str) -> str:
    """Publish channels, matching rules and payers of a directory, checked as a lane will; their version.

    Raises DocumentError with every problem, also for keys that are not in the directory of keys.
    """
    files = {name: text for name, text in files_of(directory).items() if name in PAYMENT_FILES}
    check_payment_rules(files, settings.keys)
    version, now = version_of(files), int(time.time() * 1000)
    event = PaymentRulesPublished(
        id=f"payment-rules-{version}-{now}", time=now, version=version, files=files, published_by=by
    )
    records = sending(settings)
    records.produce(topics.PAYMENT_CONTROL.name, "", msgspec.json.encode(event), partition=0)
    records.flush()
    return version


def check_payment_rules(files: Mapping[str, str], keys: Path) -> None:
    """What a payments lane will look at. Raises DocumentError with the problems of every file and of the keys."""
    problems: list[Problem] = []
    readers: tuple[Callable[[], object], ...] = (
        lambda: read_keys(read_channels(files), keys),
        lambda: read_payers(files),
        lambda: read_matching(files[MATCHING]) if MATCHING in files else None,
    )
    for read in readers:
        try:
            read()
        except DocumentError as error:
            problems += error.problems
    if sum(len(text.encode()) for text in files.values()) > MOST_RULES_BYTES:
        message = f"the files together have more than {MOST_RULES_BYTES:,} bytes"
        problems.append(Problem("", 0, "", "too_large", message))
    if problems:
        raise DocumentError(problems)


def withdraw_tariff(settings: Settings, version: str, name: str, by: str, comment: str = "") -> str:
    """Take a version, or every book of a name, out of force; the event's id."""
    now = int(time.time() * 1000)
    event = TariffWithdrawn(
        id=f"withdrawn-{version or name}-{now}"[:MOST_IDENTIFIER],
        time=now,
        version=version,
        name=name,
        withdrawn_by=by,
        comment=comment,
    )
    send_control(settings, event)
    return event.id


def standing(settings: Settings) -> tuple[Network, list[TariffPublished]]:
    """The directory and the books that lanes have in force. Raises LookupError when no directory is published."""
    network, tariffs = in_force(published(settings))
    if network is None:
        raise LookupError(NO_DIRECTORY)
    return network, tariffs


def published(settings: Settings, seconds: float = 10) -> list[ControlEvent]:
    """All that was published, in order; what is no document of ours is left out, as the lanes do.

    Raises DeliveryError when Kafka says nothing for so long: whoever took that for nothing would publish beside what
    is there.
    """
    require(settings)
    follower = Follower(settings.kafka, topics.CONTROL.name, settings.kafka_options)
    found: list[ControlEvent] = []
    heard = time.monotonic()
    try:
        while not follower.at_end:
            for raw in follower.poll(min(seconds, 1.0)):
                heard = time.monotonic()
                with contextlib.suppress(*UNREADABLE):
                    found.append(msgspec.json.decode(raw, type=ControlEvent))
            if time.monotonic() > heard + seconds and not follower.at_end:
                if follower.is_missing(seconds):
                    break
                raise DeliveryError(f"{settings.kafka} does not say what is published")
    finally:
        follower.close()
    return found


def send_control(settings: Settings, *events: ControlEvent) -> None:
    """Publish events; returns when Kafka has them."""
    records = sending(settings)
    for event in events:
        for message in messages_of(event):
            records.produce(topics.CONTROL.name, "", message, partition=0)
    records.flush()
