"""Which published documents come into force: each is taken or refused as a whole, by what was published before.

Directories only grow: what parcels, charges and prices refer to is never taken out again (an outlet that closes
stays, with the day on which it closed, wherever that is said). So every book that was ever accepted can be read
under every later directory, after a restart as well; a directory that would make one unreadable is refused.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from flows.governance.network import Network, read_network
from flows.lifecycle.gathering import Gathering
from flows.lifecycle.intake import readable
from flows.rating.book import read_book
from flows.rating.model import Book
from schemas.events import (
    ControlEvent,
    NetworkPart,
    NetworkPublished,
    TariffPublished,
    TariffWithdrawn,
    Tick,
)
from schemas.identity import version_of
from schemas.problems import DocumentError, Problem

Reader = Callable[[Mapping[str, str], Network], Book]
"""Reads a book's files under a directory. Raises DocumentError."""

_GROWING = (
    ("sites.csv", "site", "sites"),
    ("sites.csv", "outlet", "outlets"),
    ("products.csv", "product", "products"),
)
"""File, column and where `Network` has it."""


def follows(before: Network | None, after: Network) -> Network:
    """`after`, when it may come after `before`. Raises DocumentError naming what is missing in it."""
    problems = [
        Problem(
            file,
            0,
            column,
            "missing_row",
            f"{column} {name} of the directory before is missing: keep its row",
        )
        for file, column, field in _GROWING
        if before is not None
        for name in getattr(before, field)
        if name not in getattr(after, field)
    ]
    if problems:
        raise DocumentError(problems)
    return after


def directory_after(published: NetworkPublished, before: Network | None) -> Network:
    """A directory as every flow takes it, whatever the books in force say. Raises DocumentError."""
    network = follows(before, read_network(published.files))
    if network.version != published.version:
        message = f"version {published.version} is not that of its files, {network.version}"
        raise DocumentError([Problem("", 0, "", "wrong_version", message)])
    return network


def begins(records: Sequence[bytes]) -> bool:
    """Whether these records bring a directory and a time: without both no event can be judged."""
    gathering = Gathering()
    events = [event for raw in records if (event := readable(raw)) is not None]
    control = [event for event in events if isinstance(event, ControlEvent)]
    documents = [gathering.document(event, (), NetworkPart) for event in control]
    return any(isinstance(event, Tick) for event in events) and any(
        isinstance(document, NetworkPublished) and _reads(document) for document in documents
    )


def _reads(published: NetworkPublished) -> bool:
    try:
        return bool(directory_after(published, None))
    except DocumentError:
        return False


def next_network(
    published: NetworkPublished,
    before: Network | None,
    tariffs: Iterable[TariffPublished],
    read: Reader = read_book,
) -> tuple[Network, list[Book]]:
    """The directory, and the books in force read under it. Raises DocumentError: the directory is refused."""
    network = directory_after(published, before)
    return network, [_read_under(tariff, network, read) for tariff in tariffs]


def _read_under(tariff: TariffPublished, network: Network, read: Reader) -> Book:
    try:
        return read(tariff.files, network)
    except DocumentError as error:
        said = f"the tariff book in force, version {tariff.version}, does not read under this directory: "
        raise DocumentError(
            [msgspec.structs.replace(problem, message=said + problem.message) for problem in error.problems]
        ) from error


def taken_out(withdrawn: TariffWithdrawn, tariffs: Sequence[TariffPublished]) -> list[TariffPublished]:
    """The books that a withdrawal takes out of force; none when it names both a version and a name, or neither."""
    version, name = withdrawn.version, withdrawn.name
    if (version == "") == (name == ""):
        return []
    return [book for book in tariffs if (book.version == version if version else book.name == name)]


def in_force(
    documents: Iterable[ControlEvent], read: Reader = read_book
) -> tuple[Network | None, list[TariffPublished]]:
    """The directory and the books that lanes have in force after these documents, in order of publication.

    Only for checking before publishing: a lane decides by itself.
    """
    network: Network | None = None
    directory = ""
    tariffs: list[TariffPublished] = []
    gathering = Gathering()
    for said in documents:
        document = gathering.document(said, (directory, *(one.id for one in tariffs)))
        if isinstance(document, TariffWithdrawn):
            gone = taken_out(document, tariffs)
            tariffs = [book for book in tariffs if book not in gone]
            continue
        if not isinstance(document, NetworkPublished | TariffPublished):
            continue
        if document.version != version_of(document.files):
            continue
        try:
            if isinstance(document, NetworkPublished):
                network, _ = next_network(document, network, tariffs, read)
                directory = document.id
            elif network is not None:
                name = read(document.files, network).name
                tariffs.append(msgspec.structs.replace(document, name=name))
        except DocumentError:  # refused when it was read, and so no more in force than before
            continue
    return network, tariffs
